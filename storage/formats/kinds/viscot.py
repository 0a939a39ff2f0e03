"""Visual-CoT JSON lines (`viscot_dataset/*.jsonl` of deepcs233/Visual-CoT, arXiv 2403.16999).

One question a line::

    {"question": ..., "answer": ..., "image": "dir/name.jpg", "width": 500, "height": 336,
     "bboxs": [[x0, y0, x1, y1], ...], "dataset": "cub", "split": "train"}

Boxes are in pixels of the picture, from corner (x0, y0) to corner (x1, y1). Some of its files carry
`full_answer` or `possible_answers` too; they are kept as they are.

Cannot hold: polygons and brush masks (written as their bounding box), labels, steps, "do not look here"
regions (left out), the answer and attention shown, model, state, author, history.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sayo_app.core.geometry.region import Region
from storage.formats.common.export_parts import Losses, copy_picture, image_size
from storage.formats.common.rows import (
    ReadOptions,
    Row,
    Skipped,
    Version,
    WriteOptions,
    listed,
    numbers_of,
    optional_text,
    row_or_skipped,
    size_of,
    text_of,
)
from storage.formats.common.sources import PictureFolder, json_lines

FILE = "viscot.jsonl"
_KNOWN = {"question", "answer", "image", "width", "height", "bboxs"}


def read(path: Path, options: ReadOptions) -> Iterator[Row | Skipped]:
    """One row a line. Raises ImportFileError."""
    folder = PictureFolder.beside(path, options)
    for number, fields in json_lines(path, options.settings):
        yield row_or_skipped(number, lambda: _row(number, fields, folder))  # noqa: B023 (called at once)


def _row(number: int, fields: dict[str, Any], folder: PictureFolder) -> Row:
    boxes = [numbers_of(box, 4, "a box of bboxs") for box in listed(fields.get("bboxs"), "bboxs")]
    version = Version(
        question=text_of(fields, "question"),
        answer=optional_text(fields, "answer"),
        regions=tuple(Region.box(*box) for box in boxes),
    )
    return Row(
        number=number,
        picture=folder.find(fields.get("image")),
        image_wh=size_of(fields),
        versions=(version,),
        extra={name: value for name, value in fields.items() if name not in _KNOWN},
    )


def write(folder: Path, rows: Iterable[Row], options: WriteOptions) -> Losses:
    """`viscot.jsonl` and `pictures/` in the folder."""
    losses = Losses()
    with (folder / FILE).open("w", encoding="utf-8") as file:
        for row in rows:
            width, height = image_size(row)
            losses.of_row(row, labels=False, steps=False)
            line = {"dataset": "sayo", "split": "train"} | row.extra
            line |= {
                "question": row.now.question,
                "answer": row.now.answer,
                "image": copy_picture(row, folder),
                "width": width,
                "height": height,
                "bboxs": [list(region.box_xyxy) for region in losses.looked_at(row, kinds=("box",))],
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return losses
