"""The attention reward: the reference formula's figures, parts and looks away by hand, padding, gradient."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from sayo_app.core.attention import metrics
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.settings import REPOSITORY_DIR
from training.looks.attention_targets import (
    LEAST_SHARE,
    NOTHING_READ,
    Part,
    attention_reward,
    heaviest,
    least_reward,
    look_reward,
    make_targets,
    parts_of,
    share_reward,
    smoothed,
    target_reward,
    token_scores,
)

GOLDEN = REPOSITORY_DIR / "tests" / "data" / "sayo_reward_golden.json"
CASES = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
GRID = ImageGrid.regular((40, 10), (1, 4))
LEFT, RIGHT = (np.array([True, False, False, False]), np.array([False, False, False, True]))
ROWS = torch.tensor([[[4.0, 2.0, 1.0, 1.0], [1.0, 1.0, 1.0, 5.0], [2.0, 2.0, 2.0, 2.0]]])


def tanh_log(ratio: float) -> float:
    return (ratio**2 - 1) / (ratio**2 + 1)


def part(tokens: list[int], look=None, away=None, of: int = 4) -> Part:
    return Part(np.isin(np.arange(of), tokens), look, away)


def reward(parts: list[Part], weights: list[float], rows: torch.Tensor = ROWS) -> float:
    targets = make_targets([parts], [np.array(weights, dtype=np.float32)], [4])
    return float(attention_reward(rows, targets)[0])


def golden(case: dict) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    rows = torch.tensor(case["head_mean_image_rows"])
    region = np.zeros(rows.shape[1], dtype=bool)
    region[case["region_cells"]] = True
    return rows, np.array(case["entropies"], dtype=np.float32), region


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['completion_length']} tokens")
def test_one_region_for_the_whole_answer_is_the_published_reward(case: dict):
    rows, entropies, region = golden(case)
    whole = Part(np.ones(len(entropies), dtype=bool), region, None)
    targets = make_targets([[whole]], [entropies], [len(region)])
    assert float(attention_reward(rows[None], targets)[0]) == pytest.approx(case["reward"], abs=1e-5)
    assert metrics.sayo_reward(rows.numpy(), entropies, region) == pytest.approx(case["reward"], abs=1e-5)


def test_completions_of_all_sizes_in_one_padded_batch_are_rewarded_as_alone():
    """Padding holds noise on purpose: none of it may be read."""
    known = [golden(case) for case in CASES]
    rows = torch.rand(len(CASES), max(len(k[0]) for k in known), max(k[0].shape[1] for k in known)) * 9
    for i, (mine, _, _) in enumerate(known):
        rows[i, : mine.shape[0], : mine.shape[1]] = mine
    parts = [[Part(np.ones(len(e), dtype=bool), region, None)] for _, e, region in known]
    targets = make_targets(parts, [e for _, e, _ in known], [len(region) for _, _, region in known])
    expected = torch.tensor([case["reward"] for case in CASES])
    torch.testing.assert_close(attention_reward(rows, targets), expected, rtol=0, atol=1e-5)


def test_the_heaviest_are_a_share_of_all_and_at_least_one():
    weights = np.array([0.1, 0.9, 0.5, 0.9, 0.0, 0.2, 0.3], dtype=np.float32)
    assert heaviest(weights).tolist() == [1, 3]
    assert heaviest(weights[:2]).tolist() == [1]
    assert heaviest(weights[:0]).tolist() == []


def test_the_row_that_predicts_a_token():
    """Token 2 weighs most; it is predicted by row 1, which looks right. Its own row looks evenly."""
    weights = np.array([0.0, 1.0, 9.0, 0.0], dtype=np.float32)
    everywhere = [part([0, 1, 2, 3], look=RIGHT)]
    own = make_targets([everywhere], [weights], [4])
    predicting = make_targets([everywhere], [weights], [4], predicting=True)
    assert own.read.tolist() == [[[False, False, True]]]
    assert predicting.read.tolist() == [[[False, True, False]]]
    assert float(attention_reward(ROWS, own)[0]) == pytest.approx(0.0, abs=1e-6)
    assert float(attention_reward(ROWS, predicting)[0]) == pytest.approx(tanh_log(5 / 2))
    # The first token is predicted by the prompt's last row, which is none of the completion's.
    first = make_targets([[part([0, 2], look=RIGHT)]], [weights[::-1].copy()], [4], predicting=True)
    assert first.candidates.tolist() == [[[False, True, False]]]
    # The last token has such a row, though none of its own.
    last = make_targets([[part([3], look=RIGHT)]], [weights], [4], predicting=True)
    assert last.read.tolist() == [[[False, False, True]]]


def test_a_look_where_one_should_not_counts_against_the_reward():
    # Token 0 is read: its row has 4 of 8 in the left cell, 1 of 8 in the right; the mean is 2.
    weights = [9.0, 0.0, 0.0, 0.0]
    look, away = tanh_log(4 / 2), tanh_log(1 / 2)
    everywhere = [0, 1, 2, 3]
    assert reward([part(everywhere, look=LEFT)], weights) == pytest.approx(look)
    assert reward([part(everywhere, away=RIGHT)], weights) == pytest.approx(-away)
    assert reward([part(everywhere, away=LEFT)], weights) == pytest.approx(-look)
    assert reward([part(everywhere, LEFT, RIGHT)], weights) == pytest.approx((look - away) / 2)


def test_a_steps_region_scores_its_own_tokens_and_parts_weigh_by_tokens_read():
    # Seven tokens in part one: two are read (0 and 1). One in part two: it is read (7).
    rows = torch.cat([ROWS[:, :2], torch.ones(1, 5, 4), ROWS[:, 1:2]], dim=1)
    weights = np.array([9.0, 8.0, 1, 1, 1, 1, 1, 0.5, 0.1], dtype=np.float32)
    parts = [part([0, 1, 2, 3, 4, 5, 6], look=LEFT, of=9), part([7, 8], look=RIGHT, of=9)]
    targets = make_targets([parts], [weights], [4])
    assert targets.read[0].nonzero().tolist() == [[0, 0], [0, 1], [1, 7]]
    # Part one: left holds 5 of 16, the mean is 4. Part two: right holds 5 of 8, the mean is 2.
    expected = (2 * tanh_log(5 / 4) + 1 * tanh_log(5 / 2)) / 3
    assert float(attention_reward(rows, targets)[0]) == pytest.approx(expected)


PIECES = ("One", ".", " Two", ".", " <answer>", "x", "</answer>", "<|im_end|>")
BOXES = {"left": (0, 0, 10, 10), "right": (30, 0, 40, 10)}


def spans(parts: list[Part]) -> list[tuple[list[int], list[int] | None]]:
    return [
        (np.flatnonzero(p.tokens).tolist(), None if p.look is None else np.flatnonzero(p.look).tolist())
        for p in parts
    ]


def test_regions_become_parts_by_step():
    first, second = (Region.box(*BOXES[side], step=i) for i, side in enumerate(("left", "right")))
    assert spans(parts_of((first, second), GRID, PIECES)) == [([0, 1], [0]), ([2, 3], [3])]
    # A region of the whole answer joins each step and holds alone for the rest.
    whole = Region.box(10, 0, 20, 10)
    assert spans(parts_of((first, whole), GRID, PIECES)) == [([0, 1], [0, 1]), ([2, 3, 4, 5, 6, 7], [1])]
    # Without any step there is one part; a step that the answer does not have is none.
    assert spans(parts_of((whole,), GRID, PIECES)) == [(list(range(8)), [1])]
    assert parts_of((Region.box(*BOXES["left"], step=7),), GRID, PIECES) == []
    assert parts_of((), GRID, PIECES) == []


def test_a_region_to_look_away_from_is_no_region_to_look_at():
    away = Region.box(*BOXES["right"], look=False)
    (only,) = parts_of((away,), GRID, PIECES)
    assert only.look is None and np.flatnonzero(only.away).tolist() == [3]


def test_nothing_to_read_is_worth_the_lowest_and_no_region_nothing():
    targets = make_targets([[part([0], LEFT, of=1)], []], [np.ones(1, dtype=np.float32)] * 2, [4, 4])
    assert attention_reward(torch.zeros(2, 0, 4), targets).tolist() == [NOTHING_READ, 0.0]
    assert targets.wanted.tolist() == [True, False]


def test_a_tokens_own_score_is_the_reward_of_that_token_alone():
    parts = [part([0, 3], look=LEFT), part([1, 2, 3], LEFT, RIGHT)]
    targets = make_targets([parts], [np.ones(4, dtype=np.float32)], [4])
    scores, known = token_scores("ratio", ROWS[:, None], targets)
    assert known.tolist() == [[True, True, True]]
    second = (tanh_log(1 / 2) - tanh_log(5 / 2)) / 2
    assert scores[0].tolist() == pytest.approx([tanh_log(4 / 2), second, 0.0], abs=1e-6)


def test_shares_are_logarithms_of_each_row_and_layer_before_the_mean():
    """Rows 4 2 1 1, 1 1 1 5 and 2 2 2 2; the second layer has the first of them in the place of all three."""
    rows = torch.stack([ROWS, ROWS[:, :1].expand(-1, 3, -1)], dim=1)
    whole = [part(range(4), LEFT, RIGHT)]
    targets = make_targets([whole], [np.ones(4, dtype=np.float32)], [4], facts=[[0, 1]])
    looks = np.log([4 / 8, 1 / 8, 4 / 8, 4 / 8]).mean()
    aways = np.log([7 / 8, 3 / 8, 7 / 8, 7 / 8]).mean()
    assert share_reward(rows, targets).tolist() == [pytest.approx(looks + aways)]
    for drawn, expected in ((part(range(4), look=LEFT), looks), (part(range(4), away=RIGHT), aways)):
        targets = make_targets([[drawn]], [np.ones(4, dtype=np.float32)], [4], facts=[[0, 1]])
        assert share_reward(rows, targets).tolist() == [pytest.approx(expected)]


def test_shares_do_not_care_how_much_of_the_attention_is_on_the_picture():
    targets = make_targets([[part(range(4), LEFT, RIGHT)]], [np.arange(4, dtype=np.float32)], [4])
    scaled = ROWS[:, None] * torch.tensor([0.1, 3.0, 7.0])[:, None]
    torch.testing.assert_close(share_reward(scaled, targets), share_reward(ROWS[:, None], targets))


def test_parts_share_by_their_tokens_and_nothing_read_is_worth_least():
    parts = [part([0], LEFT), part([1, 2], away=RIGHT)]
    targets = make_targets([parts], [np.ones(4, dtype=np.float32)], [4], facts=[[0, 1, 2]])
    expected = np.log([4 / 8, 3 / 8, 6 / 8]).mean()
    assert share_reward(ROWS[:, None], targets).tolist() == [pytest.approx(expected)]
    unread = make_targets([[part([], LEFT)], []], [np.ones(2, dtype=np.float32)] * 2, [4, 4])
    rows = torch.rand(2, 3, 1, 4)
    assert share_reward(rows, unread).tolist() == [pytest.approx(LEAST_SHARE), 0.0]
    assert (least_reward("share"), least_reward("ratio")) == (LEAST_SHARE, NOTHING_READ)


def test_facts_are_read_where_a_part_has_any_and_else_its_heaviest():
    weights = [np.array([9, 1, 1, 8, 1], dtype=np.float32)]
    parts = [[part([0, 1, 2], LEFT, of=5), part([3, 4], LEFT, of=5)]]
    read = make_targets(parts, weights, [4], facts=[[1, 2]]).read
    assert read.tolist() == [[[False, True, True, False], [False, False, False, True]]]
    # The row that predicts token 2 is that of token 1.
    before = make_targets(parts, weights, [4], facts=[[2]], predicting=True).read
    assert before.tolist() == [[[False, True, False, False], [False, False, True, False]]]


def test_a_tokens_own_share_is_the_share_reward_of_that_token_alone():
    rows = torch.rand(1, 2, 3, 4)
    parts = [[part(range(4), LEFT, RIGHT)]]
    scores, known = token_scores("share", rows, make_targets(parts, [np.ones(4, dtype=np.float32)], [4]))
    alone = [
        float(
            share_reward(rows, make_targets(parts, [np.ones(4, dtype=np.float32)], [4], facts=[[token]]))[0]
        )
        for token in range(3)
    ]
    assert known.all() and scores[0].tolist() == pytest.approx(alone)


@pytest.mark.parametrize("form", ["ratio", "share", "target"])
def test_the_gradient_through_several_layers_is_that_of_finite_differences(form: str):
    rows = torch.rand(2, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    parts = [[part([0, 1], LEFT, RIGHT), part([2, 3], RIGHT)], [part([0, 1, 2, 3], away=LEFT)]]
    targets = make_targets(parts, [np.arange(4, dtype=np.float32)] * 2, [4, 4])
    assert torch.autograd.gradcheck(lambda r: look_reward(form, r, targets), (rows.requires_grad_(),))


def test_a_smoothed_region_by_hand():
    """Four cells of 10 px in a row, the first of them drawn: neighbours by exp(-distance squared / 2)."""
    weights = np.exp([0.0, -0.5, -2.0, -4.5])
    np.testing.assert_allclose(smoothed(LEFT, GRID), weights / weights.sum())
    (whole,) = parts_of([Region.box(0, 0, 10, 10)], GRID, ["a", "b"], smooth=True)
    np.testing.assert_allclose(whole.target, weights / weights.sum())


def test_the_target_reward_is_minus_the_cross_entropy_of_each_row_and_layer():
    target = np.array([0.5, 0.25, 0.25, 0.0])
    drawn = Part(np.ones(4, dtype=bool), LEFT, RIGHT, target)
    targets = make_targets([[drawn]], [np.ones(4, dtype=np.float32)], [4], facts=[[0, 1]])
    # The second layer has the first row in the place of all three, three times as much of it.
    rows = torch.stack([ROWS, 3 * ROWS[:, :1].expand(-1, 3, -1)], dim=1)
    first = 0.5 * np.log(4 / 8) + 0.25 * np.log(2 / 8) + 0.25 * np.log(1 / 8)
    second = np.log(1 / 8)
    assert target_reward(rows, targets).tolist() == [pytest.approx((3 * first + second) / 4)]
    # Nothing drawn to look at is nothing to be near to.
    away = make_targets([[part(range(4), away=RIGHT)]], [np.ones(4, dtype=np.float32)], [4])
    assert target_reward(rows, away).tolist() == [0.0]


def test_the_gradient_is_that_of_finite_differences():
    torch.manual_seed(0)
    rows = torch.rand(2, 3, 4, dtype=torch.float64, requires_grad=True)
    parts = [[part([0, 1], LEFT, RIGHT), part([2, 3], RIGHT)], [part([0, 1, 2, 3], away=LEFT)]]
    targets = make_targets(parts, [np.arange(4, dtype=np.float32)] * 2, [4, 4])
    assert torch.autograd.gradcheck(lambda r: attention_reward(r, targets), (rows,))


def test_rows_without_any_attention_on_the_picture_have_a_finite_gradient():
    rows = torch.zeros(1, 3, 4, requires_grad=True)
    targets = make_targets([[part([0, 1, 2, 3], LEFT, RIGHT)]], [np.ones(4, dtype=np.float32)], [4])
    attention_reward(rows, targets).sum().backward()
    assert math.isfinite(float(rows.grad.abs().max()))
