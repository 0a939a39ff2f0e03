"""Bare pictures: one, or a folder of them and of folders. Read only.

Each becomes a question to do, the same of all: the one that was given, or `PICTURE_QUESTION`, as the default
of labelled formats names a label that pictures have not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sayo_app.errors import ImportRowError
from storage.formats.common.rows import DEFAULT_QUESTION, ReadOptions, Row, Skipped, Version, numbered
from storage.formats.common.sources import PictureFolder

PICTURE_QUESTION = "What is in the picture?"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def read(path: Path, options: ReadOptions) -> Iterator[Row | Skipped]:
    """One row a file, in the order of their paths; hidden files and a Mac's shadow files are passed over.

    Raises:
        ImportFileError: more files than rows are allowed, or a link that leads out of the folder.
    """
    question = PICTURE_QUESTION if options.question == DEFAULT_QUESTION else options.question
    folder = PictureFolder((path if path.is_dir() else path.parent).resolve())
    files = [file for file in sorted(path.rglob("*")) if not file.is_dir()] if path.is_dir() else [path]
    names = [file.relative_to(path if path.is_dir() else path.parent) for file in files]
    seen = (name for name in names if not any(_hidden(part) for part in name.parts))
    for count, name in enumerate(seen, 1):
        number = numbered(options.settings.max_import_rows, count)
        if name.suffix.lower() not in SUFFIXES:
            yield Skipped(number, f"a picture ({', '.join(SUFFIXES)})", str(name))
            continue
        try:
            yield Row(number, folder.find(str(name)), (Version(question, (), None),))
        except ImportRowError as error:
            yield Skipped(number, error.expected, error.got)


def _hidden(part: str) -> bool:
    return part.startswith(".") or part == "__MACOSX"
