from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.rendering.colormap import TABLE
from sayo_app.core.rendering.overlay import VEIL, highest, overlay, parts
from sayo_app.errors import InputError

GRID = ImageGrid.regular((40, 20), (1, 2))


def grey() -> np.ndarray:
    return np.full((20, 40, 3), 128, np.uint8)


def blend(value: int, strength: float) -> np.ndarray:
    opacity = strength * (VEIL + (1 - VEIL) * value / 255)
    return 128 * (1 - opacity) + TABLE[value] * opacity


def test_the_colour_map_is_inferno_and_only_gets_lighter() -> None:
    assert TABLE.shape == (256, 3) and TABLE.dtype == np.uint8
    # matplotlib's inferno: #000004, #bc3754 in the middle, #fcffa4.
    assert np.abs(TABLE[[0, 128, 255]].astype(int) - [[0, 0, 4], [188, 55, 84], [252, 255, 164]]).max() <= 2
    lightness = TABLE @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) >= -0.8).all()
    # For eyes that cannot tell red from green, lightness alone still tells an eighth of the range apart.
    assert (lightness[32:] - lightness[:-32] > 8).all()


def test_the_peak_takes_the_colour_and_the_rest_a_veil() -> None:
    picture = grey()
    shown = overlay(picture, np.array([0.0, 0.2]), GRID, strength=1.0)
    assert shown[10, -1] == pytest.approx(TABLE[255], abs=1)
    assert shown[10, 0] == pytest.approx(blend(0, 1.0), abs=1)
    assert (picture == 128).all(), "the picture was drawn into"


def test_strength_is_the_opacity_at_the_peak() -> None:
    half = overlay(grey(), np.array([0.0, 0.2]), GRID, strength=0.5)
    assert half[10, -1] == pytest.approx(blend(255, 0.5), abs=1)
    assert (overlay(grey(), np.array([0.0, 0.2]), GRID, strength=0) == 128).all()


def test_an_empty_map_is_a_veil_all_over() -> None:
    shown = overlay(grey(), np.zeros(2), GRID, strength=0.5)
    assert (shown == shown[0, 0]).all() and shown[0, 0] == pytest.approx(blend(0, 0.5), abs=1)


def test_only_proportions_count() -> None:
    values = np.array([0.1, 0.3])
    np.testing.assert_array_equal(overlay(grey(), values, GRID), overlay(grey(), values * 2.0**-20, GRID))


def test_pictures_of_one_map_share_its_peak() -> None:
    values = np.array([0.0, 0.2, 0.0, 0.4])
    peak = highest(values, (GRID, GRID))
    assert peak == pytest.approx(0.4)
    first, second = (overlay(grey(), part, grid, 1.0, peak) for part, grid in parts(values, (GRID, GRID)))
    assert first[10, -1] == pytest.approx(blend(128, 1.0), abs=1)
    assert second[10, -1] == pytest.approx(blend(255, 1.0), abs=1)


def test_a_resized_copy_gets_the_same_map() -> None:
    small = overlay(np.zeros((10, 20, 3), np.uint8), np.array([0.0, 1.0]), GRID)
    assert small.shape == (10, 20, 3)
    assert small[:, :5].max() < small[:, 15:].max()


def test_cells_in_any_order_land_where_they_lie() -> None:
    right_first = ImageGrid((40, 20), np.array([[20, 0, 40, 20], [0, 0, 20, 20]], float), None)
    shown = overlay(grey(), np.array([1.0, 0.0]), right_first, 1.0)
    assert shown[10, 5] == pytest.approx(blend(0, 1.0), abs=1)
    assert shown[10, 35] == pytest.approx(blend(255, 1.0), abs=1)


@given(arrays(np.float64, 2, elements=st.floats(0, 1e3)), st.floats(0, 1))
def test_every_pixel_lies_between_picture_and_colours(values: np.ndarray, strength: float) -> None:
    shown = overlay(grey(), values, GRID, strength).astype(int)
    assert shown.min() >= min(128, TABLE.min()) and shown.max() <= 255
    # Opacity never passes the strength.
    assert np.abs(shown - 128).max() <= strength * 128 + 1


@pytest.mark.parametrize("strength", [1.5, -0.1, float("nan")])
def test_other_strengths_are_refused(strength: float) -> None:
    with pytest.raises(InputError, match="Expected a strength from 0 to 1"):
        overlay(grey(), np.ones(2), GRID, strength)
