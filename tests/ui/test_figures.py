"""Figures for drawn boxes, against the same formulas applied by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sayo_app.core.heatmap import answer_map, step_map, token_maps
from sayo_app.core.metrics import region_energy, sayo_log_ratio, sayo_reward
from sayo_app.core.region import Region, region_mask
from sayo_app.ui.figures import region_numbers
from tests.ui.driving import make_trace


def test_box_for_the_whole_answer() -> None:
    trace = make_trace()
    regions = [Region.box(0, 0, 160, 120)]
    mask = region_mask(regions, trace.grid)
    rows = trace.attention[:, -1].astype(float)
    numbers = region_numbers(trace, regions)
    assert numbers["answer"]["reward"] == [pytest.approx(sayo_reward(rows, trace.entropies, mask), abs=1e-4)]
    wanted = [sayo_log_ratio(rows[i : i + 1], mask) for i in range(len(rows))]
    assert numbers["token"]["reward"] == pytest.approx(wanted, abs=1e-4)
    for method in ("centred", "reward"):
        energy = region_energy(answer_map(trace, method), mask)
        assert numbers["answer"]["energy"][method] == [pytest.approx(energy, abs=1e-4)]
        maps = token_maps(trace, method)
        wanted = [region_energy(one, mask) for one in maps]
        assert numbers["token"]["energy"][method] == pytest.approx(wanted, abs=1e-4)


def test_token_that_looks_into_the_box_has_more_reward_than_one_that_does_not() -> None:
    trace = make_trace()  # token i looks hardest at cell i, 40 x 40 px each
    reward = region_numbers(trace, [Region.box(0, 0, 40, 40)])["token"]["reward"]
    assert reward[0] > 0.9
    assert max(reward[1:]) < 0


def test_box_of_a_step_counts_for_its_tokens_only() -> None:
    trace = make_trace()
    first, second = trace.steps[0], trace.steps[1]
    numbers = region_numbers(trace, [Region.box(0, 0, 160, 120, step=second.index)])
    assert numbers["step"]["reward"][first.index] is None
    assert numbers["token"]["energy"]["reward"][first.start] is None
    mask = region_mask([Region.box(0, 0, 160, 120)], trace.grid)
    wanted = region_energy(step_map(trace, "reward", second), mask)
    assert numbers["step"]["energy"]["reward"][second.index] == pytest.approx(wanted, abs=1e-4)
    # The whole answer is measured against all boxes.
    assert numbers["answer"]["energy"]["reward"][0] is not None


def test_small_box_is_said_to_be_small() -> None:
    trace = make_trace()
    notes = region_numbers(trace, [Region.box(0, 0, 160, 120), Region.box(3, 3, 8, 8)])["notes"]
    assert len(notes) == 1
    assert notes[0].startswith("Box 2: ")
    assert "smaller than one image token" in notes[0]


def test_attention_of_nothing_gives_no_figures_instead_of_nan() -> None:
    trace = make_trace()
    trace.attention[:] = 0
    numbers = region_numbers(trace, [Region.box(0, 0, 160, 120)])
    found = [*numbers["token"]["energy"]["reward"], *numbers["answer"]["reward"]]
    assert all(value is None or np.isfinite(value) for value in found)


def test_answer_of_one_token() -> None:
    numbers = region_numbers(make_trace(tokens=("<|im_end|>",)), [Region.box(0, 0, 160, 120)])
    assert numbers["token"]["reward"] == []
