"""What each completion is worth, and what each of its tokens gets of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import RunConfig
from training.data.batches import Batch
from training.data.completions import Completions
from training.looks.attention_targets import (
    AttentionTargets,
    least_reward,
    look_reward,
    targets_of,
    token_scores,
)
from training.looks.saliency import saliency_reward
from training.looks.scoring import Scorer, Scores, divergence
from training.rl.judging import Judged, judge_completions
from training.rl.losses import group_advantages, leave_one_out_advantages, token_advantages
from training.rl.rewards import total_reward


@dataclass(frozen=True, eq=False)
class CompletionCredit:
    """What completions are worth, and the figures of each for the log."""

    judged: list[Judged]
    targets: AttentionTargets
    advantages: Float[Tensor, "row token"]


@torch.no_grad()
def credit_of(
    loaded: LoadedModel,
    config: RunConfig,
    batch: Batch,
    completions: Completions,
    scores: Scores,
    blind_logits: Float[Tensor, "row token vocabulary"] | None = None,
    scorer: Scorer | None = None,
) -> CompletionCredit:
    """Reward each completion by what the policy's forward saw, and compare it with its group.

    Args:
        blind_logits: of the policy shown grey pictures, where tokens are picked by their sensitivity.
        scorer: for saliency, which takes a forward of its own.
    """
    judged, targets = judge_looks(loaded, config, batch, completions, scores, blind_logits, scorer)
    advantages = advantages_of(config, judged, scores.rows.detach(), targets, completions.ids.shape[1])
    return CompletionCredit(judged, targets, advantages)


@torch.no_grad()
def judge_looks(
    loaded: LoadedModel,
    config: RunConfig,
    batch: Batch,
    completions: Completions,
    scores: Scores,
    blind_logits: Float[Tensor, "row token vocabulary"] | None = None,
    scorer: Scorer | None = None,
) -> tuple[list[Judged], AttentionTargets]:
    """The figures of each completion, its attention as the run rewards it, and where it should look."""
    weights, rows = scores.entropies, scores.rows.detach()
    if blind_logits is not None:
        weights = weights * divergence(scores.logits.detach(), blind_logits)
    targets = targets_of(
        loaded,
        batch,
        completions,
        weights,
        predicting=config.attention_rows == "predicting",
        facts=config.tokens == "fact",
        smooth=config.attention_form == "target",
    )
    if config.attention_form == "saliency" and scorer is not None:
        attention = saliency_reward(loaded, scorer, batch, completions, targets)
    else:
        attention = look_reward(config.attention_form, rows, targets)
    return judge_completions(batch, completions, rows.mean(dim=1), targets, attention), targets


def attention_counts(config: RunConfig, judged: Sequence[Judged]) -> Bool[Tensor, " row"]:
    """True for completions whose attention counts: all, or all but wrong answers where that is asked for."""
    gated = config.gated or config.objective == "guided"
    return torch.tensor([not (gated and one.answer == 0) for one in judged])


def rewards_of(config: RunConfig, judged: Sequence[Judged]) -> list[float]:
    """The whole reward of each completion."""
    return [_worth(config, one, config.attention_weight) for one in judged]


def _worth(config: RunConfig, judged: Judged, attention_weight: float) -> float:
    least, parts = least_reward(config.attention_form), config.reward_parts
    if config.objective == "guided":
        parts = tuple(part for part in parts if part != "attention")
    return total_reward(parts, judged.parts, attention_weight, config.gated, least)


def advantages_of(
    config: RunConfig,
    judged: Sequence[Judged],
    rows: Float[Tensor, "row layer query image"],
    targets: AttentionTargets,
    tokens: int,
) -> Float[Tensor, "row token"]:
    """The advantage of each token of completions that stand group by group.

    With credit by answer, all tokens of a completion get what it is worth against its group. With credit by
    token, that is so for answer and format; the attention of each token's own row is compared with all
    tokens of the group, and the token that has no row gets nothing of it.
    """
    by_token = config.credit == "token" and "attention" in config.reward_parts
    weight = 0.0 if by_token else config.attention_weight
    rewards = [_worth(config, one, weight) for one in judged]
    grouped = torch.tensor(rewards, dtype=rows.dtype).view(-1, config.num_generations)
    compared = (leave_one_out_advantages if config.objective == "exact" else group_advantages)(grouped)
    advantages = compared.reshape(-1, 1).expand(-1, tokens).to(rows)
    if not by_token:
        return advantages
    scores, known = token_scores(config.attention_form, rows.detach(), targets)
    known = known & attention_counts(config, judged).to(known.device)[:, None]
    shape = (-1, config.num_generations, known.shape[1])
    own = token_advantages(scores.reshape(shape), known.reshape(shape)).reshape(known.shape)
    # Without a row: the first token where rows are those that predict tokens, else the last.
    beside = (1, 0) if targets.predicting else (0, 1)
    return advantages + config.attention_weight * torch.nn.functional.pad(own, beside)
