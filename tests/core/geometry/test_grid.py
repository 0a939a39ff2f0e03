from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayo_app.core.geometry.grid import PAINT_SIDE, ImageGrid
from sayo_app.errors import CaptureError

sides = st.integers(1, 900)
counts = st.integers(1, 7)
share = st.floats(0, 1, exclude_max=True)


shapes = st.tuples(st.tuples(sides, sides), st.tuples(counts, counts))
Shape = tuple[tuple[int, int], tuple[int, int]]


def tiles_and_thumbnail() -> ImageGrid:
    """Two 100 x 100 tiles side by side, then one cell for the whole picture, then a newline token."""
    cells = np.array([[0, 0, 100, 100], [100, 0, 200, 100], [0, 0, 200, 100], [200, 50, 200, 50]], float)
    return ImageGrid((200, 100), cells, None)


def test_regular_cells_are_row_major_in_original_pixels() -> None:
    # 60 x 40 px in 2 rows and 3 columns: cells of 20 x 20; token 4 is row 1, column 1.
    grid = ImageGrid.regular((60, 40), (2, 3))
    assert grid.n_tokens == 6
    assert grid.cells_xyxy[4].tolist() == [20, 20, 40, 40]
    assert grid.cells_xyxy[2].tolist() == [40, 0, 60, 20]


@given(shapes)
def test_regular_cells_cut_the_picture_without_gap_or_overlap(shape: Shape) -> None:
    grid = ImageGrid.regular(*shape)
    assert grid.areas.sum() == pytest.approx(grid.image_wh[0] * grid.image_wh[1])
    assert len({grid.cell_at(*cell[:2]) for cell in grid.cells_xyxy}) == grid.n_tokens


@given(shapes, share, share)
def test_every_point_of_a_picture_lies_in_the_cell_found_for_it(shape: Shape, u: float, v: float) -> None:
    grid = ImageGrid.regular(*shape)
    x, y = u * grid.image_wh[0], v * grid.image_wh[1]
    x0, y0, x1, y1 = grid.cells_xyxy[grid.cell_at(x, y)]
    assert x0 <= x < x1 and y0 <= y < y1


@pytest.mark.parametrize(
    ("point", "cell"),
    [((0, 0), 0), ((20, 0), 1), ((60, 40), 5), ((-5, -5), 0), ((500, 500), 5), ((19.99, 20), 3)],
)
def test_edges_belong_to_the_cell_that_begins_there(point: tuple[float, float], cell: int) -> None:
    assert ImageGrid.regular((60, 40), (2, 3)).cell_at(*point) == cell


def test_of_overlapping_cells_the_finest_is_found() -> None:
    assert tiles_and_thumbnail().cell_at(150, 50) == 1
    # On the lower edge too, though the centre of the whole picture is nearer.
    assert tiles_and_thumbnail().cell_at(99, 100) == 0


def test_a_point_in_no_cell_goes_to_the_nearest() -> None:
    grid = ImageGrid((100, 10), np.array([[0, 0, 10, 10], [80, 0, 100, 10]], float), None)
    assert (grid.cell_at(40, 5), grid.cell_at(60, 5)) == (0, 1)


def test_a_regular_map_is_the_values_in_rows() -> None:
    painted = ImageGrid.regular((600, 400), (2, 3)).paint(np.arange(6.0))
    assert painted.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_overlapping_cells_add_up_where_they_lie() -> None:
    # Mean cell area 200 * 100 / 3 px with three cells that have an area. Left tile: 3 / 10,000 px plus
    # half the thumbnail's 6 / 20,000 px, times 6,667: 2 + 2; right tile: 0 + 2. The newline shows nowhere.
    painted = tiles_and_thumbnail().paint(np.array([3.0, 0.0, 6.0, 99.0]))
    assert painted.shape == (100, 200)
    assert painted[:, :100] == pytest.approx(4.0)
    assert painted[:, 100:] == pytest.approx(2.0)


@given(shapes, st.data())
def test_painting_spreads_values_and_loses_none(shape: Shape, data: st.DataObject) -> None:
    grid = ImageGrid.regular(*shape)
    values = np.array(data.draw(st.lists(st.floats(0, 9), min_size=grid.n_tokens, max_size=grid.n_tokens)))
    irregular = ImageGrid(grid.image_wh, grid.cells_xyxy, None)
    painted = irregular.paint(values)
    assert max(painted.shape) <= PAINT_SIDE
    assert painted.mean() == pytest.approx(values.mean())


@given(shapes, st.booleans())
def test_a_grid_comes_back_from_json(shape: Shape, regular: bool) -> None:
    grid = ImageGrid.regular(*shape)
    grid = grid if regular else ImageGrid(grid.image_wh, grid.cells_xyxy, None)
    back = ImageGrid.from_dict(json.loads(json.dumps(grid.to_dict())))
    assert (back.image_wh, back.grid_hw) == (grid.image_wh, grid.grid_hw)
    np.testing.assert_array_equal(back.cells_xyxy, grid.cells_xyxy)


@pytest.mark.parametrize(
    "cells",
    [np.zeros((0, 4)), np.array([[0, 0, np.nan, 1]]), np.array([[9.0, 0, 3, 1]])],
    ids=["none", "nan", "turned"],
)
def test_broken_cells_are_refused(cells: np.ndarray) -> None:
    with pytest.raises(CaptureError, match="Expected at least one image token"):
        ImageGrid((10, 10), cells, None)


def test_a_grid_shape_that_does_not_describe_the_cells_is_refused() -> None:
    cells = ImageGrid.regular((60, 40), (2, 3)).cells_xyxy
    with pytest.raises(CaptureError, match="3 x 2"):
        ImageGrid((60, 40), cells, (3, 2))


@pytest.mark.parametrize("shape", [((0, 5), (1, 1)), ((5, 5), (0, 1))])
def test_empty_pictures_and_grids_are_refused(shape: tuple[tuple[int, int], tuple[int, int]]) -> None:
    with pytest.raises(CaptureError):
        ImageGrid.regular(*shape)


@pytest.mark.parametrize(
    "data", [{}, {"image_wh": [4, 4], "grid_hw": ["a", 2]}, {"image_wh": 3, "grid_hw": None}]
)
def test_damaged_json_is_refused(data: dict) -> None:
    with pytest.raises(CaptureError, match="Expected an image grid"):
        ImageGrid.from_dict(data)
