"""Reading files that somebody sent: pictures inside one folder only, JSON and JSON lines within limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from sayo_app.errors import ImportFileError
from sayo_app.settings import Settings
from storage.formats.common.rows import ReadOptions, bad, numbered, shown

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:")
_DRIVE = re.compile(r"[a-zA-Z]:")
Json = TypeVar("Json")
# A line this long is no row of any format, but a file without line ends.
MAX_LINE_BYTES = 50_000_000


@dataclass(frozen=True)
class PictureFolder:
    """The one folder that an import may open pictures in."""

    root: Path

    @classmethod
    def beside(cls, path: Path, options: ReadOptions) -> PictureFolder:
        """The folder that was named, or `pictures` beside the file, or the file's own folder.

        Raises:
            ImportFileError: the folder that was named is none.
        """
        folder = options.pictures
        if folder is None:
            folder = path.parent / "pictures" if (path.parent / "pictures").is_dir() else path.parent
        if not folder.is_dir():
            raise ImportFileError(
                expected="a folder of pictures", got=shown(str(folder)), remedy="Name the right folder."
            )
        return cls(folder.resolve())

    def find(self, name: Any) -> Path:
        """The picture of that name.

        Raises:
            ImportRowError: no name, a web address (none is fetched), or no such picture.
            ImportFileError: a path that leads out of the folder, by itself or by a link.
        """
        if not isinstance(name, str) or not name.strip() or "\0" in name or len(name) > 1_000:
            raise bad("the picture's file name", name)
        if _URL.match(name) and not _DRIVE.fullmatch(name[:2]):
            raise bad("a picture in the folder (web addresses are not fetched)", name)
        if name.startswith(("/", "\\", "~")) or _DRIVE.fullmatch(name[:2]):
            raise _outside(name)
        try:
            found = (self.root / name.replace("\\", "/")).resolve()
            there = found.is_file()
        except (OSError, RuntimeError, ValueError) as error:
            raise bad("a picture in the folder", name) from error
        if not found.is_relative_to(self.root):
            raise _outside(name)
        if not there:
            raise bad("a picture in the folder", name)
        return found


def _outside(name: str) -> ImportFileError:
    return ImportFileError(
        expected="pictures inside the folder that was given",
        got=f"the path {shown(name)}, which leads out of it",
        remedy="Nothing was imported. Do not trust this file, or correct the path.",
    )


def check_file(path: Path, settings: Settings) -> None:
    """Raises ImportFileError for what is no file, is empty or is over the limit."""
    try:
        size = path.stat().st_size if path.is_file() else -1
    except OSError as error:
        raise unreadable(path, str(error)) from error
    if size < 0:
        raise unreadable(path, "no such file")
    if size == 0:
        raise unreadable(path, "an empty file")
    if size > settings.max_import_bytes:
        raise ImportFileError(
            expected=f"a file of at most {settings.max_import_bytes / 1e6:.1f} MB",
            got=f"{size / 1e6:.1f} MB",
            remedy="Split the file, or raise SAYO_MAX_IMPORT_BYTES.",
        )


def load_json(path: Path, settings: Settings, kind: type[Json], what: str) -> Json:
    """A whole JSON file.

    Args:
        kind: what it must hold outermost, a dict or a list.
        what: that in words, as "list of tasks".

    Raises:
        ImportFileError: too large, cut short, nested too deeply, no JSON, or something else than `kind`.
    """
    check_file(path, settings)
    try:
        value = parse_json(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, _why(error)) from error
    if not isinstance(value, kind):
        raise unreadable(path, f"no {what}")
    return value


def json_lines(path: Path, settings: Settings) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line that is not blank, with its number from 1.

    Raises:
        ImportFileError: as for `load_json`, with the line; or a line that is no object.
    """
    check_file(path, settings)
    count = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), 1):
                if not line.strip():
                    continue
                count = numbered(settings.max_import_rows, count + 1)
                if len(line) > MAX_LINE_BYTES:
                    raise unreadable(path, f"line {number} of more than {MAX_LINE_BYTES / 1e6:.0f} MB")
                value = _line(path, number, line)
                if not isinstance(value, dict):
                    raise unreadable(path, f"line {number} with {shown(value)} in place of an object")
                yield number, value
    except OSError as error:
        raise unreadable(path, str(error)) from error


def _line(path: Path, number: int, line: bytes) -> Any:
    try:
        return parse_json(line)
    except (ValueError, RecursionError) as error:
        raise unreadable(path, f"line {number}: {_why(error)}") from error


def parse_json(data: bytes | str) -> Any:
    """JSON proper: UTF-8, and no NaN or infinity, which Python would let through.

    Raises:
        ValueError, RecursionError: anything else.
    """
    return json.loads(data.decode("utf-8-sig") if isinstance(data, bytes) else data, parse_constant=_constant)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no JSON number")


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "text that is not UTF-8"
    return f"no whole JSON ({error})"


def unreadable(path: Path, why: str) -> ImportFileError:
    return ImportFileError(
        expected=f"a file that can be read ({path.name})",
        got=why,
        remedy="Check that it is whole and of the format that was named. Nothing was imported.",
    )
