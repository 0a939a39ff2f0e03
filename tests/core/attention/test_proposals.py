"""Peaks of a map as regions."""

from __future__ import annotations

import numpy as np

from sayo_app.core.attention.proposals import proposals
from sayo_app.core.geometry.cells import region_mask
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region

GRID = ImageGrid.regular((80, 60), (6, 8))  # cells of 10 px


def map_of(**cells: float) -> np.ndarray:
    values = np.zeros((6, 8))
    for name, value in cells.items():
        values[int(name[1]), int(name[2])] = value
    return values.ravel()


def test_a_peak_is_its_box() -> None:
    assert proposals(map_of(c12=5.0, c13=4.0, c22=4.0, c23=4.0), GRID) == [Region.box(20, 10, 40, 30)]


def test_a_bent_peak_is_a_polygon_along_its_cells() -> None:
    [found] = proposals(map_of(c12=5.0, c13=4.0, c22=4.0), GRID)
    assert found.kind == "polygon"
    wanted = {(20, 10), (40, 10), (40, 20), (30, 20), (30, 30), (20, 30)}
    assert wanted <= set(found.points_xy)
    mask = np.zeros((6, 8), dtype=bool)
    mask[1, 2:4] = mask[2, 2] = True
    np.testing.assert_array_equal(region_mask([found], GRID), mask.ravel())


def test_peaks_are_ranked_and_no_more_than_asked_for() -> None:
    values = map_of(c00=6.0, c05=5.0, c06=5.0, c50=4.0, c57=3.9)
    wanted = [Region.box(50, 0, 70, 10), Region.box(0, 0, 10, 10), Region.box(0, 50, 10, 60)]
    assert proposals(values, GRID) == wanted
    assert proposals(values, GRID, most=1) == wanted[:1]


def test_an_even_map_has_no_peak() -> None:
    assert proposals(np.ones(48), GRID) == proposals(np.zeros(48), GRID) == []


def test_cells_that_touch_at_a_corner_are_two() -> None:
    assert len(proposals(map_of(c00=1.0, c11=1.0), GRID)) == 2


def test_a_peak_of_a_tiled_picture_holds_its_cell() -> None:
    cells = np.array(
        [(0, 0, 150, 240), (150, 0, 320, 240), (0, 0, 320, 120), (0, 120, 320, 240)], dtype=float
    )
    grid = ImageGrid((320, 240), cells, None)
    [found] = proposals(np.array([0.0, 1.0, 0.0, 0.0]), grid)
    assert found == Region.box(150, 0, 320, 240)
