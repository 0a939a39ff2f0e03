"""The training data of SAYO (arXiv 2602.08241): one Parquet file with the columns

    id, type, question, answer, short_answer: string · image: binary (PNG) · focus_area: list<list<int64>>

`image` is already resized for the model. `focus_area` has one [first, last] pair of image-token ids, both
included, for each row of the token grid that the box touches; ids count row-major from 0 over a grid of
width // 28 columns. `answer` is the whole sentence and `short_answer`, where there is one, the answer
alone.

Two slips of the published script are put right on reading: a box that touches the right edge has a last id
in the first column of the next row (cut at the row's end here), and one that touches the bottom edge has a
row past the grid (left out). Writing follows the reward instead of the script: a cell counts where the
regions cover at least half of it (`sayo_app.core.geometry.cells.region_mask`), so a box does not gain the
cells that it only grazes.

Cannot hold: the picture in its own size, regions finer than a cell (written as the cells they mean),
labels, steps, "do not look here" regions (left out), the answer and attention shown, model, state, author,
history.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from sayo_app.core.geometry.cells import are_whole_cells, mask_to_ranges, ranges_to_boxes, region_mask
from sayo_app.core.geometry.region import Region
from sayo_app.core.picture import open_picture
from storage.formats.common.export_parts import Losses, image_size
from storage.formats.common.grids import GridRule
from storage.formats.common.parquet import file_bytes, parquet_rows, picture_bytes, write_parquet
from storage.formats.common.rows import (
    ReadOptions,
    Row,
    Skipped,
    Version,
    WriteOptions,
    bad,
    listed,
    optional_text,
    row_or_skipped,
    text_of,
    unfit,
)

SUFFIX = ".parquet"
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "type", "question", "answer", "short_answer")),
        ("image", pa.binary()),
        ("focus_area", pa.list_(pa.list_(pa.int64()))),
    ]
)


def read(path: Path, options: ReadOptions) -> Iterator[Row | Skipped]:
    """One row a row; regions are boxes made of whole cells of `options.grid`. Raises ImportFileError."""
    needed = ("question", "answer", "image", "focus_area")
    for number, fields in parquet_rows(path, options.settings, needed, ("id", "type", "short_answer")):
        yield row_or_skipped(number, lambda: _row(number, fields, options))  # noqa: B023 (called at once)


def _row(number: int, fields: dict[str, Any], options: ReadOptions) -> Row:
    data = picture_bytes(fields["image"])
    answer, short = optional_text(fields, "answer"), optional_text(fields, "short_answer")
    settings = options.settings
    picture = open_picture(data, max_bytes=settings.max_file_bytes, max_pixels=settings.max_picture_pixels)
    ranges = [_token_range(pair) for pair in listed(fields["focus_area"], "focus_area")]
    version = Version(
        question=text_of(fields, "question"),
        answer=short or answer,
        regions=tuple(Region.box(*box) for box in ranges_to_boxes(ranges, options.grid.grid(picture.size))),
    )
    extra = {"answer": answer} if short else {}
    extra |= {name: fields[name] for name in ("id", "type") if fields.get(name) is not None}
    return Row(number=number, picture=data, image_wh=picture.size, versions=(version,), extra=extra)


def write(path: Path, rows: Iterable[Row], options: WriteOptions) -> Losses:
    """One Parquet file, pictures resized as `options.grid` says and token ids counted on that grid."""
    losses = Losses()
    write_parquet(path, SCHEMA, (_fields(row, options.grid, losses) for row in rows))
    return losses


def _fields(row: Row, rule: GridRule, losses: Losses) -> dict[str, Any]:
    image_wh, now, extra = image_size(row), row.now, row.extra
    resized_wh = rule.resized_wh(image_wh)
    losses.of_row(row, labels=False, steps=False)
    losses.add("pictures resized", resized_wh != image_wh)
    losses.add('regions "do not look here" left out', any(not region.look for region in now.regions))
    grid = rule.grid(image_wh)
    mask = region_mask(now.regions, grid)
    losses.add("regions written as whole cells", not are_whole_cells(now.regions, grid))
    return {
        "id": str(extra.get("id", row.number)),
        "type": str(extra.get("type", "img")),
        "question": now.question,
        "answer": str(extra.get("answer", now.answer or "")),
        "short_answer": now.answer,
        "image": _png(file_bytes(row), resized_wh),
        "focus_area": mask_to_ranges(mask, grid),
    }


def _token_range(pair: Any) -> tuple[int, int]:
    ends = listed(pair, "a range of focus_area")
    if len(ends) != 2 or not all(isinstance(end, int) for end in ends):
        raise bad("a range of focus_area as first and last token id", pair)
    if not 0 <= ends[0] <= ends[1]:
        raise unfit("a range of focus_area that rises from 0 or more", f"{ends[0]} to {ends[1]}")
    return ends[0], ends[1]


def _png(data: bytes, resized_wh: tuple[int, int]) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        resized = picture.convert("RGB")
    if resized.size != resized_wh:
        resized = resized.resize(resized_wh, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    resized.save(out, format="PNG")
    return out.getvalue()
