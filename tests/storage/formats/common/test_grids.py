"""Picture size to image grid, against figures of the image processors."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sayo_app.errors import SettingsError
from storage.formats.common.grids import GridRule

SIDES = st.integers(20, 5_000)


@given(st.tuples(SIDES, SIDES), st.sampled_from([28, 32]))
def test_pictures_are_resized_as_the_processor_does_it(image_wh: tuple[int, int], token_px: int) -> None:
    # Seconds to import, and needed here alone.
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    assume(max(image_wh) <= 200 * min(image_wh))  # the processor takes no others
    limits = {"min_pixels": 65_536, "max_pixels": 1_000_000}
    height, width = smart_resize(image_wh[1], image_wh[0], factor=token_px, **limits)
    rule = GridRule(token_px, **limits)
    assert rule.resized_wh(image_wh) == (width, height)
    grid = rule.grid(image_wh)
    assert (grid.grid_hw, grid.image_wh) == ((height // token_px, width // token_px), image_wh)


def test_the_official_data_is_squashed_to_16_by_16_tokens() -> None:
    rule = GridRule(squash_wh=(448, 448))
    assert rule.resized_wh((500, 375)) == (448, 448)
    assert rule.grid((500, 375)).grid_hw == (16, 16)


@pytest.mark.parametrize(
    "fields",
    [
        {"token_px": 0},
        {"min_pixels": 10},
        {"min_pixels": 9_000, "max_pixels": 8_000},
        {"squash_wh": (450, 448)},
        {"squash_wh": (0, 28)},
    ],
)
def test_a_rule_that_makes_no_grid_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        GridRule(**fields)  # type: ignore[arg-type]
