from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.mllm.models.layouts import even_tiles, overview_and_rows, padded_square, squashed_crops, whole

sides = st.integers(1, 3000)
sizes = st.tuples(sides, sides)


def test_tiles_then_the_whole_by_hand() -> None:
    """120 x 40 px, one row of three tiles of 2 x 2 tokens: cells of 20 x 20, then of 60 x 20."""
    wh = (120, 40)
    grid = squashed_crops(wh, [*even_tiles(wh, (1, 3)), whole(wh)], 2)
    assert grid.n_tokens == 16 and grid.grid_hw is None
    assert grid.cells_xyxy[:4].tolist() == [
        [0, 0, 20, 20],
        [20, 0, 40, 20],
        [0, 20, 20, 40],
        [20, 20, 40, 40],
    ]
    assert grid.cells_xyxy[4].tolist() == [40, 0, 60, 20] and grid.cells_xyxy[12].tolist() == [0, 0, 60, 20]


def test_one_squashed_square_is_a_regular_grid() -> None:
    assert squashed_crops((90, 30), [whole((90, 30))], 3).grid_hw == (3, 3)


def test_overview_and_rows_by_hand() -> None:
    """80 x 40 px on a canvas of one row of two 40 px tiles, patches of 10: the picture fills it, in 4 rows of
    8 tokens and a newline each, after an overview of 4 x 4."""
    grid = overview_and_rows((80, 40), (40, 80), tile_px=40, patch_px=10, max_tiles=9)
    assert grid.n_tokens == 16 + 4 * 9
    assert grid.cells_xyxy[1].tolist() == [20, 0, 40, 10]
    assert grid.cells_xyxy[16].tolist() == [0, 0, 10, 10] and grid.cells_xyxy[23].tolist() == [70, 0, 80, 10]
    assert grid.cells_xyxy[24].tolist() == [80, 0, 80, 10], "the newline token has no area"
    assert grid.cells_xyxy[25].tolist() == [0, 10, 10, 20]


def test_padding_rows_are_left_out_by_hand() -> None:
    """80 x 20 px on the same canvas stands on rows 10 to 30: two of the four rows are padding."""
    grid = overview_and_rows((80, 20), (40, 80), tile_px=40, patch_px=10, max_tiles=9)
    assert grid.n_tokens == 16 + 2 * 9
    assert grid.cells_xyxy[16].tolist() == [0, 0, 10, 10] and grid.cells_xyxy[25].tolist() == [0, 10, 10, 20]


def test_more_than_max_tiles_are_interpolated_by_hand() -> None:
    """Four tiles where one is allowed: 8 x 8 tokens shrink by 2 to 4 x 4, each two patches wide."""
    grid = overview_and_rows((80, 80), (80, 80), tile_px=40, patch_px=10, max_tiles=1)
    assert grid.n_tokens == 16 + 4 * 5
    assert grid.cells_xyxy[16].tolist() == [0, 0, 20, 20] and grid.cells_xyxy[21].tolist() == [0, 20, 20, 40]


def test_what_no_patch_sees_is_in_no_cell() -> None:
    """Patches of 7 px in tiles of 30: the last 2 px of each tile are seen by none."""
    grid = overview_and_rows((60, 30), (30, 60), tile_px=30, patch_px=7, max_tiles=9)
    row = grid.cells_xyxy[16:24]
    assert row[3].tolist() == [21, 0, 28, 7] and row[4].tolist() == [30, 0, 37, 7]


def test_a_padded_square_by_hand() -> None:
    """40 x 20 px in the middle of a square of 40: its rows are the second and third of four."""
    grid = padded_square((40, 20), tile_px=40, patch_px=10)
    assert grid.n_tokens == 17
    assert grid.areas[:4].tolist() == [0] * 4 and grid.areas[12:].tolist() == [0] * 5
    assert grid.cells_xyxy[4].tolist() == [0, 0, 10, 10] and grid.cells_xyxy[11].tolist() == [30, 10, 40, 20]


@given(sizes, st.integers(1, 4), st.integers(1, 4), st.integers(1, 5))
def test_tiles_cover_the_picture_once(wh: tuple[int, int], rows: int, columns: int, side: int) -> None:
    grid = squashed_crops(wh, even_tiles(wh, (rows, columns)), side)
    assert grid.n_tokens == rows * columns * side**2
    assert grid.areas.sum() == pytest.approx(wh[0] * wh[1])


@given(sizes, st.integers(1, 4), st.integers(1, 4), st.integers(1, 9))
def test_rows_lie_in_the_picture_and_do_not_overlap(
    wh: tuple[int, int], rows: int, columns: int, max_tiles: int
) -> None:
    """Whatever the shapes of picture and canvas; of a strip of a picture nothing may be left."""
    grid = overview_and_rows(wh, (32 * rows, 32 * columns), tile_px=32, patch_px=8, max_tiles=max_tiles)
    assert inside(grid) and grid.areas[16:].sum() <= wh[0] * wh[1] * (1 + 1e-9)


def inside(grid: ImageGrid) -> bool:
    x0, y0, x1, y1 = grid.cells_xyxy.T
    width, height = grid.image_wh
    return bool(np.min([x0, y0]) >= 0 and x1.max() <= width and y1.max() <= height)
