"""ReFocus_Data (Hugging Face `ReFocus/ReFocus_Data`): charts and the areas to focus on. Read only.

Parquet with the columns `id, question, answer, image: {bytes, path}, focus_areas_bbox: {x1, y1, x2, y2}` (a
list of numbers each, in pixels of the picture; all empty where nothing is to be focused on), and `thoughts,
edited_image, source, split, x_values, y_values, x_values_bbox, y_values_bbox, figure_bbox`. Of the latter
`thoughts`, `source` and `split` are kept with the import; the edited picture and the boxes of all labels
are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sayo_app.core.geometry.region import Region
from storage.formats.common.parquet import parquet_rows, picture_bytes
from storage.formats.common.rows import (
    ReadOptions,
    Row,
    Skipped,
    Version,
    listed,
    mapping,
    numbers_of,
    optional_text,
    row_or_skipped,
    text_of,
    unfit,
)

_KEPT = ("id", "source", "split", "thoughts")


def read(path: Path, options: ReadOptions) -> Iterator[Row | Skipped]:
    """One row a row. Raises ImportFileError."""
    needed = ("question", "answer", "image", "focus_areas_bbox")
    for number, fields in parquet_rows(path, options.settings, needed, _KEPT):
        yield row_or_skipped(number, lambda: _row(number, fields))  # noqa: B023 (called at once)


def _row(number: int, fields: dict[str, Any]) -> Row:
    version = Version(
        question=text_of(fields, "question"),
        answer=optional_text(fields, "answer"),
        regions=tuple(Region.box(*box) for box in _boxes(fields["focus_areas_bbox"])),
    )
    return Row(
        number=number,
        picture=picture_bytes(fields["image"]),
        versions=(version,),
        extra={name: fields[name] for name in _KEPT if fields.get(name) is not None},
    )


def _boxes(value: Any) -> list[tuple[float, ...]]:
    """Four lists of edges as one list of boxes."""
    sides = [listed(mapping(value, "focus_areas_bbox").get(name), name) for name in ("x1", "y1", "x2", "y2")]
    if len({len(side) for side in sides}) != 1:
        raise unfit("as many x1 as y1, x2 and y2", ", ".join(str(len(side)) for side in sides))
    return [numbers_of(box, 4, "a box of focus_areas_bbox") for box in zip(*sides, strict=True)]
