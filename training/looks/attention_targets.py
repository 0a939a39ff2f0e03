"""Where completions look, against where they should: the attention reward as one differentiable function.

A sample has parts: the steps that have regions of their own, or the whole answer. Each part p of a
completion has rows of attention T_p that are read, and cells of the picture to look at (R) or away from (W).

    L(cells, T) = tanh(log((mean of A over T and cells + 1e-8) / (mean of A over T and image + 1e-8)))
    s_p = L(R, T_p) where there is only a region to look at (SAYO, arXiv 2602.08241)
        = -L(W, T_p) where there is only one to look away from
        = (L(R, T_p) - L(W, T_p)) / 2 where there are both
    reward = sum_p |T_p| s_p / sum_p |T_p|

T_p is the top 30 % of the part's tokens by weight, at least one; the weight is the entropy, or entropy times
visual sensitivity. With `facts` it is those that name the answer in the reasoning
instead (ours: where a completion commits itself), where the part has any. The last token of a completion is
never the query of a row and never read, nor is padding.

As published, the row of a token is the one whose query it is. What predicts the token is the output of the
row before it; with `predicting` that row stands for the token. The first token has none: the
prompt predicts it.

`attention_reward` takes the mean over rows and layers, then the logarithm, as published. `share_reward` is
ours: logarithms first, then the mean, so that no row and no layer makes up for another:

    s_p = mean over layers and T_p of log(share of A in R) + log(1 - share of A in W)

with shares of the attention on the picture and of whichever of the two was drawn. It is 0 where all of every
row lies in R and none in W, and its gradient does not fade where a look is far off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sayo_app.core.attention.metrics import EPSILON, TOP_SHARE
from sayo_app.core.attention.steps import fact_tokens, split_steps
from sayo_app.core.geometry.cells import NO_STEP, away_mask, region_mask
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.mllm.answering.chat import TokenText
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import AttentionForm
from training.data.batches import Batch
from training.data.completions import Completions

# tanh's lower end: a completion without a row to read must not be worth more than one that looks away.
NOTHING_READ = -1.0
# The same of the shares' logarithms.
LEAST_SHARE = math.log(EPSILON)


@dataclass(frozen=True, eq=False)
class Part:
    """Some tokens of one completion, and the cells that they should look at or away from.

    Attributes:
        tokens: True at the part's tokens; the last token of the completion is no candidate.
        look, away: None where no such region was drawn.
        target: the cells to look at, smoothed to a distribution; None stands for `look` as it is.
    """

    tokens: Bool[np.ndarray, " token"]
    look: Bool[np.ndarray, " image"] | None
    away: Bool[np.ndarray, " image"] | None
    target: Float[np.ndarray, " image"] | None = None


def parts_of(
    regions: Sequence[Region], grid: ImageGrid, pieces: Sequence[str], smooth: bool = False
) -> list[Part]:
    """The parts of a completion; empty where the sample has no region.

    A region without a step holds for every token, and where no region has a step there is one part: the
    published reward. A step's region is joined by those of the whole answer. A step that the completion
    does not have is no part.

    Args:
        pieces: the completion's tokens as text, without padding.
        smooth: with targets, which cost a distance for each two cells.
    """
    stepped = sorted({region.step for region in regions if region.step is not None})
    steps = split_steps(pieces) if stepped else ()
    parts, left = [], np.ones(len(pieces), dtype=bool)
    for number in stepped:
        if number >= len(steps):
            continue
        tokens = np.zeros(len(pieces), dtype=bool)
        tokens[steps[number].start : steps[number].stop] = True
        left &= ~tokens
        parts.append(_part(tokens, regions, grid, number, smooth))
    whole = any(region.step is None for region in regions)
    return [*parts, _part(left, regions, grid, NO_STEP, smooth)] if whole else parts


def _part(
    tokens: Bool[np.ndarray, " token"],
    regions: Sequence[Region],
    grid: ImageGrid,
    step: int,
    smooth: bool,
) -> Part:
    look, away = region_mask(regions, grid, step), away_mask(regions, grid, step)
    if not look.any():
        return Part(tokens, None, away if away.any() else None)
    return Part(tokens, look, away if away.any() else None, smoothed(look, grid) if smooth else None)


def smoothed(mask: Bool[np.ndarray, " image"], grid: ImageGrid) -> Float[np.ndarray, " image"]:
    """A mask's cells spread over their neighbours by a Gaussian of one cell's side; sums to 1."""
    corners = grid.cells_xyxy
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    side = np.sqrt(np.median(grid.areas))
    apart = ((centres[:, None] - centres[None, mask]) ** 2).sum(axis=2) / side**2
    spread = np.exp(-apart / 2).sum(axis=1)
    found: Float[np.ndarray, " image"] = spread / spread.sum()
    return found


@dataclass(frozen=True, eq=False)
class AttentionTargets:
    """The parts of a batch of completions as masks; rows have as many parts as the longest, empty ones last.

    Attributes:
        read: T_p, without the completion's last token.
        candidates: all tokens of the part that have a row.
        look, away: the part's cells; nowhere True where it has no such region.
        image: the cells of each completion's picture.
        target: what is to be looked at as a distribution over the cells; 0 where there is nothing.
        predicting: row i is read for token i + 1, which it predicts, and not for token i.
    """

    read: Bool[Tensor, "row part query"]
    candidates: Bool[Tensor, "row part query"]
    look: Bool[Tensor, "row part image"]
    away: Bool[Tensor, "row part image"]
    image: Bool[Tensor, "row image"]
    target: Float[Tensor, "row part image"]
    predicting: bool = False

    @property
    def wanted(self) -> Bool[Tensor, " row"]:
        """True for completions of samples that have a region at all."""
        return self.image.any(dim=1) & (self.look | self.away).any(dim=2).any(dim=1)

    @property
    def scored(self) -> Bool[Tensor, "row part"]:
        """Parts with something to read and something to read it against."""
        return self.read.any(dim=2) & (self.look | self.away).any(dim=2)


def targets_of(
    loaded: LoadedModel,
    batch: Batch,
    completions: Completions,
    weights: Float[Tensor, "row token"],
    *,
    predicting: bool = False,
    facts: bool = False,
    smooth: bool = False,
) -> AttentionTargets:
    """The parts of a batch of completions; each part reads its tokens of the greatest weight.

    Args:
        facts: or those that name the answer, see the head of this module.
        smooth: with regions smoothed to targets.
    """
    prompts = [prompt for prompt in batch.prompts for _ in range(completions.num_generations)]
    lengths = completions.mask.sum(dim=1).tolist()
    parts, facts_of = [], []
    for prompt, ids, length in zip(prompts, completions.ids.tolist(), lengths, strict=True):
        stepped = any(region.step is not None for region in prompt.sample.regions)
        # The text token by token: only where it is to be cut into steps or looked through for the answer.
        pieces = token_pieces(loaded, ids[:length]) if stepped or facts else ("",) * length
        parts.append(parts_of(prompt.sample.regions, prompt.grid, pieces, smooth))
        facts_of.append(fact_tokens(pieces) if facts else [])
    known = weights.float().cpu().numpy()
    trimmed = [row[:length] for row, length in zip(known, lengths, strict=True)]
    counts = [prompt.grid.n_tokens for prompt in prompts]
    device = batch.input_ids.device
    return make_targets(parts, trimmed, counts, device, predicting=predicting, facts=facts_of)


def token_pieces(loaded: LoadedModel, ids: Sequence[int]) -> tuple[str, ...]:
    """The text of each token, such that together they are the text of all."""
    pieces = TokenText(loaded)
    for token in ids:
        pieces.add(token)
    pieces.finish()
    return pieces.tokens


def make_targets(
    parts: Sequence[Sequence[Part]],
    weights: Sequence[Float[np.ndarray, " _"]],
    counts: Sequence[int],
    device: torch.device | str = "cpu",
    *,
    predicting: bool = False,
    facts: Sequence[Sequence[int]] | None = None,
) -> AttentionTargets:
    """Choose the tokens that are read, and lay all parts out as masks.

    Args:
        parts: of each completion.
        weights: of each completion's tokens, without padding: the T_p of a part are its heaviest.
        counts: how many image tokens each completion's picture has.
        predicting: read the row that predicts a token, not the one that the token asks.
        facts: of each completion, tokens that are read in place of the heaviest by parts that have any.
    """
    rows, most = len(parts), max(1, *map(len, parts))
    queries = max(len(weight) for weight in weights) - 1
    width = max(counts)
    read, candidates = (np.zeros((rows, most, queries), dtype=bool) for _ in range(2))
    look, away = (np.zeros((rows, most, width), dtype=bool) for _ in range(2))
    target = np.zeros((rows, most, width), dtype=np.float32)
    for row, (mine, weight, count) in enumerate(zip(parts, weights, counts, strict=True)):
        for place, part in enumerate(mine):
            asked = np.flatnonzero(part.tokens[1:]) if predicting else np.flatnonzero(part.tokens[:-1])
            candidates[row, place, asked] = True
            chosen = np.isin(asked + predicting, facts[row]) if facts else np.zeros(len(asked), dtype=bool)
            read[row, place, asked[chosen if chosen.any() else heaviest(weight[asked + predicting])]] = True
            if part.look is not None:
                look[row, place, :count] = part.look
                whole = part.look / part.look.sum() if part.target is None else part.target
                target[row, place, :count] = whole
            if part.away is not None:
                away[row, place, :count] = part.away
    image = np.arange(width)[None] < np.asarray(counts)[:, None]
    masks = {
        "read": read,
        "candidates": candidates,
        "look": look,
        "away": away,
        "image": image,
        "target": target,
    }
    return AttentionTargets(
        **{name: torch.from_numpy(mask).to(device) for name, mask in masks.items()}, predicting=predicting
    )


def heaviest(weights: Float[np.ndarray, " token"], share: float = TOP_SHARE) -> Int[np.ndarray, " picked"]:
    """Positions of the int(share * tokens) heaviest, at least one if there is any; of equals the earlier."""
    count = min(max(1, int(share * len(weights))), len(weights))
    return np.argsort(-weights, kind="stable")[:count]


def attention_reward(
    rows: Float[Tensor, "row query image"], targets: AttentionTargets
) -> Float[Tensor, " row"]:
    """The reward of each completion, see the head of this module; differentiable through `rows`.

    0 for a completion of a sample without a region (`targets.wanted` tells), `NOTHING_READ` where there is a
    region and no row to read.
    """
    read = targets.read.to(rows)
    sizes = read.sum(dim=2)
    mean_rows = torch.einsum("rqn,rpq->rpn", rows, read) / sizes.clamp(min=1)[:, :, None]
    scores = _agreement(mean_rows[:, :, None], targets)[:, :, 0]
    weights = sizes * targets.scored
    total = weights.sum(dim=1)
    reward = (weights * scores).sum(dim=1) / total.clamp(min=1)
    return torch.where(total > 0, reward, torch.where(targets.wanted, NOTHING_READ, 0.0).to(reward))


def look_reward(
    form: AttentionForm, rows: Float[Tensor, "row layer query image"], targets: AttentionTargets
) -> Float[Tensor, " row"]:
    """The reward that a run asks for: `ratio`, as published, `share` or `target`."""
    if form == "ratio":
        return attention_reward(rows.mean(dim=1), targets)
    return share_reward(rows, targets) if form == "share" else target_reward(rows, targets)


def least_reward(form: AttentionForm) -> float:
    """What a completion gets that must not be worth more than any other for where it looked."""
    return {"ratio": NOTHING_READ, "saliency": 0.0}.get(form, LEAST_SHARE)


def share_reward(
    rows: Float[Tensor, "row layer query image"], targets: AttentionTargets
) -> Float[Tensor, " row"]:
    """The reward of each completion with logarithms before the mean; differentiable through `rows`.

    0 for a completion of a sample without a region, `LEAST_SHARE` where there is a region and no row to read.
    """
    read = (targets.read & targets.scored[:, :, None]).to(rows)
    total = read.sum(dim=(1, 2))
    reward = (read * _log_shares(rows, targets)).sum(dim=(1, 2)) / total.clamp(min=1)
    return torch.where(total > 0, reward, torch.where(targets.wanted, LEAST_SHARE, 0.0).to(reward))


def target_reward(
    rows: Float[Tensor, "row layer query image"], targets: AttentionTargets
) -> Float[Tensor, " row"]:
    """Minus the cross-entropy of the smoothed region and each row's attention on the picture; a mean.

    EASE (arXiv 2605.30912) as far as its abstract tells: a smoothed target over image tokens, for rollouts of
    high reward. The Gaussian, one cell wide, and the mean over layers and tokens of logarithms are guesses.
    0 for a completion of a sample without a region to look at, `LEAST_SHARE` without a row to read.
    """
    known = targets.look.any(dim=2)
    read = (targets.read & known[:, :, None]).to(rows)
    logs = torch.log((rows + EPSILON) / (rows.sum(dim=3, keepdim=True) + EPSILON)).mean(dim=1)
    scores = torch.einsum("rqn,rpn->rpq", logs, targets.target.to(rows))
    total = read.sum(dim=(1, 2))
    reward = (read * scores).sum(dim=(1, 2)) / total.clamp(min=1)
    return torch.where(total > 0, reward, torch.where(known.any(dim=1), LEAST_SHARE, 0.0).to(reward))


def _log_shares(
    rows: Float[Tensor, "row layer query image"], targets: AttentionTargets
) -> Float[Tensor, "row part query"]:
    """log share in R + log share outside W of single rows, mean over layers; 0 for what was not drawn."""
    on_picture = torch.einsum("rlqn,rn->rlq", rows, targets.image.to(rows)) + EPSILON
    score = rows.new_zeros(len(rows), targets.look.shape[1], rows.shape[2])
    outside = targets.image[:, None] & ~targets.away
    for drawn, cells in ((targets.look, targets.look), (targets.away, outside)):
        inside = torch.einsum("rlqn,rpn->rplq", rows, cells.to(rows)) + EPSILON
        logs = torch.log(inside / on_picture[:, None]).mean(dim=2)
        score = score + logs * drawn.any(dim=2)[:, :, None]
    return score


def token_scores(
    form: AttentionForm, rows: Float[Tensor, "row layer query image"], targets: AttentionTargets
) -> tuple[Float[Tensor, "row query"], Bool[Tensor, "row query"]]:
    """s_p of each single token of a part, T = {that token}, and True where there is one.

    Every token of a part has a score, not only those that the reward reads.
    """
    known = targets.candidates & targets.scored[:, :, None]
    if form == "share":
        scores = _log_shares(rows, targets)
    else:
        each = rows.mean(dim=1)[:, None].expand(-1, targets.look.shape[1], -1, -1)
        scores = _agreement(each, targets)
    scores = torch.where(known, scores, 0.0)
    return scores.sum(dim=1), known.any(dim=1)


def _agreement(
    looked: Float[Tensor, "row part read image"], targets: AttentionTargets
) -> Float[Tensor, "row part read"]:
    """s_p of rows, or means of rows: L(R), -L(W), or half their difference; 0 without R and W."""

    def mean(cells: Bool[Tensor, "row _ image"]) -> Float[Tensor, "row part read"]:
        inside = torch.einsum("rpqn,rpn->rpq", looked, cells.to(looked).expand_as(looked[:, :, 0]))
        return inside / cells.sum(dim=2).clamp(min=1)[:, :, None]

    whole = mean(targets.image[:, None]) + EPSILON
    score = torch.zeros_like(whole)
    for cells, sign in ((targets.look, 1.0), (targets.away, -1.0)):
        ratio = torch.tanh(torch.log((mean(cells) + EPSILON) / whole))
        score = score + sign * ratio * cells.any(dim=2)[:, :, None]
    drawn = targets.look.any(dim=2).long() + targets.away.any(dim=2).long()
    return score / drawn.clamp(min=1)[:, :, None]
