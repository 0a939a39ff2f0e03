"""Read a zip file that somebody sent, without trusting it; write one that is the same every time.

Nothing is unpacked to disk, and no size is believed: what a file says of itself is checked against the
limits before a byte of it is decompressed, and decompression stops at what it said.
"""

from __future__ import annotations

import io
import logging
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sayo_app.errors import TraceFileError

Readable = io.BytesIO | io.BufferedReader
Writable = io.BytesIO | io.BufferedWriter

logger = logging.getLogger(__name__)

ANEW = "Export the answer again and open the new file."
# The record at the end of a zip file, where it has no comment: count of members, bytes of their list.
_END, _END_BYTES, _COUNT, _LIST_BYTES = b"PK\x05\x06", 22, slice(10, 12), slice(12, 16)
_ZIP64, _ZIP64_BYTES = b"PK\x06\x07", 20
_MEMBER_BYTES = 1024
_PIECE_BYTES = 1 << 20
_ENCRYPTED = 1


def open_archive(file: Readable, *, max_members: int, max_bytes: int) -> zipfile.ZipFile:
    """The zip file, once its list of members is known to be small and plain.

    Args:
        file: opened for reading; it stays open.
        max_members: most files inside.
        max_bytes: largest sum of their sizes, unpacked.

    Raises:
        TraceFileError: no zip file, a damaged one, or one over a limit.
    """
    count = _member_count(file)
    if count > max_members:
        raise TraceFileError(
            expected=f"an exported trace of at most {max_members} files", got=f"{count}", remedy=ANEW
        )
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
    except Exception as error:  # zipfile raises every kind of error on damaged data.
        raise damaged(error) from error
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        raise too_large(f"{total / 1e6:.0f} MB", max_bytes)
    if len({member.filename for member in members}) < len(members):
        raise damaged(ValueError("two files of one name"))
    for member in members:
        plain = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        if not plain or member.flag_bits & _ENCRYPTED:
            raise TraceFileError(
                expected="a zip file with plain (deflate) compression and no password",
                got=f"{member.filename[:80]!r} packed in another way",
                remedy=ANEW,
            )
    return archive


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """The whole file of that name; its checksum is checked.

    Args:
        most: as many bytes as it can have; one that says it has more is not unpacked.

    Raises:
        TraceFileError: no such file, one that is too large, or a damaged one.
    """
    try:
        member = archive.getinfo(name)
    except KeyError as error:
        raise damaged(error) from error
    if member.file_size > most:
        raise TraceFileError(
            expected=f"{name} of at most {most} bytes", got=f"{member.file_size}, unpacked", remedy=ANEW
        )
    try:
        with archive.open(member) as file:
            return file.read(member.file_size + 1)
    except Exception as error:  # zipfile and zlib raise every kind of error on damaged data.
        raise damaged(error) from error


def copy_member(archive: zipfile.ZipFile, name: str, path: Path, most: int) -> None:
    """Lay the file of that name at a path, piece by piece; what is counted is what comes out.

    Raises:
        TraceFileError: as `read_member`.
        OSError: it cannot be written.
    """
    left = most
    with path.open("wb") as target:
        for piece in _pieces(archive, name):
            left -= len(piece)
            if left < 0:
                raise TraceFileError(expected=f"{name} of at most {most} bytes", got="more", remedy=ANEW)
            target.write(piece)


def _pieces(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    try:
        with archive.open(name) as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece
    except GeneratorExit:
        raise
    except Exception as error:  # zipfile and zlib raise every kind of error on damaged data.
        raise damaged(error) from error


def write_archive(file: Writable, members: Mapping[str, bytes | Path]) -> None:
    """A zip file of these files, in this order. The same files give the same bytes.

    Args:
        members: their contents by name; a path is read piece by piece.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name)  # Without a date it is 1980: the same each time.
            # PNG and NPZ are packed already.
            packed = name.endswith((".png", ".npz"))
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            if isinstance(data, bytes):
                archive.writestr(entry, data)
                continue
            entry.file_size = data.stat().st_size
            with data.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _PIECE_BYTES)


def packed_archive(members: Mapping[str, bytes | Path]) -> bytes:
    """`write_archive` to memory."""
    buffer = io.BytesIO()
    write_archive(buffer, members)
    return buffer.getvalue()


def damaged(error: Exception) -> TraceFileError:
    """For a file that cannot be read; the cause goes to the log."""
    logger.info("trace file could not be read: %r", error)
    return TraceFileError(expected="a whole trace file", got="one that is damaged or cut short", remedy=ANEW)


def too_large(got: str, max_bytes: int) -> TraceFileError:
    return TraceFileError(
        expected=f"a trace file of at most {max_bytes / 1e6:.0f} MB, unpacked",
        got=got,
        remedy="Export a shorter answer or smaller pictures.",
    )


def _member_count(file: Readable) -> int:
    """How many files the end record promises; zipfile itself would list millions before one could look."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END_BYTES - _ZIP64_BYTES))
    tail = file.read()
    end, before = tail[-_END_BYTES:], tail[:-_END_BYTES]
    if len(end) < _END_BYTES or not end.startswith(_END):
        raise TraceFileError(
            expected="a trace exported by SAYO Studio (a zip file)",
            got="a file that is none, or is cut short",
            remedy=ANEW,
        )
    count, listed = int.from_bytes(end[_COUNT], "little"), int.from_bytes(end[_LIST_BYTES], "little")
    # A second record for very large files would overrule the first.
    if before.startswith(_ZIP64) or listed > count * _MEMBER_BYTES:
        raise damaged(ValueError(f"{count} files listed in {listed} bytes"))
    return count
