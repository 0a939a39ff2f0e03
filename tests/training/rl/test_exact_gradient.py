"""The exact objective follows the gradient of the expected reward, and the published form is not.

A toy policy of two tokens and completions of three, so that all eight can be written out. Its attention rows
depend on the parameters and on the tokens before, its rewards on rows and answer, as in a real model. The
truth is the finite-difference gradient of the sum over completions of probability times reward.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from sayo_app.run_config import PUBLISHED_LOOKS, RunConfig
from training.looks.attention_targets import AttentionTargets, Part, look_reward, make_targets
from training.rl.advantages import advantages_of, attention_counts, rewards_of
from training.rl.judging import Judged
from training.rl.losses import objective_loss

pytestmark = pytest.mark.training

TOKENS, LENGTH, CELLS, GROUP = 2, 3, 4, 2
EXACT = RunConfig(num_generations=GROUP, beta=0.0, attention_weight=0.7, **PUBLISHED_LOOKS)
ALL = torch.tensor(list(product(range(TOKENS), repeat=LENGTH)))
REGION = Part(np.ones(LENGTH, dtype=bool), np.array([True, False, False, False]), None)
AWAY = Part(np.ones(LENGTH, dtype=bool), None, np.array([False, False, True, True]))
LAYERS = 2
SHAPES = ((TOKENS + 1, LENGTH, TOKENS), (TOKENS, LENGTH, LAYERS, CELLS))
SIZES = [int(np.prod(shape)) for shape in SHAPES]
THETA = torch.randn(sum(SIZES), dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def forward(theta: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities and entropies of each token, and a row for each token but the last, of two layers."""
    of_logits, of_rows = (part.view(shape) for part, shape in zip(theta.split(SIZES), SHAPES, strict=True))
    before = torch.nn.functional.pad(ids[:, :-1], (1, 0), value=TOKENS)
    log_p = of_logits[before, torch.arange(LENGTH)].log_softmax(dim=-1)
    entropies = -(log_p.exp() * log_p).sum(dim=-1)
    rows = of_rows[ids[:, :-1], torch.arange(LENGTH - 1)].softmax(dim=-1)
    return log_p.gather(2, ids[:, :, None])[:, :, 0], entropies, rows.transpose(1, 2)


def targets_of(config: RunConfig, ids: Tensor, entropies: Tensor) -> AttentionTargets:
    """Completions that begin with token 0 are to look away from two cells, all others at one."""
    parts = [[AWAY if first == 0 else REGION] for first in ids[:, 0].tolist()]
    weights = list(entropies.detach().float().numpy())
    # The token that is a completion's fact is another one from completion to completion.
    facts = [[1 + first] for first in ids[:, 0].tolist()] if config.tokens == "fact" else None
    predicting = config.attention_rows == "predicting"
    return make_targets(parts, weights, [CELLS] * len(ids), predicting=predicting, facts=facts)


def judge(config: RunConfig, theta: Tensor, ids: Tensor) -> tuple[list[Judged], AttentionTargets, Tensor]:
    """An answer is right if it ends with token 1."""
    _, entropies, rows = forward(theta, ids)
    targets = targets_of(config, ids, entropies)
    attention = look_reward(config.attention_form, rows, targets).tolist()
    judged = [
        Judged("", "", attention=r, answer=float(last == 1), format=1.0, energy=None, pointing=None)
        for r, last in zip(attention, ids[:, -1].tolist(), strict=True)
    ]
    return judged, targets, rows.detach()


def expected_reward(config: RunConfig, theta: Tensor) -> float:
    judged, _, _ = judge(config, theta, ALL)
    chances = forward(theta, ALL)[0].sum(dim=1).exp()
    return float(chances @ torch.tensor(rewards_of(config, judged), dtype=torch.float64))


def truth(config: RunConfig, step: float = 1e-5) -> Tensor:
    """Central differences of the enumerated objective."""
    nudges = torch.eye(len(THETA), dtype=torch.float64) * step
    differences = [
        expected_reward(config, THETA + nudge) - expected_reward(config, THETA - nudge) for nudge in nudges
    ]
    return torch.tensor(differences, dtype=torch.float64) / (2 * step)


