"""An import that comes as an upload: a file by itself, a ZIP of it and its pictures, or several files."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sayo_app.core.disk import require_room
from sayo_app.errors import ImportFileError
from sayo_app.settings import Settings
from storage.formats.catalogue import Format, find_format
from storage.formats.common.rows import ReadOptions, shown
from storage.formats.common.sources import unreadable
from storage.formats.importer import ImportReport, import_file
from storage.store import Store

_CHUNK_BYTES = 1 << 20
_DATA_SUFFIXES = (".json", ".jsonl", ".parquet")


def import_upload(
    store: Store,
    format_name: str,
    paths: Sequence[Path],
    options: ReadOptions,
    author: str = "",
    state: str = "submitted",
) -> ImportReport:
    """`import_file`, of a ZIP or several files too: in a temporary folder, whole and within the limits.

    Raises:
        ImportFileError: as for `import_file`; a damaged ZIP, one over a limit, or one with a path that leads
            out of it; two files of one name. Nothing is stored.
    """
    require_room(store.settings, "an import", sum(path.stat().st_size for path in paths))
    chosen = find_format(format_name)
    path = paths[0]
    packed = len(paths) == 1 and path.suffix.lower() == ".zip"
    if len(paths) == 1 and not packed:
        return import_file(store, format_name, path, options, author, state)
    with tempfile.TemporaryDirectory(prefix="sayo-import-") as name:
        folder = Path(name) / (
            (path.stem.strip(".") or "upload") if packed else f"{path.name} and {len(paths) - 1} more"
        )
        folder.mkdir()
        if packed:
            unpack(path, folder, store.settings)
        else:
            _gather(paths, folder, store.settings)
        if chosen.folder:
            return import_file(store, format_name, folder, options, author, state)
        files = _data_files(folder)
        graphs = [file for file in files if format_name == "gqa" and "scene" in file.name.lower()]
        file = _the_file([file for file in files if file not in graphs], chosen, folder)
        options = replace(options, scene_graphs=graphs[0] if graphs else options.scene_graphs)
        return import_file(store, format_name, file, options, author, state)


def _gather(paths: Sequence[Path], folder: Path, settings: Settings) -> None:
    """Raises ImportFileError: more bytes or files than one import may have, or two of one name."""
    size = sum(path.stat().st_size for path in paths)
    if size > settings.max_import_bytes:
        raise _over(folder, f"{settings.max_import_bytes / 1e6:.1f} MB", f"{size / 1e6:.1f} MB")
    if len(paths) > settings.max_import_rows:
        raise _over(folder, f"{settings.max_import_rows:,} files", f"{len(paths):,}")
    for path in paths:
        if (folder / path.name).exists():
            raise ImportFileError(
                expected="files of different names",
                got=f"{shown(path.name)} twice",
                remedy="Rename one, or pack them with their folders into a ZIP. Nothing was imported.",
            )
        shutil.copyfile(path, folder / path.name)


def unpack(path: Path, folder: Path, settings: Settings) -> None:
    """Unpacks a ZIP into an empty folder.

    What counts is what comes out, not what the ZIP says of itself.

    Raises:
        ImportFileError: damaged, locked, more files than rows are allowed, more bytes than one import may
            have, a link, or a path that leads out of the folder.
    """
    left = settings.max_import_bytes
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > settings.max_import_rows:
                raise _over(path, f"{settings.max_import_rows:,} files", f"{len(entries):,}")
            for entry in entries:
                target = folder / _safe_name(entry)
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as sink:
                    while chunk := source.read(_CHUNK_BYTES):
                        left -= len(chunk)
                        if left < 0:
                            most = f"{settings.max_import_bytes / 1e6:.1f} MB unpacked"
                            raise _over(path, most, "more")
                        sink.write(chunk)
    # A locked ZIP is a RuntimeError, an unknown way of packing a NotImplementedError.
    except (zipfile.BadZipFile, OSError, RuntimeError, EOFError, ValueError) as error:
        raise unreadable(path, f"no ZIP that can be unpacked ({error})") from error


def _safe_name(entry: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    linked = stat.S_ISLNK(entry.external_attr >> 16)
    if linked or name.is_absolute() or ".." in name.parts or ":" in entry.filename or not name.parts:
        raise ImportFileError(
            expected="a ZIP whose files stay inside it",
            got=f"{'the link' if linked else 'the path'} {shown(entry.filename)}",
            remedy="Nothing was imported. Do not trust this file, or pack it again.",
        )
    return name


def _data_files(folder: Path) -> list[Path]:
    """Those nearest to the top first; a Mac's shadow files are none."""
    found = [
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in _DATA_SUFFIXES and "__MACOSX" not in file.parts
    ]
    return sorted(found, key=lambda file: (len(file.parts), file.name))


def _the_file(files: list[Path], chosen: Format, path: Path) -> Path:
    named = [file for file in files if file.name == chosen.file]
    if named or len(files) == 1:
        return (named or files)[0]
    raise ImportFileError(
        expected=f"one file in {', '.join(_DATA_SUFFIXES)} in {path.name}"
        + (f", or one called {chosen.file}" if chosen.file else ""),
        got=", ".join(shown(file.name) for file in files[:5]) or "none",
        remedy="Pack the file together with its pictures. Nothing was imported.",
    )


def _over(path: Path, most: str, got: str) -> ImportFileError:
    return ImportFileError(
        expected=f"at most {most} in {path.name}",
        got=got,
        remedy="Split it, or import it with python -m storage import. Nothing was imported.",
    )
