"""What the probability of an answer hangs on, by gradient times input on the picture's features.

Saliency-R1's idea is to reward the share of a saliency map that lies in the box. Its map comes from a
decomposition of the logit; ours is a guess in its place that every family has: for image token j with
features x_j

    saliency_j = |sum over dimensions of x_j * d log pi(answer's tokens) / d x_j|

(gradient times input, Shrikumar et al., arXiv 1605.01713), where the answer's tokens are those that are read.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import Batch
from training.data.completions import Completions, one_by_one
from training.looks.attention_targets import AttentionTargets
from training.looks.scoring import Scorer


def saliency_reward(
    loaded: LoadedModel, scorer: Scorer, batch: Batch, completions: Completions, targets: AttentionTargets
) -> Float[Tensor, " row"]:
    """Share of each completion's saliency that lies in its region; 0 without a region or without saliency.

    A forward and a backward of its own, with a prompt for each completion: nothing is shared by a group.
    """
    maps = saliency(loaded, scorer, batch, completions, targets)
    cells = targets.look.any(dim=1)
    whole = maps.sum(dim=1)
    inside = (maps * cells).sum(dim=1)
    return torch.where(whole > 0, inside / whole.clamp(min=1e-12), 0.0)


def saliency(
    loaded: LoadedModel, scorer: Scorer, batch: Batch, completions: Completions, targets: AttentionTargets
) -> Float[Tensor, "row image"]:
    """The map of each completion, filled up with zeros on the right."""
    alone, each = one_by_one(loaded, batch, completions)
    features = alone.picture_features
    # One leaf a picture and completion: gradients of what a group shares would add up.
    leaves = [tensor.detach().requires_grad_() for tensor in features.pooler_output]
    alone = replace(alone, picture_features=type(features)(**{**features, "pooler_output": leaves}))
    read = targets.read.any(dim=1)
    shifted = torch.nn.functional.pad(read, (1, 0) if targets.predicting else (0, 1))
    with torch.enable_grad():
        log_probs = scorer(alone, each).log_probs
        gradients = torch.autograd.grad((log_probs * shifted).sum(), leaves)
    maps = log_probs.new_zeros(len(log_probs), targets.image.shape[1])
    for row, (leaf, gradient) in enumerate(zip(leaves, gradients, strict=True)):
        found = (leaf * gradient).sum(dim=-1).abs().detach().flatten()
        maps[row, : len(found)] = found
    return maps
