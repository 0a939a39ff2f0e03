from __future__ import annotations

import numpy as np
import pytest

from sayo_app.core.grid import ImageGrid
from sayo_app.core.overlay import COLORMAPS, overlay
from sayo_app.errors import InputError

GRID = ImageGrid.regular((40, 20), (1, 2))


def grey() -> np.ndarray:
    return np.full((20, 40, 3), 128, np.uint8)


def test_the_peak_takes_the_colour_and_the_rest_stays() -> None:
    picture = grey()
    shown = overlay(picture, np.array([0.0, 0.2]), GRID, strength=1.0)
    # Turbo ends in dark red, (122, 4, 3) in RGB.
    assert np.abs(shown[10, -1].astype(int) - [122, 4, 3]).max() <= 2
    assert (shown[:, 0] == 128).all()
    assert (picture == 128).all(), "the picture was drawn into"


def test_strength_is_the_opacity_at_the_peak() -> None:
    full, half = (
        overlay(grey(), np.array([0.0, 0.2]), GRID, strength=s)[10, -1].astype(int) for s in (1.0, 0.5)
    )
    assert half == pytest.approx((full + 128) / 2, abs=1)
    assert (overlay(grey(), np.array([0.0, 0.2]), GRID, strength=0) == 128).all()


def test_an_empty_map_leaves_the_picture() -> None:
    assert (overlay(grey(), np.zeros(2), GRID) == 128).all()


def test_only_proportions_count() -> None:
    values = np.array([0.1, 0.3])
    np.testing.assert_array_equal(overlay(grey(), values, GRID), overlay(grey(), values * 1e-5, GRID))


def test_a_resized_copy_gets_the_same_map() -> None:
    small = overlay(np.zeros((10, 20, 3), np.uint8), np.array([0.0, 1.0]), GRID)
    assert small.shape == (10, 20, 3)
    assert small[:, :5].max() < small[:, 15:].max()


def test_cells_in_any_order_land_where_they_lie() -> None:
    right_first = ImageGrid((40, 20), np.array([[20, 0, 40, 20], [0, 0, 20, 20]], float), None)
    shown = overlay(grey(), np.array([1.0, 0.0]), right_first)
    assert (shown[:, :18] == 128).all() and (shown[:, 22:] != 128).any()


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_every_colour_map_draws(colormap: str) -> None:
    assert (overlay(grey(), np.array([0.0, 1.0]), GRID, colormap=colormap)[:, 30:] != 128).any()


@pytest.mark.parametrize(
    ("strength", "colormap"), [(1.5, "turbo"), (-0.1, "turbo"), (float("nan"), "turbo"), (0.5, "jet")]
)
def test_other_settings_are_refused(strength: float, colormap: str) -> None:
    with pytest.raises(InputError, match="Expected a strength from 0 to 1"):
        overlay(grey(), np.ones(2), GRID, strength, colormap)
