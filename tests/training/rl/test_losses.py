"""Advantages and loss against figures worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from training.rl.losses import (
    group_advantages,
    leave_one_out_advantages,
    policy_loss,
    token_advantages,
)


def test_advantages_are_centred_and_scaled_within_each_group():
    # Group 1: mean 2, std sqrt((1 + 0 + 1) / 2) = 1. Group 2: all equal, so nothing to learn from.
    rewards = torch.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    expected = torch.tensor([[-1 / 1.0001, 0.0, 1 / 1.0001], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(group_advantages(rewards), expected)


def test_leave_one_out_compares_with_the_others_of_the_group():
    # 1 - (2 + 6) / 2, 2 - (1 + 6) / 2, 6 - (1 + 2) / 2
    found = leave_one_out_advantages(torch.tensor([[1.0, 2.0, 6.0]]))
    torch.testing.assert_close(found, torch.tensor([[-3.0, -1.5, 4.5]]))


def test_token_advantages_are_normalised_over_the_known_tokens_of_a_group():
    # Known: 1, 3, 2 of the first group: mean 2, std 1. The second group has nothing to compare.
    scores = torch.tensor([[[1.0, 3.0], [2.0, 9.0]], [[5.0, 5.0], [7.0, 7.0]]])
    known = torch.tensor([[[True, True], [True, False]], [[False, False], [False, False]]])
    expected = torch.tensor([[[-1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]) / 1.0001
    torch.testing.assert_close(token_advantages(scores, known), expected)


def test_a_summed_loss_weighs_tokens_the_same_and_leaves_the_kl_a_mean():
    # Gains 1 + 1 in the first row, 1 in the second: 3 / 2. KL of 2 - log 2 - 1 at each token: its mean.
    log_probs, reference = torch.log(torch.full((2, 2), 0.25)), torch.log(torch.full((2, 2), 0.5))
    mask = torch.tensor([[True, True], [True, False]])
    options = {"epsilon": 0.2, "beta": 0.5, "summed": True}
    result = policy_loss(log_probs, log_probs, reference, torch.ones(2, 2), mask, **options)
    assert float(result.total) == pytest.approx(0.5 * (1 - math.log(2)) - 1.5)


def loss(ratios: list[float], advantage: float, mask: list[bool] | None = None, **settings: float):
    """The loss of one row whose tokens have these probability ratios."""
    log_probs = torch.log(torch.tensor([ratios]))
    kept = torch.tensor([mask or [True] * len(ratios)])
    options = {"epsilon": 0.2, "beta": 0.0} | settings
    return policy_loss(
        log_probs, torch.zeros_like(log_probs), None, torch.full_like(log_probs, advantage), kept, **options
    )


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [
        (1.0, 2.0, -2.0),
        (1.1, 2.0, -2.2),
        (1.5, 2.0, -2.4),  # a gain is clipped at 1.2 x 2
        (0.5, 2.0, -1.0),  # a loss is not
        (0.5, -2.0, 1.6),  # clipped at 0.8 x 2
        (1.5, -2.0, 3.0),
    ],
)
def test_the_gain_is_clipped_and_the_loss_is_not(ratio: float, advantage: float, expected: float):
    assert float(loss([ratio], advantage).total) == pytest.approx(expected)


def test_rows_weigh_the_same_whatever_their_length():
    # Row 1: one token, gain 1. Row 2: two tokens, gains -1 and -1; padding is left out.
    log_probs = torch.zeros(2, 2)
    mask = torch.tensor([[True, False], [True, True]])
    total = policy_loss(
        log_probs, log_probs, None, torch.tensor([[1.0], [-1.0]]).expand(2, 2), mask, epsilon=0.2, beta=0.0
    ).total
    assert float(total) == pytest.approx((-1 + 1) / 2)


def test_padding_has_no_part_even_where_it_is_infinite():
    log_probs = torch.tensor([[0.0, -torch.inf]])
    old = log_probs.clone()
    result = policy_loss(
        log_probs, old, old, torch.ones(1, 2), torch.tensor([[True, False]]), epsilon=0.2, beta=0.1
    )
    assert float(result.total) == pytest.approx(-1.0)


def test_kl_is_zero_where_policy_and_reference_agree():
    log_probs = torch.log(torch.rand(3, 4))
    mask = torch.ones(3, 4, dtype=torch.bool)
    result = policy_loss(log_probs, log_probs, log_probs, torch.zeros(3, 4), mask, epsilon=0.2, beta=1.0)
    assert float(result.kl) == 0
    assert float(result.total) == 0


def test_kl_is_the_k3_estimate():
    # q/p = 2: 2 - log 2 - 1.
    log_probs = torch.log(torch.tensor([[0.25]]))
    reference = torch.log(torch.tensor([[0.5]]))
    result = policy_loss(
        log_probs,
        log_probs,
        reference,
        torch.zeros(1, 1),
        torch.ones(1, 1, dtype=torch.bool),
        epsilon=0.2,
        beta=0.5,
    )
    assert float(result.kl) == pytest.approx(1 - math.log(2))
    assert float(result.total) == pytest.approx(0.5 * (1 - math.log(2)))


def test_the_gradient_raises_what_was_better_than_its_group():
    log_probs = torch.zeros(2, 1, requires_grad=True)
    advantages = group_advantages(torch.tensor([[0.0, 1.0]])).reshape(2, 1)
    mask = torch.ones(2, 1, dtype=torch.bool)
    policy_loss(log_probs, log_probs.detach(), None, advantages, mask, epsilon=0.2, beta=0.0).total.backward()
    assert log_probs.grad is not None
    assert log_probs.grad[0] > 0 > log_probs.grad[1]
