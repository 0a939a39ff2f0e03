"""Which cells a region means: covered by half or the one under it, to look at or away from, step by step."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sayo_app.core.geometry.cells import (
    NO_STEP,
    are_whole_cells,
    away_mask,
    coverage,
    mask_to_ranges,
    ranges_to_boxes,
    region_mask,
    region_masks,
    region_note,
)
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import POLYGON_LINES, Region, rasterise

# 100 x 50 px in 2 rows and 4 columns: cells of 25 x 25 px.
GRID = ImageGrid.regular((100, 50), (2, 4))
pixel = st.floats(-30, 130)
Corners = tuple[float, float, float, float]
corners = st.tuples(pixel, pixel, pixel, pixel)


def test_a_box_covers_what_it_covers() -> None:
    # x 10..60: 15, 25 and 10 of 25 px; y 0..20: 20 of 25 px, so 0.6, 1 and 0.4 times 0.8; row 1 nothing.
    covered = coverage([Region.box(10, 0, 60, 20)], GRID)
    assert covered == pytest.approx([0.48, 0.8, 0.32, 0, 0, 0, 0, 0])


@given(corners)
def test_coverage_adds_up_to_the_area_on_the_picture(box: Corners) -> None:
    region = Region.box(*box)
    x0, y0, x1, y1 = region.box_xyxy
    area = max(0, min(x1, 100) - max(x0, 0)) * max(0, min(y1, 50) - max(y0, 0))
    assert (coverage([region], GRID) * GRID.areas).sum() == pytest.approx(area, abs=1e-6)


def test_a_thousand_boxes_cover_what_their_squares_do() -> None:
    """Against counting: boxes between whole pixels, hundreds on each other, on both sides of the edge."""
    dice = np.random.default_rng(7)
    boxes = [Region.box(*corners) for corners in dice.integers(-20, 130, (1_000, 4)).tolist()]
    pixels = np.zeros((50, 100), dtype=bool)
    some = boxes[:5]
    for region in some:
        pixels |= rasterise(region, (100, 50))
    counted = pixels.reshape(2, 25, 4, 25).mean(axis=(1, 3)).ravel()
    assert coverage(some, GRID) == pytest.approx(counted)
    assert coverage(boxes, GRID) == pytest.approx(np.ones(8), abs=0.05)


def test_very_many_sides_cost_no_more_than_many() -> None:
    """40 polygons of 257 lines each would be a plane of 100 million rectangles: some lines go."""
    lefts = np.arange(0, 100, 2.5).tolist()
    triangles = [Region.polygon([(x, 0), (x + 2, 0), (x, 50)]) for x in lefts]
    tracemalloc.start()
    covered = coverage([Region.box(0, 0, 50, 50), *triangles], GRID)
    assert tracemalloc.get_traced_memory()[1] < 200_000_000
    tracemalloc.stop()
    assert covered[[0, 1, 4, 5]] == pytest.approx(1, abs=0.01)
    # Each has 2 x 50 / 2 of the 2.5 x 50 px from it to the next: three quarters of that above, one below.
    assert covered[[2, 3]] == pytest.approx(0.6, abs=0.02)
    assert covered[[6, 7]] == pytest.approx(0.2, abs=0.02)


def test_a_polygon_covers_half_of_what_its_box_does() -> None:
    # Right-angled triangle over the left 2 x 2 cells: the diagonal halves cells 1 and 4.
    covered = coverage([Region.polygon([(0, 0), (50, 0), (0, 50)])], GRID)
    assert covered == pytest.approx([1, 0.5, 0, 0, 0.5, 0, 0, 0], abs=2 / POLYGON_LINES)


@given(corners)
def test_a_box_drawn_as_a_polygon_covers_the_same(box: Corners) -> None:
    region = Region.box(*box)
    x0, y0, x1, y1 = region.box_xyxy
    assume(x1 - x0 > 0.1 and y1 - y0 > 0.1)
    polygon = Region.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    assert polygon.box_xyxy == region.box_xyxy
    assert coverage([polygon], GRID) == pytest.approx(coverage([region], GRID), abs=1e-6)


def test_a_hole_by_the_even_odd_rule_is_not_covered() -> None:
    # The inner square is run through a second time, so it counts as outside.
    ring = [(0, 0), (25, 0), (25, 25), (0, 25), (0, 0), (5, 5), (5, 20), (20, 20), (20, 5), (5, 5)]
    assert coverage([Region.polygon(ring)], GRID)[0] == pytest.approx(1 - 225 / 625, abs=0.01)


def test_overlapping_regions_count_once() -> None:
    # Each covers 0.4 of cell 0. Apart they make 0.8, on the same place still 0.4.
    low, high = Region.box(0, 0, 25, 10), Region.box(0, 15, 25, 25)
    assert region_mask([low, high], GRID).tolist() == [True] + [False] * 7
    twice = region_mask([low, low, Region.box(50, 0, 75, 25)], GRID)
    assert twice.tolist() == [True, False, True, False, False, False, False, False]
    both = region_mask([low, Region.box(0, 2, 25, 12), Region.box(0, 0, 25, 10)], GRID)
    # 12 of 25 px is under half: one cell, taken as the one covered most, not as half covered.
    assert both.tolist() == [True] + [False] * 7


@given(st.lists(corners, min_size=1, max_size=4))
def test_a_cell_is_in_the_mask_if_half_covered_by_all_regions_together(boxes: list[Corners]) -> None:
    regions = [Region.box(*box) for box in boxes]
    # 0.5 px samples of the union, compared where they are clear of the half.
    ys, xs = np.mgrid[0.25:50:0.5, 0.25:100:0.5]
    inside = np.zeros(xs.shape, bool)
    for region in regions:
        x0, y0, x1, y1 = region.box_xyxy
        inside |= (xs > x0) & (xs < x1) & (ys > y0) & (ys < y1)
    sampled = inside.reshape(2, 50, 4, 50).mean(axis=(1, 3)).reshape(-1)
    mask = region_mask(regions, GRID)
    assert mask[sampled > 0.6].all()
    small = {int(np.argmax(coverage([r], GRID))) for r in regions if coverage([r], GRID).any()}
    for cell in np.flatnonzero(mask & (sampled < 0.4)):
        assert cell in small or not all(coverage([r], GRID).any() for r in regions)


def test_a_region_smaller_than_a_cell_takes_the_cell_under_it() -> None:
    tiny = Region.box(77, 30, 79, 33)
    assert np.flatnonzero(region_mask([tiny], GRID)).tolist() == [7]
    # A large region beside it does not make it disappear.
    both = region_mask([tiny, Region.box(0, 0, 25, 25)], GRID)
    assert np.flatnonzero(both).tolist() == [0, 7]


def test_a_region_that_no_cell_holds_takes_the_nearest() -> None:
    gap = ImageGrid((100, 10), np.array([[0, 0, 10, 10], [80, 0, 100, 10]], float), None)
    assert region_mask([Region.box(60, 2, 70, 8)], gap).tolist() == [False, True]


def test_regions_belong_to_steps_and_may_say_where_not_to_look() -> None:
    regions = [
        Region.box(0, 0, 25, 25),
        Region.box(25, 0, 50, 25, step=1),
        Region.box(50, 0, 75, 25, step=2),
        Region.box(75, 0, 100, 25, look=False),
    ]
    masks = {step: np.flatnonzero(region_mask(regions, GRID, step)).tolist() for step in (None, 0, 1, 2)}
    assert masks == {None: [0, 1, 2], 0: [0], 1: [0, 1], 2: [0, 2]}
    assert not region_mask(regions[3:], GRID).any()
    assert not region_mask([], GRID).any()


@given(st.lists(st.tuples(corners, st.none() | st.integers(0, 2), st.booleans()), max_size=5))
def test_masks_of_several_steps_are_those_of_each(drawn: list[tuple[Corners, int | None, bool]]) -> None:
    regions = [Region.box(*box, step=step, look=look) for box, step, look in drawn]
    steps = (None, NO_STEP, 0, 1, 2, 0)
    found = region_masks(regions, GRID, steps)
    for mask, step in zip(found, steps, strict=True):
        np.testing.assert_array_equal(mask, region_mask(regions, GRID, step))


def test_what_a_region_covers_is_worked_out_once_for_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []

    def count(regions: list[Region], grid: ImageGrid) -> np.ndarray:
        counted.append(len(regions))
        return coverage(regions, grid)

    monkeypatch.setattr("sayo_app.core.geometry.cells.coverage", count)
    boxes = [Region.box(0, 0, 30, 20), Region.box(50, 0, 90, 40), Region.box(10, 10, 20, 50, step=1)]
    region_masks(boxes, GRID, range(20))
    # Each alone, and together those of step 1 and those of all other steps.
    assert sorted(counted) == [1, 1, 1, 2, 3]


@pytest.mark.parametrize(
    ("box", "noted"),
    [
        ((10, 10, 15, 15), True),
        ((1, 1, 23, 23), True),
        ((0, 12, 100, 13), True),
        ((0, 10, 100, 20), True),
        ((0, 0, 25, 25), False),
    ],
)
def test_a_note_says_when_a_region_is_finer_than_the_model_sees(
    box: tuple[float, float, float, float], noted: bool
) -> None:
    note = region_note(Region.box(*box), GRID)
    assert (note is not None) is noted
    if note:
        assert "smaller than one image token (25 x 25 px)" in note


def test_cells_to_look_away_from_are_found_by_the_same_rule() -> None:
    regions = [
        Region.box(0, 0, 25, 25),
        Region.box(26, 1, 28, 3, look=False),
        Region.box(50, 0, 75, 25, look=False, step=1),
    ]
    masks = {step: np.flatnonzero(away_mask(regions, GRID, step)).tolist() for step in (None, NO_STEP, 0, 1)}
    assert masks == {None: [1, 2], NO_STEP: [1], 0: [1], 1: [1, 2]}
    assert not away_mask(regions[:1], GRID).any()
    assert np.flatnonzero(region_mask(regions, GRID, NO_STEP)).tolist() == [0]


def test_boxes_along_the_sides_of_cells_are_whole_cells() -> None:
    whole, finer = Region.box(25, 0, 75, 50), Region.box(25, 0, 74, 50)
    outline = Region.polygon([(25, 0), (75, 0), (75, 50)])
    assert are_whole_cells([whole], GRID) and not are_whole_cells([whole, finer], GRID)
    assert not are_whole_cells([outline], GRID)
    # What is not to be looked at has no part in what is written.
    assert are_whole_cells([whole, Region.box(1, 1, 2, 2, look=False)], GRID)


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
        lambda shape: st.tuples(st.just(shape), arrays(bool, shape))
    )
)
def test_any_set_of_cells_comes_back_by_its_ranges(drawn: tuple[tuple[int, int], np.ndarray]) -> None:
    (rows, columns), mask = drawn
    grid = ImageGrid.regular((columns * 28, rows * 28), (rows, columns))
    ranges = mask_to_ranges(mask.ravel(), grid)
    assert all(first // columns == last // columns for first, last in ranges)
    boxes = ranges_to_boxes([(first, last) for first, last in ranges], grid)
    again = region_mask([Region.box(*box) for box in boxes], grid)
    assert np.array_equal(again, mask.ravel())