def estimate(config: RunConfig, ids: Tensor) -> Tensor:
    """Minus the gradient that an update goes down on, for the groups in `ids`."""
    judged, targets, rows = judge(config, THETA, ids)
    theta = THETA.clone().requires_grad_()
    log_probs, _, live_rows = forward(theta, ids)
    loss = objective_loss(
        log_probs,
        live_rows,
        targets=targets,
        counted=attention_counts(config, judged),
        old_log_probs=log_probs.detach(),
        reference_log_probs=None,
        advantages=advantages_of(config, judged, rows, targets, LENGTH),
        completion_mask=torch.ones_like(ids, dtype=torch.bool),
        config=config,
    )
    (gradient,) = torch.autograd.grad(loss.total, theta)
    return -gradient


def estimates(config: RunConfig) -> tuple[Tensor, Tensor]:
    """The estimate from every group of two completions, and the group's probability."""
    chances = forward(THETA, ALL)[0].sum(dim=1).exp()
    groups = list(product(range(len(ALL)), repeat=GROUP))
    found = torch.stack([estimate(config, ALL[list(group)]) for group in groups])
    return found, torch.stack([chances[list(group)].prod() for group in groups])


def expectation(config: RunConfig) -> Tensor:
    found, chances = estimates(config)
    return chances @ found


@pytest.mark.parametrize("parts", [("attention", "format"), ("attention", "answer", "format")])
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("rows", ["token", "predicting"])
def test_the_expected_update_is_the_gradient_of_the_expected_reward(parts: tuple, gated: bool, rows: str):
    config = EXACT.replace(reward_parts=parts, gated=gated, attention_rows=rows)
    torch.testing.assert_close(expectation(config), truth(config), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rows", ["token", "predicting"])
@pytest.mark.parametrize("tokens", ["entropy", "fact"])
@pytest.mark.parametrize("gated", [False, True])
def test_so_it_is_where_shares_are_rewarded(rows: str, tokens: str, gated: bool):
    config = EXACT.replace(attention_form="share", attention_rows=rows, tokens=tokens, gated=gated)
    torch.testing.assert_close(expectation(config), truth(config), rtol=1e-4, atol=1e-6)


def test_where_attention_is_no_part_it_has_no_gradient_of_its_own():
    config = EXACT.replace(reward_parts=("answer", "format"))
    torch.testing.assert_close(expectation(config), truth(config), rtol=1e-4, atol=1e-6)


def test_many_rollouts_converge_to_it():
    """The error of the mean over n groups stays within two standard errors, which fall as the root of n."""
    wanted, (found, chances) = truth(EXACT), estimates(EXACT)
    drawn = found[torch.multinomial(chances, 6400, True, generator=torch.Generator().manual_seed(0))]
    errors = [float((drawn[:n].mean(dim=0) - wanted).norm()) for n in (100, 800, 6400)]
    spread = float(drawn.var(dim=0).sum().sqrt())
    # One standard error is 1 here, whatever n.
    assert all(error * n**0.5 / spread < 2 for error, n in zip(errors, (100, 800, 6400), strict=True))
    assert errors[2] < 0.1 * float(wanted.norm())


def test_the_published_form_is_another_direction():
    """It has no gradient at all for what only moves attention."""
    wanted = truth(EXACT)
    published = expectation(EXACT.replace(objective="published"))
    on_rows = slice(SIZES[0], None)
    assert float(wanted[on_rows].norm()) > 0.05
    assert float(published[on_rows].norm()) == 0


@pytest.mark.parametrize("changes", [{"objective": "published"}, {"attention_weight": 0.0}])
def test_the_score_function_term_alone_is_not_the_gradient(changes: dict):
    other = expectation(EXACT.replace(**changes))
    assert float((other - truth(EXACT)).norm()) > 0.2 * float(truth(EXACT).norm())
