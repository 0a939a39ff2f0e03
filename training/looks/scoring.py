"""One forward that gives log-probabilities, entropies and attention rows of given completions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sayo_app.errors import TrainingError
from sayo_app.mllm.answering.decode import entropy
from sayo_app.mllm.answering.forward import feed, prefill, whole_pass
from sayo_app.mllm.answering.steer import Steering
from sayo_app.mllm.attention.bias import SteerRequest
from sayo_app.mllm.attention.capture import CaptureRequest
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import Batch
from training.data.completions import Completions

LAST, UPPER, ALL, FOUND = "last", "upper", "all", "found"


@dataclass(frozen=True)
class Reading:
    """Which attention is read: the mean over the heads of each layer.

    Attributes:
        layers: decoder layers, ascending.
        heads: of a layer; all of a layer that is not named.
    """

    layers: tuple[int, ...]
    heads: Mapping[int, Sequence[int]] | None = None


def reward_view(loaded: LoadedModel) -> Reading:
    """What the published reward reads: the last layer with full attention."""
    return Reading((loaded.attention_layers[-1],))


def make_reading(loaded: LoadedModel, asked: str, found: Steering | None) -> Reading:
    """What a run's `attention_layers` asks for.

    Args:
        asked: `last`; `upper`, the upper half of the layers with full attention, the middle one included;
            `all` of them; `found`, the layers and heads where steering turns answers right; or layers: `2,3`.
        found: what was found for this model.

    Raises:
        TrainingError: nothing was found for this model, or a layer without attention to read.
    """
    if asked == LAST:
        return reward_view(loaded)
    if asked in (UPPER, ALL):
        layers = tuple(loaded.attention_layers)
        return Reading(layers if asked == ALL else layers[len(layers) // 2 :])
    if asked == FOUND:
        if found is None:
            raise TrainingError(
                expected="layers and heads found for this model",
                got="none",
                remedy=f"Find them with `python -m sayo_app.mllm.steer_table`, or read the `{LAST}` layer.",
            )
        heads = {layer: chosen for layer, chosen in found.heads.items() if chosen is not None}
        return Reading(tuple(sorted(found.heads)), heads)
    layers = tuple(sorted({int(layer) for layer in asked.split(",")}))
    if not set(layers) <= set(loaded.attention_layers):
        raise TrainingError(
            expected=f"layers out of {', '.join(map(str, loaded.attention_layers))}",
            got=asked,
            remedy="Change attention_layers.",
        )
    return Reading(layers)


@dataclass(frozen=True, eq=False)
class Scores:
    """What the model makes of completions; padding holds numbers that mean nothing.

    Attributes:
        log_probs: of each completion token, at the sampling temperature.
        entropies: nats, of the distribution each token was drawn from, at temperature 1.
        rows: row i has completion token i as the query; no row for the last token. Layers in the order of
            the reading. Columns are the image tokens of the row's prompt, in order, filled up with zeros on
            the right.
        logits: of each completion token, temperature 1.
    """

    log_probs: Float[Tensor, "row token"]
    entropies: Float[Tensor, "row token"]
    rows: Float[Tensor, "row layer query image"]
    logits: Float[Tensor, "row token vocabulary"]

    @property
    def mean_rows(self) -> Float[Tensor, "row query image"]:
        """The mean over the layers: what the published reward reads, of one layer."""
        return self.rows.mean(dim=1)


class Scorer(nn.Module):
    """The policy as one module with one forward, so that any accelerate wrapper sees one forward a step.

    The prompt is read once a group, but by a checkpointed policy that is to have a gradient: once for each
    completion, both in one pass. Image columns are found in the padded prompt, row by row.
    """

    def __init__(self, policy: nn.Module, reading: Reading, checkpointed: bool = False) -> None:
        """Args: checkpointed: the policy keeps no activations for its gradient but computes them again."""
        super().__init__()
        self.policy = policy
        self.reading = reading
        self.checkpointed = checkpointed

    def forward(
        self,
        batch: Batch,
        completions: Completions,
        temperature: float = 1.0,
        steer: SteerRequest | None = None,
    ) -> Scores:
        """Args: steer: a bias on attention; log-probabilities and rows are those under it.

        A checkpointed policy that is to have a gradient cannot run on a cache, which would be filled twice:
        it wants a row of the batch for each completion, see `one_by_one`.
        """
        if self.checkpointed and torch.is_grad_enabled():
            logits, rows = self._whole(batch, completions)
        else:
            logits, rows = self._shared(batch, completions, steer)
        return Scores(*_token_scores(logits, completions.ids, temperature), rows=rows, logits=logits)

    def _whole(
        self, batch: Batch, completions: Completions
    ) -> tuple[Float[Tensor, "row token vocabulary"], Float[Tensor, "row layer query image"]]:
        """Prompt and completion in one pass, without a cache."""
        prompt, tokens = batch.input_ids.shape[1], completions.ids.shape[1]
        request = self._request(batch, slice(prompt, prompt + tokens - 1))
        # Transformers checkpoints in training mode only; there is no dropout, so nothing else changes.
        self.policy.train()
        try:
            logits = whole_pass(
                self.policy,
                batch.inputs,
                batch.positions,
                completions.ids[:, :-1],
                keep=tokens,
                sayo_capture=request,
            )
        finally:
            self.policy.eval()
        return logits, self._rows(request)

    def _shared(
        self, batch: Batch, completions: Completions, steer: SteerRequest | None
    ) -> tuple[Float[Tensor, "row token vocabulary"], Float[Tensor, "row layer query image"]]:
        """The prompt once a group, then the completions on its cache."""
        group = completions.num_generations
        prefix = prefill(self.policy, batch.inputs, batch.positions, copies=group, sayo_steer=steer)
        first = prefix.logits[:, None]
        # The last token predicts nothing that is scored and its row is never read.
        queries = completions.ids[:, :-1]
        if queries.shape[1] == 0:
            width = int(batch.image_columns.sum(dim=1).max())
            return first, first.new_zeros(len(first), len(self.reading.layers), 0, width)
        request = self._request(batch)
        requests = {"sayo_capture": request, "sayo_steer": steer}
        later = feed(self.policy, prefix, queries, keep=queries.shape[1], **requests)
        return torch.cat([first, later], dim=1), self._rows(request)

    def _request(self, batch: Batch, queries: slice | None = None) -> CaptureRequest:
        layers, heads = frozenset(self.reading.layers), self.reading.heads
        return CaptureRequest(layers, batch.image_columns, queries=queries, heads=heads)

    def _rows(self, request: CaptureRequest) -> Float[Tensor, "row layer query image"]:
        return torch.stack([request.rows[layer] for layer in self.reading.layers], dim=1)


def _token_scores(
    logits: Float[Tensor, "row token vocabulary"], ids: Int[Tensor, "row token"], temperature: float
) -> tuple[Float[Tensor, "row token"], Float[Tensor, "row token"]]:
    """Log-probabilities and entropies, row by row: the logits are kept whole, further copies of them not."""
    log_probs, entropies = [], []
    for row_logits, row_ids in zip(logits, ids, strict=True):
        scaled = row_logits / temperature
        picked = scaled.gather(1, row_ids[:, None]).squeeze(1)
        log_probs.append(picked - scaled.logsumexp(dim=-1))
        entropies.append(entropy(row_logits.detach()))
    return torch.stack(log_probs), torch.stack(entropies)


def divergence(
    logits: Float[Tensor, "row token vocabulary"], others: Float[Tensor, "row token vocabulary"]
) -> Float[Tensor, "row token"]:
    """Jensen-Shannon divergence of each token's two distributions, nats: 0 if equal, log 2 if apart.

    JSD(p, q) = H((p + q) / 2) - (H(p) + H(q)) / 2, row by row to save memory.
    """

    def of_row(mine: Tensor, theirs: Tensor) -> Tensor:
        log_p, log_q = (row.log_softmax(dim=-1) for row in (mine, theirs))
        log_mean = torch.logaddexp(log_p, log_q) - math.log(2)
        return ((log_p.exp() * (log_p - log_mean)) + (log_q.exp() * (log_q - log_mean))).sum(dim=-1) / 2

    return torch.stack([of_row(mine, theirs) for mine, theirs in zip(logits, others, strict=True)])
