"""One forward that gives log-probabilities, entropies and attention rows of given completions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sayo_app.mllm.capture import CaptureRequest
from sayo_app.mllm.decode import entropy
from sayo_app.mllm.loading import LoadedModel
from training.prompts import Batch
from training.rollout import Completions, extend, prefill


@dataclass(frozen=True, eq=False)
class Scores:
    """What the model makes of completions; padding holds numbers that mean nothing.

    Attributes:
        log_probs: of each completion token, at the sampling temperature.
        entropies: nats, of the distribution each token was drawn from, at temperature 1.
        rows: row i has completion token i as the query; no row for the last token. Columns are the
            image tokens of the row's prompt, in order, filled up with zeros on the right.
    """

    log_probs: Float[Tensor, "row token"]
    entropies: Float[Tensor, "row token"]
    rows: Float[Tensor, "row query image"]

    def attention(self, batch: Batch, completions: Completions) -> list[Attention]:
        """The scores of each completion without any padding, for the rewards."""
        counts = batch.image_columns.sum(dim=1).repeat_interleave(completions.num_generations).tolist()
        lengths = completions.mask.sum(dim=1).tolist()
        rows = self.rows.detach().float().cpu().numpy()
        entropies = self.entropies.float().cpu().numpy()
        return [
            Attention(rows[i, : length - 1, :count], entropies[i, :length])
            for i, (length, count) in enumerate(zip(lengths, counts, strict=True))
        ]


@dataclass(frozen=True, eq=False)
class Attention:
    """One completion's rows on the image and its entropies: what a reward reads."""

    rows: Float[np.ndarray, "row image"]
    entropies: Float[np.ndarray, " token"]


class Scorer(nn.Module):
    """The policy as one module with one forward, so that any accelerate wrapper sees one forward a step.

    The prompt's keys and values are computed once a group. Row i's columns are found by the positions
    of the image tokens in the padded prompt, row by row.
    """

    def __init__(self, policy: nn.Module, layer: int) -> None:
        """Args: layer: the decoder layer to read, the last full-attention one for the reward view."""
        super().__init__()
        self.policy = policy
        self.layer = layer

    def forward(self, batch: Batch, completions: Completions, temperature: float = 1.0) -> Scores:
        group = completions.num_generations
        cache, first = prefill(self.policy, batch, group)
        # The last token predicts nothing that is scored and its row is never read.
        queries = completions.ids[:, :-1]
        if queries.shape[1] == 0:
            empty = first.new_zeros(len(first), 0, int(batch.image_columns.sum(dim=1).max()))
            return Scores(*_token_scores(first[:, None], completions.ids, temperature), rows=empty)
        request = CaptureRequest(frozenset({self.layer}), batch.image_columns)
        later = extend(self.policy, batch, cache, queries, group, 0, sayo_capture=request)
        logits = torch.cat([first[:, None], later], dim=1)
        return Scores(*_token_scores(logits, completions.ids, temperature), rows=request.rows[self.layer])


def _token_scores(
    logits: Float[Tensor, "row token vocabulary"], ids: Int[Tensor, "row token"], temperature: float
) -> tuple[Float[Tensor, "row token"], Float[Tensor, "row token"]]:
    """Log-probabilities and entropies, row by row: the vocabulary times all tokens would not fit."""
    log_probs, entropies = [], []
    for row_logits, row_ids in zip(logits, ids, strict=True):
        scaled = row_logits / temperature
        picked = scaled.gather(1, row_ids[:, None]).squeeze(1)
        log_probs.append(picked - scaled.logsumexp(dim=-1))
        entropies.append(entropy(row_logits.detach()))
    return torch.stack(log_probs), torch.stack(entropies)


def reward_layer(loaded: LoadedModel) -> int:
    """The layer that the reward reads: the last with full attention."""
    return loaded.attention_layers[-1]
