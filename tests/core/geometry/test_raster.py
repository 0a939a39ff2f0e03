"""Brushes, pixels of regions, holes, crossings and clipping."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sayo_app.core.geometry.cells import coverage, region_mask
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.raster import Rle, encloses, polygon_inside
from sayo_app.core.geometry.region import Region, mask_iou, rasterise
from sayo_app.errors import RegionError

WH = (20, 10)
GRID = ImageGrid.regular(WH, (2, 4))  # cells of 5 x 5 px
masks = arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 9)))
pictures = arrays(bool, WH[::-1])
point = st.tuples(st.floats(-8, 28), st.floats(-8, 18))
polygons = st.lists(point, min_size=3, max_size=9)


def painted(*pixels_xy: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(WH[::-1], bool)
    for x, y in pixels_xy:
        mask[y, x] = True
    return mask


def test_run_lengths_are_read_column_by_column() -> None:
    # Columns: (0, 1, 1), (1, 0, 0): one unset, three set, two unset.
    mask = np.array([[0, 1], [1, 0], [1, 0]], bool)
    assert Rle.from_mask(mask) == Rle((3, 2), (1, 3, 2))
    assert Rle.from_mask(~mask).counts == (0, 1, 3, 2)
    assert Rle.from_mask(np.zeros((2, 2), bool)).counts == (4,)


@given(masks)
def test_a_mask_comes_back_from_its_run_lengths(mask: np.ndarray) -> None:
    rle = Rle.from_mask(mask)
    assert np.array_equal(rle.to_mask(), mask)
    ys, xs = np.nonzero(mask)
    box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) if len(xs) else (0, 0, 0, 0)
    x0, y0, x1, y1 = rle.box_xyxy
    assert (x0, x1) == (box[0], box[2])
    # Runs that turn a column over may only say that it is from top to bottom, and then it is.
    assert (y0, y1) == (box[1], box[3])


@given(pictures, st.text(max_size=3), st.none() | st.integers(0, 3), st.booleans())
def test_a_brush_comes_back_from_json(mask: np.ndarray, label: str, step: int | None, look: bool) -> None:
    region = Region.brush(mask, label=label, step=step, look=look)
    assert Region.from_dict(json.loads(json.dumps(region.to_dict()))) == region
    assert np.array_equal(rasterise(region, WH), mask)


@given(polygons, st.booleans())
def test_region_to_mask_to_region(points: list[tuple[float, float]], box: bool) -> None:
    region = Region.box(*points[0], *points[1]) if box else Region.polygon(points)
    mask = rasterise(region, WH)
    again = Region.brush(mask)
    assert np.array_equal(rasterise(again, WH), mask)
    if mask.any():
        assert again.fitted(WH) == again


@given(pictures)
def test_a_brush_covers_exactly_its_pixels(mask: np.ndarray) -> None:
    counted = mask.reshape(2, 5, 4, 5).sum(axis=(1, 3)).reshape(-1)
    assert coverage([Region.brush(mask)], GRID) == pytest.approx(counted / 25, abs=1e-9)


@given(pictures, st.integers(1, 5), st.integers(1, 7))
def test_cells_that_cut_pixels_take_their_part(mask: np.ndarray, rows: int, columns: int) -> None:
    grid = ImageGrid.regular(WH, (rows, columns))
    covered = coverage([Region.brush(mask)], grid)
    assert (covered * grid.areas).sum() == pytest.approx(mask.sum())
    # 210 columns and 60 rows are whole multiples of everything: the same cells in fine pixels.
    fine = np.kron(mask, np.ones((6 * 10, 21 * 20), bool)[:60, :21])
    parts = fine.reshape(rows, fine.shape[0] // rows, columns, fine.shape[1] // columns)
    assert covered == pytest.approx(parts.mean(axis=(1, 3)).reshape(-1), abs=1e-9)


def test_one_pixel_strokes_count() -> None:
    dot = Region.brush(painted((7, 6))).fitted(WH)
    assert dot.box_xyxy == (7, 6, 8, 7)
    assert np.flatnonzero(region_mask([dot], GRID)).tolist() == [5]
    line = Region.brush(painted(*((x, 2) for x in range(20)))).fitted(WH)
    assert line.box_xyxy == (0, 2, 20, 3)
    # A row of 5 pixels is a fifth of each cell: none is half covered, the first of equals is taken.
    assert coverage([line], GRID) == pytest.approx([0.2] * 4 + [0] * 4)
    assert np.flatnonzero(region_mask([line], GRID)).tolist() == [0]
    diagonal = Region.brush(painted((3, 3), (4, 4), (5, 5))).fitted(WH)
    assert rasterise(diagonal, WH).sum() == 3


def test_brush_and_box_together_cover_their_union() -> None:
    # The box takes the left 10 of 25 px of cell 0, the brush rows 0 and 1: 4 of those are the box's.
    stroke = Region.brush(painted(*((x, y) for x in range(5) for y in range(2))))
    box = Region.box(0, 0, 2, 5)
    assert coverage([stroke], GRID)[0] == pytest.approx(10 / 25)
    assert np.flatnonzero(region_mask([stroke, box], GRID)).tolist() == [0]  # 16 of 25
    assert np.flatnonzero(region_mask([box, Region.box(10, 0, 15, 3)], GRID)).tolist() == [0, 2]


def test_a_pixel_belongs_to_what_holds_its_centre() -> None:
    assert rasterise(Region.box(0.4, 0, 2.5, 1), WH).sum() == 2  # centres 0.5 and 1.5; 2.5 is the next one's
    assert rasterise(Region.box(2.5, 0, 3, 1), WH)[0, 2]
    assert not rasterise(Region.box(0.6, 0, 1.4, 1), WH).any()


@given(st.lists(point, min_size=2, max_size=2))
def test_a_box_drawn_as_a_polygon_has_the_same_pixels(corners: list[tuple[float, float]]) -> None:
    region = Region.box(*corners[0], *corners[1])
    x0, y0, x1, y1 = region.box_xyxy
    polygon = Region.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    assert np.array_equal(rasterise(polygon, WH), rasterise(region, WH))


def test_a_hole_stays_empty() -> None:
    ring = [(0, 0), (10, 0), (10, 10), (0, 10), (0, 0), (2, 2), (2, 8), (8, 8), (8, 2), (2, 2)]
    mask = rasterise(Region.polygon(ring), WH)
    assert mask.sum() == 100 - 36
    assert not mask[5, 5]


def test_a_polygon_that_crosses_itself_is_odd_inside() -> None:
    # A pentagram's centre is wound round twice; its five points are not.
    angles = np.pi * (0.8 * np.arange(5) - 0.5)
    star = Region.polygon(list(zip(10 + 5 * np.cos(angles), 5 + 5 * np.sin(angles), strict=True)))
    mask = rasterise(star, WH)
    assert not mask[4:6, 9:11].any()
    assert mask[2, 9:11].all()


def even_odd(points: list[tuple[float, float]], x: float, y: float) -> bool:
    """Crossings of the ray to the left of the point, counted one by one."""
    odd = False
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        if (ay <= y) != (by <= y) and x >= ax + (y - ay) * ((bx - ax) / (by - ay)):
            odd = not odd
    return odd


@given(polygons)
def test_a_polygons_pixels_follow_the_even_odd_rule(points: list[tuple[float, float]]) -> None:
    mask = rasterise(Region.polygon(points), WH)
    slow = [[even_odd(points, x + 0.5, y + 0.5) for x in range(WH[0])] for y in range(WH[1])]
    assert np.array_equal(mask, np.array(slow))


@given(polygons, st.integers(0, 8), st.booleans())
def test_the_corner_that_comes_first_does_not_matter(
    points: list[tuple[float, float]], turn: int, back: bool
) -> None:
    turned = points[turn % len(points) :] + points[: turn % len(points)]
    other = Region.polygon(turned[::-1] if back else turned)
    apart = rasterise(Region.polygon(points), WH) ^ rasterise(other, WH)
    # A side is worked out from its other end then, which may move a centre that lies on it.
    assert back or not apart.any()
    for y, x in np.argwhere(apart):
        assert (
            min(away(side, (x + 0.5, y + 0.5)) for side in zip(points, points[1:] + points[:1], strict=True))
            < 1e-6
        )


def away(side: tuple[tuple[float, float], tuple[float, float]], at: tuple[float, float]) -> float:
    """Distance of a point from the line through a side."""
    (ax, ay), (bx, by) = side
    length = float(np.hypot(bx - ax, by - ay))
    if length == 0:
        return float(np.hypot(at[0] - ax, at[1] - ay))
    return abs((bx - ax) * (at[1] - ay) - (by - ay) * (at[0] - ax)) / length


def test_what_an_outline_encloses() -> None:
    square = [(0, 0), (10, 0), (10, 10), (0, 10)]
    assert encloses(square)
    assert encloses(square * 3)  # an odd number of times round
    assert encloses([(0, 0), (10, 10), (0, 10), (10, 0)])  # crosses itself
    assert encloses([(0, 0), (1000, 1000), (1000, 1000.001)])  # thin
    for nothing in (
        square * 2,
        square + square[::-1],
        [*square, (0, 0), (5, 0), (10, 0), (10, 10), (0, 10)],  # with a corner more the second time
        [(0, 0), (10, 10), (30, 30)],
        [(0, 0), (10, 0), (30, 0)],
        [(0, 0), (0, 10), (0, 30)],
    ):
        assert not encloses(nothing)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), min_size=3, max_size=9))
def test_an_outline_encloses_something_where_a_fine_lattice_finds_it(points: list[tuple[int, int]]) -> None:
    # Corners on whole pixels: what is enclosed and misses a lattice this fine is a sliver.
    fine = np.arange(0, 20, 1 / 64) + 1 / 128
    found = polygon_inside(points, fine, fine[fine < 10]).any()
    assert encloses(points) or not found
    assert not encloses(points * 2)
    with pytest.raises(RegionError, match="with an area"):
        Region.polygon(points * 2).fitted(WH)


def test_a_side_too_flat_to_have_a_slope_encloses_nothing() -> None:
    assert not encloses([(0.0, 0.0), (0.0, 0.0), (1.0, 5e-324)])


@given(polygons)
def test_clipping_changes_no_pixel_of_the_picture(points: list[tuple[float, float]]) -> None:
    region = Region.polygon(points)
    try:
        fitted = region.fitted(WH)
    except RegionError:
        assume(False)
    # Cutting moves an edge by a rounding error, which may move a centre that lies on it.
    apart = rasterise(region, WH) ^ rasterise(fitted, WH)
    assert apart.sum() <= 1
    x0, y0, x1, y1 = fitted.box_xyxy
    assert 0 <= x0 < x1 <= WH[0] and 0 <= y0 < y1 <= WH[1]


def test_ten_thousand_corners_are_no_trouble() -> None:
    angles = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    circle = Region.polygon(list(zip(500 + 400 * np.cos(angles), 500 + 400 * np.sin(angles), strict=True)))
    assert rasterise(circle, (1000, 1000)).sum() == pytest.approx(np.pi * 400**2, rel=1e-3)


def test_a_brush_belongs_to_a_picture_of_its_size() -> None:
    region = Region.brush(painted((1, 1)))
    assert region.fitted(WH) == region
    for call in (lambda: region.fitted((21, 10)), lambda: rasterise(region, (10, 20))):
        with pytest.raises(RegionError, match="painted on 20 x 10"):
            call()
    with pytest.raises(RegionError, match="with an area"):
        Region.brush(painted()).fitted(WH)
    assert coverage([Region.brush(painted())], GRID).max() == 0


@given(pictures, pictures)
def test_iou_counts_pixels(one: np.ndarray, other: np.ndarray) -> None:
    pairs = list(zip(one.flat, other.flat, strict=True))
    both, either = sum(a and b for a, b in pairs), sum(a or b for a, b in pairs)
    assert mask_iou(one, other) == mask_iou(other, one) == (both / either if either else 1.0)
    assert mask_iou(one, one) == 1


RLE = {"size": [2, 3], "counts": [1, 2, 3]}


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "brush"},
        {"kind": "brush", "rle": {}},
        {"kind": "brush", "rle": [1, 2]},
        {"kind": "brush", "rle": RLE | {"more": 1}},
        {"kind": "brush", "rle": RLE | {"counts": [1, 2, 2]}},
        {"kind": "brush", "rle": RLE | {"counts": [1, 0, 5]}},
        {"kind": "brush", "rle": RLE | {"counts": [7, -1]}},
        {"kind": "brush", "rle": RLE | {"counts": []}},
        {"kind": "brush", "rle": RLE | {"counts": "123"}},
        {"kind": "brush", "rle": RLE | {"counts": [1.0, 2, 3]}},
        {"kind": "brush", "rle": RLE | {"counts": [True, 2, 3]}},
        {"kind": "brush", "rle": RLE | {"size": [2]}},
        {"kind": "brush", "rle": RLE | {"size": [2, -3]}},
        {"kind": "brush", "rle": {"size": [10**9, 10**9], "counts": [10**18]}},
        {"kind": "brush", "rle": RLE, "points_xy": [[0, 0], [1, 1], [0, 1]]},
        {"kind": "box", "box_xyxy": [0, 0, 1, 1], "rle": RLE},
    ],
)
def test_anything_else_than_run_lengths_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(RegionError):
        Region.from_dict(data)
