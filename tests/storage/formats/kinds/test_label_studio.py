from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sayo_app.core.geometry.region import Region, rasterise
from sayo_app.errors import ImportFileError
from storage.formats.common.rows import ReadOptions, Skipped
from storage.formats.kinds import label_studio
from tests.storage.formats.conftest import taken

RECTANGLE = {
    "original_width": 200,
    "original_height": 100,
    "image_rotation": 0,
    "from_name": "tag",
    "id": "Dx_aB91ISN",
    "to_name": "img",
    "type": "rectanglelabels",
    "value": {"x": 50.8, "y": 5.5, "width": 12.4, "height": 10.0, "rotation": 0, "rectanglelabels": ["Moon"]},
}
POLYGON = RECTANGLE | {
    "type": "polygonlabels",
    "value": {"points": [[0, 0], [50, 0], [25, 100]], "polygonlabels": ["Sail"], "closed": True},
}
ANSWER = {"from_name": "answer", "to_name": "img", "type": "textarea", "value": {"text": ["the moon"]}}


def task(*results: Any, key: str = "annotations", **more: Any) -> dict[str, Any]:
    data = {"image": "/data/upload/1/a.jpg", "question": "What shines?"}
    return {
        "id": 7,
        "data": data,
        key: [{"id": 1001, "was_cancelled": False, "result": list(results)}],
    } | more


def read(save: Callable[..., Path], options: ReadOptions, *tasks: Any) -> list[Any]:
    return list(label_studio.read(save(list(tasks)), options))


def test_percent_become_pixels(save: Callable[..., Path], options: ReadOptions, folder: Path) -> None:
    (row,) = taken(read(save, options, task(RECTANGLE, POLYGON, ANSWER)))
    # 50.8 % of 200 px; 5.5 % of 100 px; 63.2 % and 15.5 % on the far side.
    assert row.now.regions == (
        Region.box(101.6, 5.5, 126.4, 15.5, label="Moon"),
        Region.polygon([(0, 0), (100, 0), (50, 100)], label="Sail"),
    )
    assert (row.now.question, row.now.answer) == ("What shines?", "the moon")
    assert (row.picture, row.image_wh, row.extra) == (folder / "a.jpg", (200, 100), {"id": "7"})


def test_a_turned_rectangle_turns_in_pixels_round_its_corner(
    save: Callable[..., Path], options: ReadOptions
) -> None:
    value = {"x": 50, "y": 50, "width": 20, "height": 10, "rotation": 90, "rectanglelabels": ["Moon"]}
    (row,) = taken(read(save, options, task(RECTANGLE | {"value": value})))
    (region,) = row.now.regions
    # 40 px wide and 10 px high at (100, 50); a quarter turn clockwise puts the width below the corner.
    assert np.allclose(region.points_xy, [(100, 50), (100, 90), (90, 90), (90, 50)])


def test_a_brush_is_read(save: Callable[..., Path], options: ReadOptions, folder: Path) -> None:
    # What label-studio-converter writes of 3 x 2 px: two pixels of the upper row, one of the lower.
    packed = [0, 0, 0, 24, 57, 27, 252, 96, 19, 255, 206, 1, 31, 248]
    brush = RECTANGLE | {
        "original_width": 3,
        "original_height": 2,
        "type": "brushlabels",
        "value": {"format": "rle", "rle": packed, "brushlabels": ["Moon"]},
    }
    (row,) = taken(read(save, options, task(brush)))
    (region,) = row.now.regions
    assert (region.kind, region.label, row.image_wh) == ("brush", "Moon", (3, 2))
    assert rasterise(region, (3, 2)).tolist() == [[False, True, True], [False, False, True]]


def test_predictions_are_read_where_nobody_annotated(save: Callable[..., Path], options: ReadOptions) -> None:
    predicted = task(RECTANGLE, key="predictions")
    both = task(POLYGON) | {"predictions": predicted["predictions"]}
    cancelled = predicted | {"annotations": [{"was_cancelled": True, "result": []}]}
    rows = taken(read(save, options, predicted, both, cancelled))
    assert [row.now.regions[0].kind for row in rows] == ["box", "polygon", "box"]


def test_each_annotation_of_a_task_is_a_row(save: Callable[..., Path], options: ReadOptions) -> None:
    twice = task(RECTANGLE)
    twice["annotations"].append({"result": [POLYGON]})
    assert [row.number for row in taken(read(save, options, twice))] == [1, 2]


@pytest.mark.parametrize(
    "address",
    [
        "a.jpg",
        "/data/upload/12/a.jpg",
        "/data/local-files/?d=some/folder/a.jpg",
        "https://example.com/pictures/a.jpg?token=1",
        "s3://bucket/a.jpg",
        "/etc/../a.jpg",
    ],
)
def test_pictures_are_found_by_the_last_part_of_their_address(
    save: Callable[..., Path], options: ReadOptions, folder: Path, address: str
) -> None:
    (row,) = taken(read(save, options, task(RECTANGLE, data={"image": address, "question": "?"})))
    assert row.picture == folder / "a.jpg"


@pytest.mark.parametrize(
    "wrong",
    [
        [RECTANGLE | {"original_width": None, "original_height": None}],
        [RECTANGLE | {"original_width": 0}],
        [RECTANGLE | {"type": "keypointlabels"}],
        [RECTANGLE | {"value": {"x": 1, "y": 2, "width": 3}}],
        [RECTANGLE | {"value": RECTANGLE["value"] | {"rotation": "left"}}],  # type: ignore[operator]
        [RECTANGLE | {"meta": {"step": -1}}],
        [RECTANGLE | {"meta": 4}],
        [POLYGON | {"value": {"points": [[0, 0], [1, 1]], "polygonlabels": ["Sail"]}}],
        [POLYGON | {"value": {"points": 5}}],
        [RECTANGLE | {"type": "brushlabels", "value": {"format": "rle", "rle": [0, 1, 1, 2, 3]}}],
        ["nonsense"],
    ],
)
def test_results_that_cannot_be_used_skip_the_row(
    save: Callable[..., Path], options: ReadOptions, wrong: list[Any]
) -> None:
    skipped, kept = read(save, options, task(*wrong), task(RECTANGLE))
    assert isinstance(skipped, Skipped)
    assert kept.number == 2


def test_a_task_of_the_wrong_type_is_skipped_and_another_file_refused(
    save: Callable[..., Path], options: ReadOptions
) -> None:
    assert [type(row) for row in read(save, options, 5, {"data": 5}, {})] == [Skipped] * 3
    with pytest.raises(ImportFileError, match="no list of tasks"):
        list(label_studio.read(save({"data": {}}), options))
