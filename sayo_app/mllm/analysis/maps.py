"""Arrays for the map methods that a recorded trace is not enough for: the model runs once more.

All of them take a finished answer, run it teacher-forced and hold the model while they do. What is made of
the arrays is in `core.attention.heatmap`. Row i has completion token i as the query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor, nn

from sayo_app.core.attention.heatmap import gradient_weighted, middle_layers, rank_heads
from sayo_app.mllm.answering.chat import ACTIVE, answering_with
from sayo_app.mllm.answering.forward import changing_states, feed, read_prompt, whole_pass
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.answering.steer import check_heads
from sayo_app.mllm.attention.capture import CaptureRequest, RowReader
from sayo_app.mllm.models.loading import LoadedModel

# Zhang et al., "MLLMs Know Where to Look", arXiv 2502.17422.
GENERIC_QUESTION = "Write a general description of the image."
# Kang et al., arXiv 2503.06287, find three heads to be enough.
FOCUS_HEADS = 3


@dataclass(frozen=True, eq=False)
class Finished:
    """A finished answer: what was asked, and what was said to it.

    Attributes:
        token_ids: those of its trace.
        adapter: that gave it, by name; None for the base model, by default the one that is switched on.
    """

    pictures: Sequence[Image.Image]
    question: str
    token_ids: Sequence[int]
    adapter: str | None = ACTIVE


def head_maps(
    loaded: LoadedModel, finished: Finished, tokens: slice = slice(None)
) -> Float[np.ndarray, "layer head image"]:
    """The mean row of each head over some tokens of the answer; zeros where none of them has a row.

    Args:
        tokens: completion tokens to average over; the last of all is never the query of a row.

    Returns:
        Entries of axis 0 in the order of `loaded.attention_layers`.
    """
    with prompted(loaded, finished) as inputs:
        return _head_maps(loaded, inputs, finished.token_ids, tokens)


def one_head_rows(
    loaded: LoadedModel, finished: Finished, layer: int, head: int
) -> Float[np.ndarray, "row image"]:
    """The rows of one head for every token of the answer but the last.

    Raises:
        ModelError: there is no such head, or its layer's attention cannot be reached.
    """
    check_heads(loaded, {layer: (head,)})
    with prompted(loaded, finished) as inputs:
        return _rows_of(loaded, inputs, finished.token_ids, {layer: (head,)})


def focus_heads_maps(
    loaded: LoadedModel, finished: Finished, count: int = FOCUS_HEADS
) -> Float[np.ndarray, "row image"]:
    """The mean rows of the heads that `heatmap.rank_heads` puts first for the whole answer."""
    with prompted(loaded, finished) as inputs:
        ranked = rank_heads(_head_maps(loaded, inputs, finished.token_ids, slice(None)))[:count]
        heads: dict[int, list[int]] = {}
        for entry, head in ranked:
            heads.setdefault(loaded.attention_layers[entry], []).append(head)
        return _rows_of(loaded, inputs, finished.token_ids, heads)


def relative_rows(
    loaded: LoadedModel, finished: Finished
) -> tuple[Float[np.ndarray, "layer image"], Float[np.ndarray, "layer image"]]:
    """For `heatmap.relative_map`: rows of the last prompt token, heads averaged, of all readable layers.

    First with the question, then with `GENERIC_QUESTION` in its place.
    """
    with prompted(loaded, finished) as asked:
        rows = []
        for inputs in (asked, build_inputs(loaded, finished.pictures, GENERIC_QUESTION)):
            columns = loaded.image_columns(inputs["input_ids"])
            request = CaptureRequest(frozenset(loaded.attention_layers), columns, queries=slice(-1, None))
            read_prompt(loaded, inputs, sayo_capture=request)
            rows.append(_array(torch.stack([row[0, 0] for _, row in sorted(request.rows.items())])))
    return rows[0], rows[1]


def gradient_maps(
    loaded: LoadedModel, finished: Finished, progress: Callable[[float], None] = lambda share: None
) -> Float[np.ndarray, "row image"]:
    """Row i: `heatmap.gradient_weighted` of the row that led to token i + 1, mean over middle layers.

    mean over l of mean over h of A · max(0, d logit(token i + 1) / dA), A the rows of token i at 50-75 % of
    the depth. The derivative is the whole one, later layers included; rows of earlier tokens stand still.
    One forward and one backward a token, on the cache.

    Args:
        progress: told the share that is done after each token; may raise to stop.
    """
    with prompted(loaded, finished) as inputs:
        columns = loaded.image_columns(inputs["input_ids"])
        layers = loaded.attention_layers
        band = [layers[entry] for entry in middle_layers(layers, loaded.n_layers)]
        prefix = read_prompt(loaded, inputs)
        rows = []
        for index, token_id in enumerate(finished.token_ids[:-1]):
            ids = torch.tensor([[token_id]], device=loaded.device)
            request = _Weights(frozenset(band), columns)
            with torch.enable_grad(), changing_states(), _frozen(loaded.model):
                logits = feed(loaded.model, prefix, ids, sayo_capture=request)
                kept = [request.weights[layer] for layer in band]
                slopes = torch.autograd.grad(logits[0, -1, finished.token_ids[index + 1]], kept)
            prefix.cache.detach()
            pairs = [
                (_array(request.image(weights)), _array(request.image(slope)))
                for weights, slope in zip(kept, slopes, strict=True)
            ]
            rows.append(np.mean([gradient_weighted(*pair) for pair in pairs], axis=0))
            progress((index + 1) / (len(finished.token_ids) - 1))
    width = int(columns.sum())
    return np.stack(rows).astype(np.float32) if rows else np.zeros((0, width), dtype=np.float32)


@torch.no_grad()
def rollout_maps(loaded: LoadedModel, finished: Finished) -> Float[np.ndarray, "row image"]:
    """R = Â_L ··· Â_2 Â_1 with Â_l = ½ (A_l + I), of the whole sequence: rows of the answer, image columns.

    A_l are heads averaged; the identity stands for the residual connection (Abnar and Zuidema, arXiv
    2005.00928).

    Layers without full attention (sliding, or linear in hybrid models) count as the identity. The product
    is carried upwards for the image columns alone, so no matrix of length x length is kept.
    """
    with prompted(loaded, finished) as inputs:
        ids = torch.tensor([list(finished.token_ids[:-1])], dtype=torch.long, device=loaded.device)
        columns = nn.functional.pad(loaded.image_columns(inputs["input_ids"])[0], (0, ids.shape[1]))
        request = _Rollout(loaded.attention_layers, columns)
        positions = loaded.family.positions(loaded.model, inputs)
        whole_pass(loaded.model, inputs, positions, ids, sayo_capture=request)
    return _array(request.product[inputs["input_ids"].shape[1] :])


class _Mean(CaptureRequest):
    """The mean over the asked queries instead of a row each, so that it does not matter how many they are."""

    def reduce(
        self, layer: int, weights: Float[Tensor, "batch head query key"]
    ) -> Float[Tensor, "batch head 1 image"]:
        return super().reduce(layer, weights).sum(dim=2, keepdim=True)

    def put(self, layer: int, kept: Float[Tensor, "batch head chunk image"]) -> None:
        super().put(layer, kept.sum(dim=2, keepdim=True))


class _Weights(CaptureRequest):
    """The weights themselves of one-query forwards, as something to take a gradient by."""

    def __init__(self, layers: frozenset[int], image_columns: Bool[Tensor, "1 key"]) -> None:
        super().__init__(layers, image_columns, decoding=True, per_head=True)
        self.weights: dict[int, Float[Tensor, "1 head 1 key"]] = {}

    def reduce(self, layer: int, weights: Float[Tensor, "1 head 1 key"]) -> Float[Tensor, "1 head 1 key"]:
        # The first layer's come from parameters that stand still; the others hang on those.
        return weights if weights.requires_grad else weights.requires_grad_()

    def put(self, layer: int, kept: Float[Tensor, "1 head 1 key"]) -> None:
        self.weights[layer] = kept

    def image(self, weights: Float[Tensor, "1 head 1 key"]) -> Float[Tensor, "head image"]:
        """The image columns of weights or of their gradients."""
        return super().reduce(-1, weights)[0, :, 0]


class _Rollout:
    """Carries R <- ½ (A R + R) upwards, from R = I, for the columns of image tokens."""

    queries = None

    def __init__(self, layers: Sequence[int], image_columns: Bool[Tensor, " key"]) -> None:
        self._layers = frozenset(layers)
        keys = torch.arange(len(image_columns), device=image_columns.device)
        self.product: Float[Tensor, "query image"] = (keys[:, None] == keys[image_columns]).float()

    def wants(self, module: nn.Module, n_queries: int) -> bool:
        return getattr(module, "layer_idx", None) in self._layers

    def reduce(self, layer: int, weights: Float[Tensor, "1 head query key"]) -> Float[Tensor, "query image"]:
        return weights[0].mean(dim=0) @ self.product

    def put(self, layer: int, kept: Float[Tensor, "query image"]) -> None:
        self.product = (kept + self.product) / 2


def _head_maps(
    loaded: LoadedModel, inputs: Mapping[str, Any], token_ids: Sequence[int], tokens: slice
) -> Float[np.ndarray, "layer head image"]:
    asked = range(len(token_ids) - 1)[tokens]
    columns = loaded.image_columns(inputs["input_ids"])
    layers = frozenset(loaded.attention_layers)
    if not asked:
        n_heads = int(loaded.config.get_text_config(decoder=True).num_attention_heads)
        return np.zeros((len(layers), n_heads, int(columns.sum())), dtype=np.float32)
    queries = slice(asked.start, asked.stop, asked.step)
    request = _Mean(layers, columns, queries=queries, per_head=True)
    _force(loaded, inputs, token_ids[: asked.stop], request)
    sums = torch.stack([rows[0, :, 0] for _, rows in sorted(request.head_rows.items())])
    return _array(sums / len(asked))


def _rows_of(
    loaded: LoadedModel,
    inputs: Mapping[str, Any],
    token_ids: Sequence[int],
    heads: Mapping[int, Sequence[int]],
) -> Float[np.ndarray, "row image"]:
    """Rows of every token but the last, averaged over some heads of one or more layers."""
    columns = loaded.image_columns(inputs["input_ids"])
    if len(token_ids) < 2:
        return np.zeros((0, int(columns.sum())), dtype=np.float32)
    request = CaptureRequest(frozenset(heads), columns, heads=heads)
    _force(loaded, inputs, token_ids[:-1], request)
    weighted = [rows[0] * len(heads[layer]) for layer, rows in request.rows.items()]
    return _array(torch.stack(weighted).sum(dim=0) / sum(map(len, heads.values())))


@torch.no_grad()
def _force(
    loaded: LoadedModel, inputs: Mapping[str, Any], token_ids: Sequence[int], reader: RowReader
) -> None:
    """Feed tokens of an answer behind their prompt in one forward, and read it."""
    ids = torch.tensor([list(token_ids)], device=loaded.device)
    feed(loaded.model, read_prompt(loaded, inputs), ids, sayo_capture=reader)


@contextmanager
def prompted(loaded: LoadedModel, finished: Finished) -> Iterator[Mapping[str, Any]]:
    """The model for oneself, with the answer's adapter; gives the inputs of its prompt."""
    with loaded.exclusive(), answering_with(loaded, finished.adapter):
        yield build_inputs(loaded, finished.pictures, finished.question)


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """No gradient reaches the parameters: the graph begins at the first weights that are read."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


def _array(values: Tensor) -> np.ndarray:
    return values.detach().float().cpu().numpy()
