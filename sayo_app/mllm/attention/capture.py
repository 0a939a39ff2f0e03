"""Attention rows, read while the model runs, through transformers' public AttentionInterface.

A model loaded with `attn_implementation=capture.NAME` computes SDPA as always. A forward that is given
`sayo_capture=CaptureRequest(...)` also fills `request.rows` for the asked layers and query positions,
and for the columns of image tokens only: the (heads x length x length) matrix is never kept.

The request travels through the forward's keyword arguments, not through a global or a context variable:
gradient checkpointing runs the forward a second time, from another thread, and must find the same one.

Row i of a query position is what *that* token looked at while the next one was being predicted.

`sayo_steer=SteerRequest(...)`, beside it or alone, biases the attention of chosen heads towards chosen keys;
rows that are read with it are those with the bias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from sayo_app.errors import CaptureError
from sayo_app.mllm.attention.bias import SteerRequest, repeated
from sayo_app.mllm.attention.scores import HONOURED, Scores, refuse_unknown, weighted

NAME = "sayo"


@runtime_checkable
class RowReader(Protocol):
    """What `attention` asks of a request that reads rows.

    `reduce` gets weights of some of the asked queries and keeps what it needs of them, the queries still
    the last axis but one; `put` gets what was kept of all of them, in order. Where gradients are wanted
    `reduce` may run twice. A one-query forward computes its output from the very tensor that it shows.
    """

    queries: slice | None

    def wants(self, module: nn.Module, n_queries: int) -> bool: ...

    def reduce(self, layer: int, weights: Float[Tensor, "batch head query key"]) -> Tensor: ...

    def put(self, layer: int, kept: Tensor) -> None: ...


class CaptureRequest:
    """Which attention rows to read, and the rows that were read.

    A plain class on purpose: FSDP copies dataclasses it finds in a forward's arguments, and the rows
    would be filled into the copy.

    Args:
        layers: decoder layer indices to read.
        image_columns: True at the key positions of image tokens. It may be shorter than the keys, which
            grow while decoding. A batch that is a whole multiple of its rows, as `num_return_sequences`
            makes it, repeats each row.
        queries: query positions to read in this forward; None reads all.
        decoding: read one-query forwards only and string their rows together, oldest first; the prompt's
            forward is left alone.
        heads: read these heads only of a layer; all of a layer that is not named.
        per_head: keep every head's rows, for `head_rows`.

    Attributes:
        image_mask: True where `rows` holds an image token and not filling.
    """

    def __init__(
        self,
        layers: frozenset[int],
        image_columns: Bool[Tensor, "batch key"],
        queries: slice | None = None,
        decoding: bool = False,
        heads: Mapping[int, Sequence[int]] | None = None,
        per_head: bool = False,
    ) -> None:
        counts = image_columns.sum(dim=1)
        width = int(counts.max())
        if width == 0:
            raise CaptureError(
                expected="image tokens in the input",
                got="none",
                remedy="Give a picture with the question.",
            )
        self.layers = frozenset(layers)
        self.queries = queries
        self.decoding = decoding
        self.heads = {layer: list(chosen) for layer, chosen in (heads or {}).items()}
        self.per_head = per_head
        self.image_mask: Bool[Tensor, "batch image"] = (
            torch.arange(width, device=counts.device)[None, :] < counts[:, None]
        )
        # A stable sort puts the image columns first, in order, row by row.
        order = torch.argsort((~image_columns).to(torch.uint8), dim=1, stable=True)
        # Filling may lie past the keys of a forward; column 0 never does.
        self._columns: Int[Tensor, "batch image"] = order[:, :width].masked_fill(~self.image_mask, 0)
        self._min_keys = int(self._columns.max()) + 1
        self._filled = bool((counts < width).any())
        start = int(self._columns[0, 0])
        run = torch.arange(start, start + width, device=counts.device)
        # One run of columns, the same in all rows, is sliced out, which costs nothing.
        together = not self._filled and bool((self._columns == run).all())
        self._run = slice(start, start + width) if together else None
        self._read: dict[int, list[Tensor]] = {}

    @property
    def rows(self) -> dict[int, Float[Tensor, "batch query image"]]:
        """By layer, heads averaged, not renormalised, float32. Differentiable where the forward is.

        Rows of padded queries mean nothing. Image tokens keep their order; where a batch row has fewer
        than the longest, zeros follow.
        """
        return {layer: kept.mean(dim=1) if self.per_head else kept for layer, kept in self._joined().items()}

    @property
    def head_rows(self) -> dict[int, Float[Tensor, "batch head query image"]]:
        """Like `rows`, but of each head that was read.

        Raises:
            CaptureError: the request was made without `per_head`.
        """
        if not self.per_head:
            raise CaptureError(
                expected="a request with per_head=True",
                got="one that averages over heads",
                remedy="Ask for rows of each head before the forward.",
            )
        return self._joined()

    @property
    def newest(self) -> dict[int, Float[Tensor, "batch 1 image"]]:
        """The last of `rows`: while decoding, those of the token that was fed last."""
        last = {layer: parts[-1][..., -1:, :] for layer, parts in self._read.items()}
        return {layer: kept.mean(dim=1) if self.per_head else kept for layer, kept in last.items()}

    def take(self, layer: int) -> Float[Tensor, "batch query image"]:
        """The layer's `rows`, which the request then forgets: a long answer is never held twice."""
        parts = self._read.pop(layer)
        kept = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-2)
        return kept.mean(dim=1) if self.per_head else kept

    def _joined(self) -> dict[int, Tensor]:
        for layer, parts in self._read.items():
            if len(parts) > 1:
                self._read[layer] = [torch.cat(parts, dim=-2)]
        return {layer: parts[0] for layer, parts in self._read.items()}

    def wants(self, module: nn.Module, n_queries: int) -> bool:
        """True if this forward of this attention module is to be read."""
        layer = getattr(module, "layer_idx", None)
        return layer in self.layers and (n_queries == 1 or not self.decoding)

    def reduce(
        self, layer: int, weights: Float[Tensor, "batch head query key"]
    ) -> Float[Tensor, "batch *head query image"]:
        """The image columns of the asked heads, averaged over them unless `per_head`."""
        batch, _, n_queries, n_keys = weights.shape
        repeats, rest = divmod(batch, self._columns.shape[0])
        if rest or n_keys < self._min_keys:
            raise CaptureError(
                expected=f"{self._columns.shape[0]} sequences or a multiple, at least {self._min_keys} keys",
                got=f"{batch} sequences and {n_keys} keys",
                remedy="Build the request from the input_ids of the same forward.",
            )
        if layer in self.heads:
            weights = weights[:, self.heads[layer]]
        if self._run is not None:
            picked = weights[..., self._run]
            # A view would keep the other columns alive.
            return picked.contiguous() if self.per_head else picked.mean(dim=1)
        weights = weights if self.per_head else weights.mean(dim=1, keepdim=True)
        columns = repeated(self._columns, repeats)[:, None, None].expand(*weights.shape[:2], n_queries, -1)
        picked = weights.gather(3, columns)
        if self._filled:
            picked = picked * repeated(self.image_mask, repeats)[:, None, None]
        return picked if self.per_head else picked[:, 0]

    def put(self, layer: int, kept: Float[Tensor, "batch *head query image"]) -> None:
        """Keep the rows of one forward."""
        if self.decoding:
            self._read.setdefault(layer, []).append(kept)
        else:
            self._read[layer] = [kept]


