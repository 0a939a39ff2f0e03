"""Group advantages and the clipped policy loss with a KL term: tensors in, tensors out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

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


def policy_loss(
    log_probs: Float[Tensor, "row token"],
    old_log_probs: Float[Tensor, "row token"],
    reference_log_probs: Float[Tensor, "row token"] | None,
    advantages: Float[Tensor, " row"],
    completion_mask: Bool[Tensor, "row token"],
    *,
    epsilon: float,
    beta: float,
) -> Loss:
    """mean over rows of mean over tokens of -min(p A, clip(p, 1 - epsilon, 1 + epsilon) A) + beta KL.

    p is the probability ratio to the policy that sampled; KL is Schulman's k3 estimate
    q/p - log(q/p) - 1 of the reference q against the policy p. Padding has no part in either.

    Args:
        reference_log_probs: None leaves the KL out (and reports 0).
    """
    ratio = torch.exp(log_probs - old_log_probs)
    weight = advantages[:, None]
    gain = torch.minimum(ratio * weight, ratio.clamp(1 - epsilon, 1 + epsilon) * weight)
    kl = torch.zeros_like(gain)
    if reference_log_probs is not None:
        gap = reference_log_probs - log_probs
        kl = torch.exp(gap) - gap - 1
    return Loss(
        total=_row_mean(beta * kl - gain, completion_mask),
        kl=_row_mean(kl, completion_mask).detach(),
    )


def _row_mean(values: Float[Tensor, "row token"], mask: Bool[Tensor, "row token"]) -> Float[Tensor, ""]:
    kept = torch.where(mask, values, 0.0)
    return (kept.sum(dim=1) / mask.sum(dim=1).clamp(min=1)).mean()
