from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayo_app.core.geometry.cells import coverage
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.errors import RegionError

# 100 x 50 px in 2 rows and 4 columns: cells of 25 x 25 px.
GRID = ImageGrid.regular((100, 50), (2, 4))
pixel = st.floats(-30, 130)
Corners = tuple[float, float, float, float]
corners = st.tuples(pixel, pixel, pixel, pixel)


def test_corners_in_any_order_make_the_same_box() -> None:
    assert Region.box(30, 40, 10, 5) == Region.box(10, 5, 30, 40)


def test_fitting_cuts_off_what_lies_outside() -> None:
    assert Region.box(-10, 10, 120, 60, label="cup").fitted((100, 50)) == Region.box(
        0, 10, 100, 50, label="cup"
    )
    # The triangle's tip above the picture is cut off at y = 0, half way up.
    cut = Region.polygon([(10, 40), (50, 40), (30, -40)], step=2).fitted((100, 50))
    assert cut == Region.polygon([(10, 40), (50, 40), (40, 0), (20, 0)], step=2)


@given(corners, st.booleans())
def test_a_fitted_region_lies_on_the_picture_and_fits_again(box: Corners, polygon: bool) -> None:
    region = Region.box(*box)
    if polygon:
        x0, y0, x1, y1 = region.box_xyxy
        region = Region.polygon([(x0, y0), (x1, y0), ((x0 + x1) / 2, y1)]) if x1 > x0 else region
    try:
        fitted = region.fitted((100, 50))
    except RegionError:
        assert (coverage([region], GRID) * GRID.areas).sum() < 0.5
        return
    x0, y0, x1, y1 = fitted.box_xyxy
    assert 0 <= x0 < x1 <= 100 and 0 <= y0 < y1 <= 50
    assert fitted.fitted((100, 50)) == fitted
    # Cutting takes nothing of what lies on the picture; both polygons are only sampled.
    assert coverage([fitted], GRID) == pytest.approx(coverage([region], GRID), abs=0.15 if polygon else 1e-9)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (Region.box(200, 10, 300, 40), "on the picture of 100 x 50 px"),
        (Region.box(10, 50, 20, 60), "on the picture"),
        (Region.box(10, 10, 10, 40), "with an area, got one of 0 x 30 px"),
        (Region.box(10, 10, 40, 10), "with an area"),
        (Region.polygon([(0, 0), (10, 10), (30, 30)]), "with an area"),
        (Region.polygon([(200, 0), (210, 10), (230, 50)]), "on the picture"),
        (Region.polygon([(0, 0), (40, 0), (40, 40)] * 2), "with an area, got an outline round nothing"),
    ],
    ids=["beside", "touching", "no width", "no height", "on a line", "polygon beside", "traced twice"],
)
def test_a_region_off_the_picture_or_without_area_is_refused(region: Region, message: str) -> None:
    with pytest.raises(RegionError, match=message):
        region.fitted((100, 50))


texts = st.text(max_size=5)


@given(corners, texts, st.none() | st.integers(0, 5), st.booleans(), st.booleans())
def test_a_region_comes_back_from_json(
    box: Corners, label: str, step: int | None, look: bool, polygon: bool
) -> None:
    x0, y0, x1, y1 = Region.box(*box).box_xyxy
    fields: dict[str, Any] = {"label": label, "step": step, "look": look}
    points = [(x0, y0), (x1, y0), (x1, y1)]
    region = Region.polygon(points, **fields) if polygon else Region.box(x0, y0, x1, y1, **fields)
    assert Region.from_dict(json.loads(json.dumps(region.to_dict()))) == region


BOX = {"kind": "box", "box_xyxy": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"kind": "box"},
        BOX | {"kind": "circle"},
        BOX | {"kind": ["box"]},
        BOX | {"kind": "brush"},
        BOX | {"kind": "polygon"},
        BOX | {"colour": "red"},
        BOX | {"box_xyxy": [1, 2, 3]},
        BOX | {"box_xyxy": [1, 2, 3, "4"]},
        BOX | {"box_xyxy": [1, 2, 3, True]},
        BOX | {"box_xyxy": [1, 2, 3, float("nan")]},
        BOX | {"box_xyxy": [1, 2, 3, float("inf")]},
        BOX | {"box_xyxy": [1, 2, 3, 10**400]},
        BOX | {"box_xyxy": [1, 2, 3, -1e300]},
        BOX | {"label": None},
        BOX | {"look": 1},
        BOX | {"step": -1},
        BOX | {"step": True},
        BOX | {"step": 1.0},
        BOX | {"step": 10**40},
        BOX | {"points_xy": [[1, 2], [3, 4], [5, 6]]},
        {"kind": "polygon", "points_xy": [[1, 2], [3, 4]]},
        {"kind": "polygon", "points_xy": [[1, 2], [3, 4], [5, float("nan")]]},
        {"kind": "polygon", "points_xy": [[1, 2], [3, 4], [5]]},
        {"kind": "polygon", "points_xy": "abc"},
    ],
)
def test_anything_else_than_a_region_is_refused(data: Any) -> None:
    with pytest.raises(RegionError):
        Region.from_dict(data)
