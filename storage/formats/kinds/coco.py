"""COCO annotations (`instances_*.json`): boxes, polygons and masks of run lengths.

`images: [{id, file_name, width, height}]`, `categories: [{id, name}]` and `annotations: [{id, image_id,
category_id, bbox: [x, y, width, height], segmentation, area, iscrowd}]`; coordinates in pixels of the
picture. `segmentation` is a list of polygons `[x0, y0, x1, y1, ...]` (parts of one object), or `{size:
[height, width], counts}` with the run lengths as numbers or as compressed text, or empty where there is
only a box.

COCO has no questions. Each label of a picture becomes a row that asks about it (`ReadOptions.question`),
its regions all objects of that label. Our own files have `corrections: [{id, image_id, question, answer}]`
too, which other readers pass over, and annotations name theirs by `correction_id`.

Cannot hold: steps, "do not look here" regions (left out), the answer and attention shown, model, state,
author, history. A polygon that is an upright rectangle comes back as a box.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sayo_app.core.geometry.raster import Point
from sayo_app.core.geometry.region import Region
from storage.formats.common.export_parts import Losses, copy_picture, image_size
from storage.formats.common.rle import counts_to_mask, counts_to_text, text_to_counts
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
from storage.formats.common.sources import PictureFolder, load_json, unreadable

FILE = "coco.json"
_UNNAMED = "region"


def read(path: Path, options: ReadOptions) -> Iterator[Row | Skipped]:
    """One row for each correction, or for each label of each picture. Raises ImportFileError."""
    data = load_json(path, options.settings, dict, "object with images and annotations")
    for name in ("images", "annotations"):
        if not isinstance(data.get(name), list):
            raise unreadable(path, f"no list of {name}")
    folder = PictureFolder.beside(path, options)
    images = {entry.get("id"): entry for entry in data["images"] if _has_id(entry)}
    labels = {entry["id"]: entry.get("name") for entry in data.get("categories") or [] if _has_id(entry)}
    corrections = {entry["id"]: entry for entry in data.get("corrections") or [] if _has_id(entry)}
    groups: dict[tuple[Any, ...], list[Any]] = {("correction", identity): [] for identity in corrections}
    for entry in data["annotations"]:
        groups.setdefault(_group(entry, corrections), []).append(entry)

    def make(number: int, group: tuple[tuple[Any, ...], list[Any]]) -> Row:
        key, entries = group
        correction = corrections.get(key[1]) if key[0] == "correction" else None
        return _row(number, correction, entries, images, labels, folder, options)

    yield from each_row(groups.items(), make, options.settings.max_import_rows)


def _has_id(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("id"), int | str)


def _group(entry: Any, corrections: dict[Any, Any]) -> tuple[Any, ...]:
    """What an annotation belongs to: a correction, or a label of a picture, or nothing that can be used."""
    if not isinstance(entry, dict):
        return ("wrong", "no object")
    keys = [entry.get(name) for name in ("correction_id", "image_id", "category_id")]
    if not all(isinstance(key, int | str | None) for key in keys):
        return ("wrong", "ids that are no numbers")
    return ("correction", keys[0]) if keys[0] in corrections else ("label", *keys[1:])


def _row(
    number: int,
    correction: dict[str, Any] | None,
    entries: list[Any],
    images: dict[Any, Any],
    labels: dict[Any, Any],
    folder: PictureFolder,
    options: ReadOptions,
) -> Row:
    entries = [mapping(entry, "an annotation") for entry in entries]
    image_id = (correction or entries[0]).get("image_id")
    if not isinstance(image_id, int | str) or image_id not in images:
        raise bad("image_id to name one of images", image_id)
    image = images[image_id]
    image_wh = size_of(image)
    regions = tuple(region for entry in entries for region in _regions(entry, labels, image_wh, options))
    if correction is None:
        label = regions[0].label if regions else ""
        version = Version(options.question.replace("{label}", label or _UNNAMED), regions, None)
    else:
        version = Version(text_of(correction, "question"), regions, optional_text(correction, "answer"))
    return Row(
        number=number, picture=folder.find(image.get("file_name")), image_wh=image_wh, versions=(version,)
    )


def _regions(
    entry: dict[str, Any], labels: dict[Any, Any], image_wh: tuple[int, int] | None, options: ReadOptions
) -> list[Region]:
    name = labels.get(entry.get("category_id"), "")
    if not isinstance(name, str):
        raise bad("name of a category as text", name)
    label, shape = name[:MAX_LABEL_CHARS], entry.get("segmentation")
    if isinstance(shape, dict):
        size = [int(side) for side in numbers_of(shape.get("size"), 2, "size of run lengths")]
        if (size[1], size[0]) != image_wh or size[0] * size[1] > options.settings.max_picture_pixels:
            raise bad("size of run lengths to be the picture's height and width", size)
        return [Region.brush(counts_to_mask(_counts(shape.get("counts")), (size[0], size[1])), label=label)]
    box = [] if entry.get("bbox") is None else [_box(entry["bbox"])]
    parts = [_polygon(part) for part in listed(shape or [], "segmentation")]
    if not box and not parts:
        raise unfit("a bbox or a segmentation", "an annotation with neither")
    if not parts or (len(parts) == 1 and _is_rectangle(parts[0])):
        corners = np.array(parts[0]) if parts else None
        x0, y0, x1, y1 = box[0] if corners is None else (*corners.min(axis=0), *corners.max(axis=0))
        return [Region.box(x0, y0, x1, y1, label=label)]
    return [Region.polygon(part, label=label) for part in parts]


def _box(value: Any) -> tuple[float, float, float, float]:
    x, y, width, height = numbers_of(value, 4, "bbox")
    return x, y, x + width, y + height


def _polygon(value: Any) -> list[tuple[float, float]]:
    flat = listed(value, "a polygon of segmentation")
    if len(flat) < 6 or len(flat) % 2:
        raise unfit("a polygon as x and y of three points or more", f"{len(flat)} numbers")
    numbers = numbers_of(flat, len(flat), "a polygon of segmentation")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _is_rectangle(points: list[tuple[float, float]]) -> bool:
    """True for the four corners of an upright rectangle, in turn."""
    xs, ys = {x for x, _ in points}, {y for _, y in points}
    turns = zip(points, points[1:] + points[:1], strict=True)
    upright = all((a == c) != (b == d) for (a, b), (c, d) in turns)
    return len(points) == 4 and len(xs) == len(ys) == 2 and upright


def _counts(value: Any) -> list[int]:
    if isinstance(value, str):
        return text_to_counts(value)
    counts = listed(value, "counts")
    if not all(isinstance(count, int) and not isinstance(count, bool) for count in counts):
        raise bad("counts as whole numbers or compressed text", value)
    return counts


def write(folder: Path, rows: Iterable[Row], options: WriteOptions) -> Losses:
    """`coco.json` and `pictures/` in the folder."""
    losses = Losses()
    images: dict[str, dict[str, Any]] = {}
    labels: dict[str, int] = {}
    corrections: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for row in rows:
        losses.of_row(row, labels=True, steps=False)
        name, (width, height) = copy_picture(row, folder), image_size(row)
        entry = {"id": len(images) + 1, "file_name": name, "width": width, "height": height}
        image = images.setdefault(name, entry)
        fields = {"id": row.number, "image_id": image["id"]}
        corrections.append(fields | {"question": row.now.question, "answer": row.now.answer})
        for region in losses.looked_at(row, kinds=("box", "polygon", "brush")):
            category = labels.setdefault(region.label, len(labels) + 1)
            ids = {"id": len(annotations) + 1, "image_id": image["id"], "category_id": category}
            shape = _shape(region)
            annotations.append(ids | shape | {"correction_id": row.number})
    data = {
        "images": list(images.values()),
        "categories": [{"id": number, "name": name} for name, number in labels.items()],
        "annotations": annotations,
        "corrections": corrections,
    }
    (folder / FILE).write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return losses


def _shape(region: Region) -> dict[str, Any]:
    x0, y0, x1, y1 = region.box_xyxy
    box: dict[str, Any] = {"bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": 0}
    if region.rle is not None:
        runs = {"size": list(region.rle.size_hw), "counts": counts_to_text(region.rle.counts)}
        return box | {"area": float(sum(region.rle.counts[1::2])), "segmentation": runs}
    points = region.points_xy or ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    flat = [number for point in points for number in point]
    return box | {"area": _area(points), "segmentation": [flat]}


def _area(points: tuple[Point, ...]) -> float:
    """In square pixels: |sum of x_i y_(i+1) - x_(i+1) y_i| / 2."""
    x, y = np.array(points).T
    return float(abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2)
