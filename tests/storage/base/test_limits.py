"""What one correction may hold, in the store and from the page: each bound with the value that still fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError, RegionError
from sayo_app.settings import Settings
from sayo_app.ui.viewer.page_state import fitted
from storage.base.records import CorrectionRecord
from storage.store import Store
from tests.storage.examples import corrected

Correct = Callable[..., CorrectionRecord]
BOX = Region.box(1, 1, 9, 9)
SMALL = {
    "max_regions": 2,
    "max_polygon_points": 4,
    "max_points": 6,
    "max_label_chars": 3,
    "max_text_chars": 10,
}
SQUARE, TRIANGLE = [(1, 1), (9, 1), (9, 9), (1, 9)], [(1, 1), (9, 1), (9, 9)]


@pytest.fixture
def small(store: Store) -> Store:
    """The same store with small limits."""
    return Store(store.settings.replace(**SMALL))


def add(store: Store, picture_id: str, **fields: Any) -> CorrectionRecord:
    return corrected(store, picture_id=picture_id, **{"regions": [BOX]} | fields)


@pytest.mark.parametrize(
    ("fits", "too_much", "why"),
    [
        ({"regions": [BOX] * 2}, {"regions": [BOX] * 3}, "at most 2 regions, got 3"),
        (
            {"regions": [Region.polygon(SQUARE)]},
            {"regions": [Region.polygon([*SQUARE, (1, 5)])]},
            "polygons of at most 4 points, got 5",
        ),
        (
            {"regions": [Region.polygon(TRIANGLE)] * 2},
            {"regions": [Region.polygon(TRIANGLE), Region.polygon(SQUARE)]},
            "at most 6 points in all polygons, got 7",
        ),
        (
            {"regions": [Region.box(1, 1, 9, 9, label="abc")]},
            {"regions": [Region.box(1, 1, 9, 9, label="abcd")]},
            "a label of at most 3 characters, got 4",
        ),
        ({"corrected_answer": "x" * 10}, {"corrected_answer": "x" * 11}, "the answer of at most 10"),
        ({"answer_shown": "x" * 10}, {"answer_shown": "x" * 11}, "the answer shown of at most 10"),
        ({"comment": "x" * 10}, {"comment": "x" * 11}, "the comment of at most 10"),
    ],
)
def test_a_correction_holds_what_it_may(
    small: Store, picture_id: str, fits: dict[str, Any], too_much: dict[str, Any], why: str
) -> None:
    kept = add(small, picture_id, **fits)
    with pytest.raises((RegionError, CorrectionError), match=why):
        add(small, picture_id, **too_much)
    if "answer_shown" not in too_much:
        with pytest.raises((RegionError, CorrectionError), match=why):
            small.corrections.revise(kept.id, **too_much)
    assert small.corrections.all() == [kept]


def test_a_page_draws_what_it_may() -> None:
    size = (100, 50)
    box: dict[str, Any] = {"kind": "box", "box_xyxy": [1, 1, 9, 9]}
    line: dict[str, Any] = {"kind": "polygon", "points_xy": [[0, 0]] * 5_000}
    assert len(fitted([box] * 1_000, size)) == 1_000
    with pytest.raises(RegionError, match="at most 1,000 regions on a page, got 100,000"):
        fitted([box] * 100_000, size)
    with pytest.raises(RegionError, match="at most 50,000 corners on a page, got 55,000"):
        fitted([line] * 11, size)
    for hostile in (None, "box", {"kind": "box"}, 7):
        with pytest.raises(RegionError, match="a list of regions"):
            fitted(hostile, size)


def test_the_defaults_agree_with_each_other() -> None:
    settings = Settings()
    assert settings.max_points >= settings.max_polygon_points >= 3
