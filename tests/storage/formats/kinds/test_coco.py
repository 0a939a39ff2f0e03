from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sayo_app.core.geometry.region import Region, rasterise
from sayo_app.errors import ImportFileError
from storage.formats.common.rows import ReadOptions, Skipped
from storage.formats.kinds import coco
from tests.storage.formats.conftest import taken

IMAGES = [{"id": 397133, "file_name": "a.jpg", "width": 200, "height": 100, "license": 4}]
CATEGORIES = [{"supercategory": "person", "id": 1, "name": "person"}, {"id": 44, "name": "bottle"}]
# As in instances_val2017.json: corner and size, segmentation as x, y, x, y ...
BOTTLE = {
    "id": 82445,
    "image_id": 397133,
    "category_id": 44,
    "bbox": [20.5, 10.0, 30.25, 40.0],
    "segmentation": [[20.5, 10.0, 50.75, 12.0, 40.0, 50.0]],
    "area": 605.0,
    "iscrowd": 0,
}
PERSON = BOTTLE | {"id": 1, "category_id": 1, "segmentation": [], "bbox": [1, 2, 3, 4]}


def read(save: Callable[..., Path], options: ReadOptions, annotations: Any, **more: Any) -> list[Any]:
    data = {"images": IMAGES, "categories": CATEGORIES, "annotations": annotations} | more
    return list(coco.read(save(data, "instances.json"), options))


def test_each_label_of_a_picture_is_a_question(save: Callable[..., Path], options: ReadOptions) -> None:
    bottle, person = taken(read(save, options, [BOTTLE, PERSON, BOTTLE | {"id": 3, "bbox": None}]))
    assert (bottle.now.question, bottle.now.answer) == ("Where is the bottle?", None)
    polygon = Region.polygon([(20.5, 10), (50.75, 12), (40, 50)], label="bottle")
    assert bottle.now.regions == (polygon, polygon)
    assert person.now.regions == (Region.box(1, 2, 4, 6, label="person"),)
    assert person.image_wh == (200, 100)


def test_the_question_can_be_chosen(save: Callable[..., Path], options: ReadOptions) -> None:
    (row,) = taken(read(save, replace(options, question="Find {label}."), [BOTTLE]))
    assert row.now.question == "Find bottle."


def test_parts_of_an_object_are_regions_and_a_rectangle_is_a_box(
    save: Callable[..., Path], options: ReadOptions
) -> None:
    parts = [[0, 0, 9, 0, 9, 5, 0, 5], [20, 20, 30, 20, 25, 30]]
    (row,) = taken(read(save, options, [BOTTLE | {"segmentation": parts}]))
    assert [region.kind for region in row.now.regions] == ["polygon", "polygon"]
    (row,) = taken(read(save, options, [BOTTLE | {"segmentation": parts[:1]}]))
    assert row.now.regions == (Region.box(0, 0, 9, 5, label="bottle"),)
    # Crossed corners enclose two triangles, not the rectangle.
    (row,) = taken(read(save, options, [BOTTLE | {"segmentation": [[0, 0, 9, 5, 9, 0, 0, 5]]}]))
    assert row.now.regions[0].kind == "polygon"


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_id": 5},
        {"image_id": [397133]},
        {"bbox": [1, 2, 3], "segmentation": []},
        {"bbox": None, "segmentation": None},
        {"segmentation": [[1, 2, 3, 4]]},
        {"segmentation": [[1, 2, 3, 4, 5, 6, 7]]},
        {"segmentation": [[1, 2, 3, 4, 5, "6"]]},
        {"segmentation": "1 2 3"},
        {"segmentation": {"size": [100, 200]}},
        {"segmentation": {"size": [100, 201], "counts": [20100]}},
        {"segmentation": {"size": [100, 200], "counts": [10]}},
        {"segmentation": {"size": [100, 200], "counts": "\u0000"}},
        {"segmentation": {"size": [10**9, 10**9], "counts": [10**18]}},
    ],
)
def test_an_annotation_that_cannot_be_used_is_skipped(
    save: Callable[..., Path], options: ReadOptions, wrong: dict[str, Any]
) -> None:
    skipped, kept = read(save, options, [BOTTLE | wrong, PERSON])
    assert isinstance(skipped, Skipped)
    assert kept.now.regions[0].label == "person"


@pytest.mark.parametrize("data", [[], {}, {"images": []}, {"images": {}, "annotations": []}])
def test_another_file_is_refused(save: Callable[..., Path], options: ReadOptions, data: Any) -> None:
    with pytest.raises(ImportFileError):
        list(coco.read(save(data), options))


@pytest.mark.parametrize("counts", [[2_010, 5, 95, 5, 17_885], "jn15o20n[a0"])
def test_masks_are_brushes(save: Callable[..., Path], options: ReadOptions, counts: list[int] | str) -> None:
    """Column by column: 2,010 pixels are 20 columns and 10 rows, then 5 set, and 5 in the next column."""
    crowd = BOTTLE | {"segmentation": {"size": [100, 200], "counts": counts}, "iscrowd": 1}
    (row,) = taken(read(save, options, [crowd]))
    expected = np.zeros((100, 200), dtype=bool)
    expected[10:15, 20:22] = True
    (region,) = row.now.regions
    assert (region.kind, region.label) == ("brush", "bottle")
    assert np.array_equal(rasterise(region, (200, 100)), expected)


def test_runs_of_no_pixel_are_taken(save: Callable[..., Path], options: ReadOptions) -> None:
    crowd = BOTTLE | {"segmentation": {"size": [100, 200], "counts": [0, 0, 0, 5, 0, 5, 19_990]}}
    (row,) = taken(read(save, options, [crowd]))
    assert row.now.regions[0].box_xyxy == (0, 0, 1, 10)


def test_the_area_is_that_of_the_polygon() -> None:
    triangle = coco._shape(Region.polygon([(0, 0), (10, 0), (0, 6)]))
    assert (triangle["area"], triangle["bbox"]) == (30.0, [0.0, 0.0, 10.0, 6.0])
    assert coco._shape(Region.box(1, 2, 4, 6))["area"] == 12.0
    assert np.array_equal(coco._shape(Region.box(1, 2, 4, 6))["segmentation"], [[1, 2, 4, 2, 4, 6, 1, 6]])
