"""Label Studio tasks as JSON (https://labelstud.io/guide/task_format).

A list of `{"data": {"image": ...}, "annotations": [{"result": [...]}], "predictions": [{"result":
[...]}]}`. Results are read from the annotations, of which each becomes a row, or, in a task that has none,
from its predictions:

- `rectanglelabels`: x, y, width, height in percent of the picture, turned by `rotation` degrees clockwise
  round the upper left corner; a turned one becomes a polygon
- `polygonlabels`: points in percent
- `brushlabels`: run lengths, see `storage.formats.common.rle`
- `textarea`: the right answer, where it is named `answer`; `choices` likewise

The question is `data.question`, the answer otherwise `data.answer`. The picture is looked up in the folder
by the last part of its address (`/data/upload/1/ab12-name.jpg`, `/data/local-files/?d=name.jpg`); nothing
is fetched.

Cannot hold: the answer and attention shown, model, state, author, history. Step and "do not look here" are
in the `meta` of a result, where Label Studio keeps but does not show them. Coordinates come back rounded to
a millionth of a pixel.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sayo_app.core.geometry.raster import Point
from sayo_app.core.geometry.region import Region
from storage.formats.common.export_parts import Losses, copy_picture, image_size
from storage.formats.common.rle import pack_brush, unpack_brush
from storage.formats.common.rows import (
    MAX_LABEL_CHARS,
    ReadOptions,
    Row,
    Skipped,
    Version,
    WriteOptions,
    bad,
    each_row,
    listed,
    mapping,
    numbers_of,
    optional_text,
    size_of,
    text_of,
    unfit,
)
from storage.formats.common.sources import PictureFolder, load_json

FILE = "label_studio.json"
_SHAPES = {
    "rectangle": "rectanglelabels",
    "rectanglelabels": "rectanglelabels",
    "polygon": "polygonlabels",
    "polygonlabels": "polygonlabels",
    "brush": "brushlabels",
    "brushlabels": "brushlabels",
}
_SIZE = ("original_width", "original_height")
# Written finer than they are read, so that what comes back is what was written.
_PERCENT_DIGITS, _PIXEL_DIGITS = 12, 6


def read(path: Path, options: ReadOptions) -> Iterator[Row | Skipped]:
    """One row an annotation, or one a task that has predictions only. Raises ImportFileError."""
    tasks = load_json(path, options.settings, list, "list of tasks")
    folder = PictureFolder.beside(path, options)

    def make(number: int, entry: tuple[Any, Any]) -> Row:
        return _row(number, *entry, folder, options)

    entries = ((task, results) for task in tasks for results in _result_lists(task))
    yield from each_row(entries, make, options.settings.max_import_rows)


def _result_lists(task: Any) -> list[Any]:
    """The results of each annotation, or of the newest prediction, or of none."""
    fields = task if isinstance(task, dict) else {}
    done = [entry for entry in _entries(fields.get("annotations")) if not entry.get("was_cancelled")]
    chosen = done or _entries(fields.get("predictions"))[-1:]
    return [entry.get("result") for entry in chosen] or [[]]


def _entries(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _row(number: int, task: Any, results: Any, folder: PictureFolder, options: ReadOptions) -> Row:
    data = mapping(mapping(task, "a task").get("data"), "data of a task")
    regions: list[Region] = []
    answer, image_wh = optional_text(data, "answer"), None
    for value in listed(results, "result"):
        result = mapping(value, "a result")
        kind = text_of(result, "type")
        if kind in ("textarea", "choices"):
            answer = _said(result, kind) or answer
        elif kind in _SHAPES:
            image_wh = size_of(result, _SIZE)
            if image_wh is None:
                raise bad("original_width and original_height of a result", [None, None])
            regions.append(_region(result, _SHAPES[kind], image_wh, options))
        else:
            raise bad("results of rectangles, polygons, brushes or text", kind)
    question = optional_text(data, "question")
    if question is None:
        label = regions[0].label if regions else ""
        question = options.question.replace("{label}", label or "region")
    return Row(
        number=number,
        picture=folder.find(_file_name(data.get("image"))),
        image_wh=image_wh,
        versions=(Version(question, tuple(regions), answer),),
        extra={} if mapping(task, "a task").get("id") is None else {"id": str(task["id"])[:100]},
    )


def _file_name(address: Any) -> Any:
    """The last part of a picture's address: Label Studio keeps them by web address."""
    if not isinstance(address, str):
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    local = parse_qs(parts.query).get("d", [""])[0]
    return unquote((local or parts.path).rsplit("/", 1)[-1])


def _said(result: dict[str, Any], kind: str) -> str | None:
    """The text of an answer field; other text fields say something else."""
    value = mapping(result.get("value"), "value of a result")
    words = value.get("text" if kind == "textarea" else "choices")
    first = words[0] if isinstance(words, list) and words else words
    return first if result.get("from_name") == "answer" and isinstance(first, str) else None


