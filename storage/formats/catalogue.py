"""Which formats there are, and what each is read and written with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sayo_app.errors import ImportFileError
from storage.formats.common.export_parts import Losses
from storage.formats.common.rows import ReadOptions, Row, Skipped, WriteOptions
from storage.formats.kinds import coco, gqa, label_studio, native, pictures, refocus, sayo, viscot


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        title: its name for people.
        read: rows of a file; raises ImportFileError.
        write: None where it is read only. Writes into a folder that is there, or to a path that ends in
            `suffix`.
        file: the name of the file that is written into a folder, and looked for in one that is read.
        suffix: of a single file that holds all; None where pictures lie beside.
        folder: what is read is the folder itself, or a single one of its pictures.
    """

    title: str
    read: Callable[[Path, ReadOptions], Iterator[Row | Skipped]]
    write: Callable[[Path, Iterable[Row], WriteOptions], Losses] | None = None
    file: str | None = None
    suffix: str | None = None
    folder: bool = False


FORMATS: dict[str, Format] = {
    "jsonl": Format("SAYO Studio", native.read, native.write, native.FILE, native.SUFFIX),
    "viscot": Format("Visual-CoT", viscot.read, viscot.write, viscot.FILE),
    "coco": Format("COCO", coco.read, coco.write, coco.FILE),
    "labelstudio": Format("Label Studio", label_studio.read, label_studio.write, label_studio.FILE),
    "sayo": Format("SAYO training data", sayo.read, sayo.write, None, sayo.SUFFIX),
    "gqa": Format("GQA", gqa.read),
    "refocus": Format("ReFocus_Data", refocus.read),
    "pictures": Format("Pictures alone", pictures.read, folder=True),
}


def find_format(name: str) -> Format:
    """Raises ImportFileError for an unknown name."""
    if name not in FORMATS:
        raise ImportFileError(
            expected=f"a format out of {', '.join(FORMATS)}", got=repr(name), remedy="Name one of these."
        )
    return FORMATS[name]