def attention(
    module: nn.Module,
    query: Float[Tensor, "batch head query dim"],
    key: Float[Tensor, "batch kv_head key dim"],
    value: Float[Tensor, "batch kv_head key value_dim"],
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sayo_capture: RowReader | None = None,
    sayo_steer: SteerRequest | None = None,
    **kwargs: Any,
) -> tuple[Float[Tensor, "batch query head value_dim"], None]:
    """SDPA; with requests, asked attention rows are read and asked heads steered.

    One query row: softmax(q K^T) V gives row and output from one product, no dearer than SDPA. Where SDPA has
    no word for what the model does (soft-capping, sinks), the output is computed from the rows throughout.

    Raises:
        CaptureError: a sliding layer while decoding, where key positions are lost; an unknown keyword.
    """
    refuse_unknown(kwargs)
    n_queries, n_keys = query.shape[2], key.shape[2]
    reader = sayo_capture if sayo_capture is not None and sayo_capture.wants(module, n_queries) else None
    steer = sayo_steer if sayo_steer is not None and sayo_steer.wants(module, n_keys) else None
    layer, is_causal = getattr(module, "layer_idx", -1), kwargs.get("is_causal")
    scores = Scores(
        query,
        key,
        attention_mask,
        scale=query.shape[-1] ** -0.5 if scaling is None else scaling,
        causal=bool(getattr(module, "is_causal", True) if is_causal is None else is_causal),
        bias=None if steer is None else partial(steer.bias, layer, query=query, n_keys=n_keys),
        **{field: kwargs.pop(name, None) for name, field in HONOURED.items()},
    )
    sdpa: Any = partial(sdpa_attention_forward, module, dropout=dropout, scaling=scaling, **kwargs)
    if reader is None and steer is None:
        return _output(scores, sdpa, value, dropout), None
    if n_queries == 1 and getattr(module, "layer_type", None) == "sliding_attention":
        raise CaptureError(
            expected="layers with full attention",
            got=f"layer {layer}, which sees a sliding window",
            remedy="Ask for the family's attention_layers.",
        )
    if n_queries == 1 and dropout == 0.0:
        weights = scores.weights(slice(0, 1))
        if reader is not None:
            reader.put(layer, reader.reduce(layer, weights))
        return weighted(weights, value), None
    output = _output(scores, sdpa, value, dropout)
    if steer is not None and scores.plain:
        first = steer.first(n_queries, n_keys)
        steered = (
            sdpa(query[:, :, rows], key, value, scores.mask_rows(rows))[0]
            for rows in scores.chunks(range(first, n_queries))
        )
        output = torch.cat([output[:, :first], *steered], dim=1)
    if reader is not None:
        _read(reader, layer, scores)
    return output, None


def _output(
    scores: Scores, sdpa: Any, value: Float[Tensor, "batch kv_head key value_dim"], dropout: float
) -> Float[Tensor, "batch query head value_dim"]:
    """Without what steering adds, where SDPA computes it; with all of it otherwise."""
    if not scores.plain:
        return scores.output(value, dropout)
    output = sdpa(scores.query, scores.key, value, scores.mask, position_bias=scores.position_bias)[0]
    return cast(Tensor, output)


def _read(reader: RowReader, layer: int, scores: Scores) -> None:
    """The asked rows, a few queries at a time."""
    asked = range(scores.query.shape[2])[reader.queries or slice(None)]
    parts = scores.by_chunk(asked, lambda rows: reader.reduce(layer, scores.weights(rows)))
    reader.put(layer, parts[0] if len(parts) == 1 else torch.cat(parts, dim=-2))


def register() -> None:
    """Make `attn_implementation=NAME` known. Idempotent; done at import.

    Without the mask function transformers would silently pass no mask at all.
    """
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)


register()