def _region(result: dict[str, Any], kind: str, image_wh: tuple[int, int], options: ReadOptions) -> Region:
    value, meta = mapping(result.get("value"), "value of a result"), result.get("meta") or {}
    names = value.get(kind) or value.get("labels") or [""]
    label = names[0] if isinstance(names, list) else names
    if not isinstance(label, str):
        raise bad(f"{kind} as a list of labels", names)
    step = mapping(meta, "meta of a result").get("step")
    if step is not None and (not isinstance(step, int) or isinstance(step, bool) or step < 0):
        raise bad("step as a whole number from 0", step)
    fields: dict[str, Any] = {
        "label": label[:MAX_LABEL_CHARS],
        "step": step,
        "look": meta.get("look") is not False,
    }
    if kind == "rectanglelabels":
        return _rectangle(value, image_wh, fields)
    if kind == "polygonlabels":
        points = [numbers_of(point, 2, "a point") for point in listed(value.get("points"), "points")]
        return Region.polygon([_pixels(point, image_wh) for point in points], **fields)
    if image_wh[0] * image_wh[1] > options.settings.max_picture_pixels:
        raise unfit("a brush mask within the limit on pixels", f"{image_wh[0]} x {image_wh[1]} px")
    return Region.brush(unpack_brush(listed(value.get("rle"), "rle"), image_wh[::-1]), **fields)


def _rectangle(value: dict[str, Any], image_wh: tuple[int, int], fields: dict[str, Any]) -> Region:
    """A box, or a polygon where it is turned: round its corner, in pixels, not in percent."""
    sides = [value.get(name) for name in ("x", "y", "width", "height")]
    x, y, width, height = numbers_of(sides, 4, "x, y, width, height of a rectangle")
    (x0, y0), (x1, y1) = _pixels((x, y), image_wh), _pixels((x + width, y + height), image_wh)
    (turned,) = numbers_of([value.get("rotation") or 0], 1, "rotation")
    if turned % 360 == 0:
        return Region.box(x0, y0, x1, y1, **fields)
    w, h = x1 - x0, y1 - y0
    cos, sin = math.cos(math.radians(turned)), math.sin(math.radians(turned))
    corners = ((0.0, 0.0), (w, 0.0), (w, h), (0.0, h))
    return Region.polygon([(x0 + a * cos - b * sin, y0 + a * sin + b * cos) for a, b in corners], **fields)


def _pixels(percent: tuple[float, ...], image_wh: tuple[int, int]) -> Point:
    x, y = (number * side / 100 for number, side in zip(percent, image_wh, strict=True))
    return round(x, _PIXEL_DIGITS), round(y, _PIXEL_DIGITS)


def write(folder: Path, rows: Iterable[Row], options: WriteOptions) -> Losses:
    """`label_studio.json` and `pictures/` in the folder; one task a correction."""
    losses = Losses()
    tasks = []
    for row in rows:
        losses.of_row(row, labels=True, steps=True)
        name, image_wh = copy_picture(row, folder), image_size(row)
        results = [
            _result(f"r{row.number}_{index}", region, image_wh)
            for index, region in enumerate(row.now.regions)
        ]
        if row.now.answer is not None:
            said = {"type": "textarea", "value": {"text": [row.now.answer]}}
            results.append(said | {"id": f"r{row.number}_answer", "from_name": "answer", "to_name": "image"})
        data = {"image": f"/data/local-files/?d=pictures/{name}", "question": row.now.question}
        key = "predictions" if options.predictions else "annotations"
        entry = {"model_version": "sayo"} if options.predictions else {"was_cancelled": False}
        tasks.append({"id": row.number, "data": data, key: [entry | {"result": results}]})
    (folder / FILE).write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return losses


def _result(identity: str, region: Region, image_wh: tuple[int, int]) -> dict[str, Any]:
    if region.kind == "box":
        x0, y0, x1, y1 = region.box_xyxy
        (x, y), (width, height) = _percent((x0, y0), image_wh), _percent((x1 - x0, y1 - y0), image_wh)
        kind = "rectanglelabels"
        value: dict[str, Any] = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
    elif region.rle is not None:
        kind, value = "brushlabels", {"format": "rle", "rle": pack_brush(region.rle.to_mask())}
    else:
        kind = "polygonlabels"
        value = {"points": [_percent(point, image_wh) for point in region.points_xy], "closed": True}
    return {
        "id": identity,
        "type": kind,
        "from_name": "label",
        "to_name": "image",
        "original_width": image_wh[0],
        "original_height": image_wh[1],
        "image_rotation": 0,
        "value": value | {kind: [region.label]},
        "meta": {"step": region.step, "look": region.look},
    }


def _percent(point: Point, image_wh: tuple[int, int]) -> list[float]:
    return [round(100 * number / side, _PERCENT_DIGITS) for number, side in zip(point, image_wh, strict=True)]
