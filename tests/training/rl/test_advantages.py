"""Who gets what of a reward: by answer, by token, gated; figures by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sayo_app.run_config import PUBLISHED_LOOKS, RunConfig
from training.looks.attention_targets import Part, make_targets
from training.rl.advantages import advantages_of, attention_counts
from training.rl.judging import Judged

CONFIG = RunConfig(objective="published", num_generations=2, **PUBLISHED_LOOKS)
# Two completions of three tokens, so of two rows, on a picture of two cells; the left one is the region.
ROWS = torch.tensor([[[[3.0, 1.0], [1.0, 3.0]]], [[[3.0, 1.0], [3.0, 1.0]]]])
TARGETS = make_targets(
    [[Part(np.array([True, True, True]), np.array([True, False]), None)]] * 2,
    [np.array([1.0, 0.5, 0.1], dtype=np.float32)] * 2,
    [2, 2],
)


def judged(attention: float, answer: float | None) -> Judged:
    return Judged("", "", attention=attention, answer=answer, format=1.0, energy=None, pointing=None)


PAIR = [judged(0.4, 1.0), judged(0.8, 0.0)]


def advantages(config: RunConfig, pair: list[Judged] = PAIR) -> list[list[float]]:
    return advantages_of(config, pair, ROWS, TARGETS, 3).tolist()


def test_by_answer_all_tokens_get_what_the_completion_is_worth():
    # 2.4 and 1.8: centred 0.3 and -0.3, standard deviation 0.3 * sqrt 2.
    worth = 0.3 / (0.3 * np.sqrt(2) + 1e-4)
    assert advantages(CONFIG) == [pytest.approx([worth] * 3), pytest.approx([-worth] * 3)]


def test_the_exact_form_compares_with_the_others_and_does_not_scale():
    found = advantages(CONFIG.replace(objective="exact"))
    assert found == [pytest.approx([0.6] * 3), pytest.approx([-0.6] * 3)]


def test_by_token_each_row_is_compared_with_the_group():
    config = CONFIG.replace(reward_parts=("attention", "format"), credit="token", attention_weight=2.0)
    good, bad = ((ratio**2 - 1) / (ratio**2 + 1) for ratio in (3 / 2, 1 / 2))
    scores = np.array([good, bad, good, good])
    own = 2 * (scores - scores.mean()) / (scores.std(ddof=1) + 1e-4)
    # Format is the same for both, so it adds nothing; the last token has no row.
    found = advantages(config)
    assert found == [pytest.approx([own[0], own[1], 0.0]), pytest.approx([own[2], own[3], 0.0])]


def test_the_row_that_predicts_a_token_is_worth_something_to_that_token():
    config = CONFIG.replace(reward_parts=("attention", "format"), credit="token", attention_weight=2.0)
    before = advantages_of(config, PAIR, ROWS, replace(TARGETS, predicting=True), 3)
    torch.testing.assert_close(before, advantages_of(config, PAIR, ROWS, TARGETS, 3).roll(1, dims=1))


def test_by_token_and_gated_a_wrong_answers_rows_do_not_count():
    found = advantages(CONFIG.replace(reward_parts=("attention", "format"), credit="token", gated=True))
    good, bad = ((ratio**2 - 1) / (ratio**2 + 1) for ratio in (3 / 2, 1 / 2))
    spread = (good - bad) / np.sqrt(2) + 1e-4
    half = (good - bad) / 2 / spread
    assert found == [pytest.approx([half, -half, 0.0]), pytest.approx([0.0, 0.0, 0.0])]


def test_only_a_wrong_answer_closes_the_gate():
    pair = [judged(0.4, 1.0), judged(0.4, 0.0), judged(0.4, None)]
    assert attention_counts(CONFIG.replace(gated=True), pair).tolist() == [True, False, True]
    assert attention_counts(CONFIG, pair).tolist() == [True, True, True]
