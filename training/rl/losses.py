"""Advantages, the clipped policy loss with a KL term, and the attention's own gradient.

The reward r_theta(y) of a completion y reads the attention of the policy itself, so that

    grad E[r_theta(y)] = E[r_theta(y) grad log pi_theta(y)] + E[grad r_theta(y)].

- `published` (SAYO, arXiv 2602.08241, on GRPO): the first term alone, rewards scaled by their spread within a
  group, tokens averaged within a completion.
- `exact`: both terms. Rewards are compared with the mean of the *others* of their group and tokens are
  summed, which makes the estimate unbiased for completions drawn from the policy (temperature 1, top-p 1).
  The rows are differentiable in the update's own forward pass, so the second term costs no forward.
- `guided`: answer and format alone are rewarded, as published, and the attention of right answers goes up its
  own gradient beside them (EASE, arXiv 2605.30912, as far as its abstract tells).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sayo_app.run_config import RunConfig
from training.looks.attention_targets import AttentionTargets, look_reward

# Keeps a group of nearly equal rewards from being blown up to unit variance.
ADVANTAGE_EPS = 1e-4


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss to go down on, and its parts for the log."""

    total: Float[Tensor, ""]
    kl: Float[Tensor, ""]


def group_advantages(rewards: Float[Tensor, "prompt generation"]) -> Float[Tensor, "prompt generation"]:
    """(r - mean) / (std + 1e-4) within each prompt's group (GRPO, arXiv 2402.03300, section 4.1)."""
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    return centred / (rewards.std(dim=1, keepdim=True) + ADVANTAGE_EPS)


def leave_one_out_advantages(
    rewards: Float[Tensor, "prompt generation"],
) -> Float[Tensor, "prompt generation"]:
    """r_i - mean of the group's other rewards: a baseline without bias (RLOO, arXiv 2402.14740)."""
    others = rewards.shape[1] - 1
    return (rewards - rewards.mean(dim=1, keepdim=True)) * (rewards.shape[1] / others)


def token_advantages(
    scores: Float[Tensor, "prompt generation token"], known: Bool[Tensor, "prompt generation token"]
) -> Float[Tensor, "prompt generation token"]:
    """(s - mean) / (std + 1e-4) over the known tokens of each prompt's group; 0 where nothing is known."""
    count = known.sum(dim=(1, 2), keepdim=True)
    kept = torch.where(known, scores, 0.0)
    centred = torch.where(known, kept - kept.sum(dim=(1, 2), keepdim=True) / count.clamp(min=1), 0.0)
    variance = centred.square().sum(dim=(1, 2), keepdim=True) / (count - 1).clamp(min=1)
    return centred / (variance.sqrt() + ADVANTAGE_EPS)


def policy_loss(
    log_probs: Float[Tensor, "row token"],
    old_log_probs: Float[Tensor, "row token"],
    reference_log_probs: Float[Tensor, "row token"] | None,
    advantages: Float[Tensor, "row token"],
    completion_mask: Bool[Tensor, "row token"],
    *,
    epsilon: float,
    beta: float,
    summed: bool = False,
) -> Loss:
    """mean over rows of mean over tokens of -min(p A, clip(p, 1 - epsilon, 1 + epsilon) A) + beta KL.

    p is the probability ratio to the policy that sampled; KL is Schulman's k3 estimate
    q/p - log(q/p) - 1 of the reference q against the policy p. Padding has no part in either.

    Args:
        reference_log_probs: None leaves the KL out (and reports 0).
        summed: sum the gain over a row's tokens instead; the KL stays a mean.
    """
    ratio = torch.exp(log_probs - old_log_probs)
    gain = torch.minimum(ratio * advantages, ratio.clamp(1 - epsilon, 1 + epsilon) * advantages)
    kl = torch.zeros_like(gain)
    if reference_log_probs is not None:
        gap = reference_log_probs - log_probs
        kl = torch.exp(gap) - gap - 1
    mean_kl = _row_mean(kl, completion_mask)
    gained = _row_sum(gain, completion_mask) if summed else _row_mean(gain, completion_mask)
    return Loss(total=beta * mean_kl - gained, kl=mean_kl.detach())


def full_kl(
    reference_logits: Float[Tensor, "row token vocabulary"],
    logits: Float[Tensor, "row token vocabulary"],
    mask: Bool[Tensor, "row token"],
) -> Float[Tensor, ""]:
    """mean over rows of mean over tokens of KL(reference || policy) in nats, over the whole vocabulary.

    Row by row to save memory; a row without a token counts as 0.
    """
    rows = []
    for wanted, given, kept in zip(reference_logits, logits, mask, strict=True):
        log_q, log_p = wanted[kept].log_softmax(dim=-1), given[kept].log_softmax(dim=-1)
        rows.append((log_q.exp() * (log_q - log_p)).sum() / kept.sum().clamp(min=1))
    return torch.stack(rows).mean()


def objective_loss(
    log_probs: Float[Tensor, "row token"],
    rows: Float[Tensor, "row layer query image"],
    *,
    targets: AttentionTargets,
    counted: Bool[Tensor, " row"],
    old_log_probs: Float[Tensor, "row token"],
    reference_log_probs: Float[Tensor, "row token"] | None,
    advantages: Float[Tensor, "row token"],
    completion_mask: Bool[Tensor, "row token"],
    config: RunConfig,
) -> Loss:
    """The policy loss of a run's objective, but for the published less weight x mean over rows of r_theta.

    Args:
        rows: of the forward that gave `log_probs`.
        counted: completions whose attention is rewarded.
    """
    loss = policy_loss(
        log_probs,
        old_log_probs,
        reference_log_probs,
        advantages,
        completion_mask,
        epsilon=config.epsilon,
        beta=config.beta,
        summed=config.objective == "exact",
    )
    if (
        config.objective == "published"
        or config.attention_form == "saliency"
        or "attention" not in config.reward_parts
    ):
        return loss
    gain = (counted.to(rows) * look_reward(config.attention_form, rows, targets)).mean()
    return Loss(loss.total - config.attention_weight * gain, loss.kl)


def _row_sum(values: Float[Tensor, "row token"], mask: Bool[Tensor, "row token"]) -> Float[Tensor, ""]:
    return torch.where(mask, values, 0.0).sum(dim=1).mean()


def _row_mean(values: Float[Tensor, "row token"], mask: Bool[Tensor, "row token"]) -> Float[Tensor, ""]:
    kept = torch.where(mask, values, 0.0)
    return (kept.sum(dim=1) / mask.sum(dim=1).clamp(min=1)).mean()
