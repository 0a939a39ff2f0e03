"""Pictures that Ask draws: kept as their seeds, and the same each time."""

from __future__ import annotations

import pytest

from sayo_app.core.held import Held
from sayo_app.core.scenes.questions import HELD_OUT_SEED
from sayo_app.ui.ask import sources


@pytest.mark.parametrize("seed", [sources._EXAMPLE_SEEDS[0], HELD_OUT_SEED + 17])
def test_a_scene_is_drawn_anew_with_the_same_pixels(seed: int) -> None:
    made = sources._made(seed)
    held = Held(made.size, lambda: sources._picture(seed))
    assert held.image().size == made.size and held.image() == sources.make_question(seed)[0].picture


def test_pages_that_show_an_example_share_what_they_are_sent() -> None:
    seed = sources._EXAMPLE_SEEDS[0]
    assert sources._made_example(seed).value is sources._made_example(seed).value
