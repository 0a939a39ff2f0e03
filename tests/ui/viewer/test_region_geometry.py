"""The geometry of the page's regions, against that of the server, for any region."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sayo_app.core.geometry.raster import Rle, encloses
from sayo_app.core.geometry.region import Region, rasterise
from tests.node import modules

WH = (20, 14)
Page = Callable[..., Any]  # calls a function of the page's modules
SIZE = {"width": 20, "height": 14}
# The process outlives the examples on purpose: the modules keep nothing.
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

points = st.tuples(st.integers(0, WH[0]), st.integers(0, WH[1]))
by = st.tuples(st.integers(-30, 30), st.integers(-30, 30))
# Made into regions in the tests: what checks shapes draws numbers by chance, which no strategy may.
shapes = (
    st.tuples(st.just("box"), st.tuples(points, points))
    | st.tuples(st.just("polygon"), st.lists(points, min_size=3, max_size=8))
    | st.tuples(st.just("brush"), arrays(bool, WH[::-1]))
)


def region_of(shape: tuple[str, Any]) -> Region:
    """One that the server takes."""
    kind, drawn = shape
    if kind == "brush":
        assume(drawn.any())
        return Region.brush(drawn)
    if kind == "polygon":
        assume(encloses(drawn))
        return Region.polygon(drawn)
    (ax, ay), (bx, by) = drawn
    assume(ax != bx and ay != by)
    return Region.box(ax, ay, bx, by)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with modules("regions/outlines.js", "regions/masks.js", "regions/geometry.js") as functions:
        yield functions


def changed(page: Page, name: str, region: Region, *arguments: Any) -> Region | None:
    made = page(name, region.to_dict(), *arguments)
    return None if made is None else taken(made)


def taken(made: dict[str, Any]) -> Region:
    """As the server takes it; the page must know the same box."""
    region = Region.from_dict(made)
    assert made["box_xyxy"] == list(region.box_xyxy)
    return region


def mask_of(page: Page, region: Region, size: dict[str, int] = SIZE) -> np.ndarray:
    pixels = page("rasterise", region.to_dict(), size)
    return np.array(pixels, dtype=bool).reshape(size["height"], size["width"])


@many
@given(shapes)
def test_page_and_server_mean_the_same_pixels(page: Page, shape: tuple[str, Any]) -> None:
    region = region_of(shape)
    assert np.array_equal(mask_of(page, region), rasterise(region, WH))


@many
@given(st.lists(points, min_size=3, max_size=8), st.booleans())
def test_page_and_server_agree_what_has_an_area(page: Page, corners: list[Any], twice: bool) -> None:
    outline = corners * 2 if twice else corners
    assert page("hasArea", outline) == encloses(outline)


@many
@given(arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 9))).filter(lambda it: bool(it.any())))
def test_a_mask_has_the_run_lengths_and_the_box_of_the_server(page: Page, mask: np.ndarray) -> None:
    size = {"width": mask.shape[1], "height": mask.shape[0]}
    made = page("brush", mask.ravel().astype(int).tolist(), size)
    assert taken(made) == Region.brush(mask)
    decoded = page("decode", Rle.from_mask(mask).to_dict())
    assert np.array_equal(np.array(decoded, bool).reshape(mask.shape), mask)


@many
@given(shapes, by)
def test_a_moved_region_is_the_same_pixels_elsewhere_and_stays_on_the_picture(
    page: Page, shape: tuple[str, Any], offset: tuple[int, int]
) -> None:
    region = region_of(shape)
    moved = changed(page, "moved", region, *offset, SIZE)
    assert moved is not None
    (x0, y0, x1, y1), (u0, v0, u1, v1) = region.box_xyxy, moved.box_xyxy
    assert (u1 - u0, v1 - v0) == (x1 - x0, y1 - y0)
    assert u0 >= 0 and v0 >= 0 and u1 <= WH[0] and v1 <= WH[1]
    # As far as was asked, unless the picture ends before.
    for wanted, went, low, high, side in (
        (offset[0], u0 - x0, u0, u1, WH[0]),
        (offset[1], v0 - y0, v0, v1, WH[1]),
    ):
        assert went == wanted or (low == 0 and wanted < went) or (high == side and wanted > went)
    shift = (int(v0 - y0), int(u0 - x0))
    assert np.array_equal(rasterise(moved, WH), np.roll(rasterise(region, WH), shift, axis=(0, 1)))
    assert changed(page, "moved", moved, -shift[1], -shift[0], SIZE) == region


@many
@given(shapes)
def test_moving_by_nothing_and_stretching_to_the_same_box_change_nothing(
    page: Page, shape: tuple[str, Any]
) -> None:
    region = region_of(shape)
    assert changed(page, "moved", region, 0, 0, SIZE) == region
    assert changed(page, "resized", region, list(region.box_xyxy), SIZE) == region
    assert changed(page, "carried", region, SIZE, SIZE) == region


@many
@given(shapes, st.tuples(points, points))
def test_a_stretched_region_fills_the_box_it_is_given(
    page: Page, shape: tuple[str, Any], corners: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    region = region_of(shape)
    (ax, ay), (bx, by) = corners
    to = [min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)]
    made = changed(page, "resized", region, to, SIZE)
    if to[0] == to[2] or to[1] == to[3]:
        assert made is None
    elif region.kind == "brush":
        # A mask may lose thin parts where it shrinks, and never leaves the box.
        inside = rasterise(Region.box(*to), WH)
        assert made is None or not (rasterise(made, WH) & ~inside).any()
    elif made is not None:
        assert made.box_xyxy == tuple(to)
    else:
        assert region.kind == "polygon"  # its corners were rounded on to one line


@many
@given(arrays(bool, (4, 5)).filter(lambda it: bool(it.any())), st.integers(1, 3))
def test_a_painting_stretched_by_whole_numbers_repeats_its_pixels(
    page: Page, small: np.ndarray, times: int
) -> None:
    mask = np.zeros((12, 15), bool)
    mask[:4, :5] = small
    region = Region.brush(mask)
    x0, y0, x1, y1 = region.box_xyxy
    size = {"width": 15, "height": 12}
    made = changed(page, "resized", region, [0, 0, (x1 - x0) * times, (y1 - y0) * times], size)
    wanted = np.zeros((12, 15), bool)
    tight = small[int(y0) : int(y1), int(x0) : int(x1)]
    large = np.kron(tight, np.ones((times, times), bool))
    wanted[: len(large), : large.shape[1]] = large
    assert made is not None and np.array_equal(rasterise(made, (15, 12)), wanted)


def test_a_painting_that_shrinks_is_read_at_its_new_pixels_centres(page: Page) -> None:
    # Four columns become two, whose centres lie at 1 and 3 px: those of columns 1 and 3.
    mask = np.zeros((14, 20), bool)
    mask[2, [0, 1, 3]] = True
    made = changed(page, "resized", Region.brush(mask), [10, 5, 12, 6], SIZE)
    wanted = np.zeros((14, 20), bool)
    wanted[5, [10, 11]] = True
    assert made is not None and np.array_equal(rasterise(made, WH), wanted)
    mask[2, 1] = False
    made = changed(page, "resized", Region.brush(mask), [10, 5, 12, 6], SIZE)
    wanted[5, 10] = False
    assert made is not None and np.array_equal(rasterise(made, WH), wanted)


@many
@given(shapes, st.integers(1, 3), st.integers(1, 3))
def test_a_region_is_carried_to_a_larger_picture_and_back(
    page: Page, shape: tuple[str, Any], wide: int, high: int
) -> None:
    region = region_of(shape)
    larger = {"width": WH[0] * wide, "height": WH[1] * high}
    there = changed(page, "carried", region, SIZE, larger)
    assert there is not None
    x0, y0, x1, y1 = region.box_xyxy
    assert there.box_xyxy == (wide * x0, high * y0, wide * x1, high * y1)
    assert changed(page, "carried", there, larger, SIZE) == region


@many
@given(st.floats(0, 20), st.floats(0, 14), st.integers(1, 9))
def test_a_brush_covers_the_pixels_whose_centre_it_reaches(page: Page, x: float, y: float, size: int) -> None:
    cx, cy = page("brushCentre", [x, y], size, SIZE)
    assert abs(cx - x) <= 1 and abs(cy - y) <= 1
    assert (cx % 1, cy % 1) == ((0.5, 0.5) if size % 2 else (0, 0))
    mask = np.zeros(WH[::-1], bool)
    for row, start, stop in page("stamp", [cx, cy], size, SIZE):
        mask[row, start:stop] = True
    ys, xs = np.mgrid[0.5:14, 0.5:20]
    assert np.array_equal(mask, np.hypot(xs - cx, ys - cy) <= size / 2)


@many
@given(points, points)
def test_a_stroke_has_no_gap(page: Page, start: tuple[int, int], stop: tuple[int, int]) -> None:
    places = [list(start), *page("between", start, stop)]
    assert places[-1] == list(stop)
    steps = np.abs(np.diff(np.array(places), axis=0))
    assert len(places) == 1 or (steps.max(axis=1) == 1).all()


@many
@given(shapes, st.integers(0, 19), st.integers(0, 13))
def test_a_click_meets_the_region_whose_pixel_it_is_on(
    page: Page, shape: tuple[str, Any], x: int, y: int
) -> None:
    region = region_of(shape)
    assume(not any(on_side(side, x + 0.5, y + 0.5) for side in sides(region)))
    hit = page("hits", region.to_dict(), [x + 0.5, y + 0.5], 0, SIZE)
    assert hit == rasterise(region, WH)[y, x]


def sides(region: Region) -> list[Any]:
    corners = region.points_xy
    return list(zip(corners, corners[1:] + corners[:1], strict=True))


def on_side(side: Any, x: float, y: float) -> bool:
    """Exact: all numbers are halves."""
    (ax, ay), (bx, by) = side
    within = min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)
    return within and (bx - ax) * (y - ay) == (by - ay) * (x - ax)
