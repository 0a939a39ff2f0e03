"""Attention rows, read while the model runs, through transformers' public AttentionInterface.

A model loaded with `attn_implementation=capture.NAME` computes SDPA as always. A forward that is given
`sayo_capture=CaptureRequest(...)` also fills `request.rows` for the asked layers and query positions,
and for the columns of image tokens only: the (heads x length x length) matrix is never kept.

The request travels through the forward's keyword arguments, not through a global or a context variable:
gradient checkpointing runs the forward a second time, from another thread, and must find the same one.

Row i of a query position is what *that* token looked at while the next one was being predicted.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from sayo_app.errors import CaptureError

NAME = "sayo"


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

    Attributes:
        rows: by layer, heads averaged, not renormalised, float32: `batch query image`. Differentiable
            where the forward is. Rows of padded queries mean nothing. Image tokens keep their order;
            where a batch row has fewer than the longest, zeros follow.
        image_mask: True where `rows` holds an image token and not filling.
    """

    def __init__(
        self,
        layers: frozenset[int],
        image_columns: Bool[Tensor, "batch key"],
        queries: slice | None = None,
        decoding: bool = False,
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
        self.image_mask: Bool[Tensor, "batch image"] = (
            torch.arange(width, device=counts.device)[None, :] < counts[:, None]
        )
        # A stable sort puts the image columns first, in order, row by row.
        order = torch.argsort((~image_columns).to(torch.uint8), dim=1, stable=True)
        self._columns: Int[Tensor, "batch image"] = order[:, :width]
        self._min_keys = int(self._columns[self.image_mask].max()) + 1
        self._read: dict[int, list[Float[Tensor, "batch query image"]]] = {}

    @property
    def rows(self) -> dict[int, Float[Tensor, "batch query image"]]:
        return {
            layer: parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
            for layer, parts in self._read.items()
        }

    def wants(self, module: nn.Module, n_queries: int) -> bool:
        """True if this forward of this attention module is to be read."""
        layer = getattr(module, "layer_idx", None)
        return layer in self.layers and (n_queries == 1 or not self.decoding)

    def put(self, layer: int, weights: Float[Tensor, "batch query key"]) -> None:
        """Keep the image columns of head-averaged rows."""
        batch, n_queries, n_keys = weights.shape
        repeats, rest = divmod(batch, self._columns.shape[0])
        if rest or n_keys < self._min_keys:
            raise CaptureError(
                expected=f"{self._columns.shape[0]} sequences or a multiple, at least {self._min_keys} keys",
                got=f"{batch} sequences and {n_keys} keys",
                remedy="Build the request from the input_ids of the same forward.",
            )
        # Filling columns may point past the keys of this forward.
        columns, mask = self._columns.clamp(max=n_keys - 1), self.image_mask
        if repeats > 1:
            columns, mask = columns.repeat_interleave(repeats, dim=0), mask.repeat_interleave(repeats, dim=0)
        picked = weights.gather(2, columns[:, None, :].expand(-1, n_queries, -1)) * mask[:, None, :]
        if self.decoding:
            self._read.setdefault(layer, []).append(picked)
        else:
            self._read[layer] = [picked]


def attention(
    module: nn.Module,
    query: Float[Tensor, "batch head query dim"],
    key: Float[Tensor, "batch kv_head key dim"],
    value: Float[Tensor, "batch kv_head key value_dim"],
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sayo_capture: CaptureRequest | None = None,
    **kwargs: Any,
) -> tuple[Float[Tensor, "batch query head value_dim"], None]:
    """SDPA; with a request, the asked attention rows as well.

    One query row: softmax(q K^T) V gives row and output from one product, no dearer than SDPA.

    Raises:
        CaptureError: rows asked of a sliding layer while decoding, where key positions are lost.
    """
    if sayo_capture is None or not sayo_capture.wants(module, query.shape[2]):
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return output, None
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    if query.shape[2] == 1 and getattr(module, "layer_type", None) == "sliding_attention":
        raise CaptureError(
            expected="layers with full attention",
            got=f"layer {layer}, which sees a sliding window",
            remedy="Ask for the family's attention_layers.",
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if query.shape[2] == 1 and dropout == 0.0:
        weights = _weights(query, key, attention_mask, scale)
        output = _one_row_output(weights, value)
        sayo_capture.put(layer, weights.mean(dim=1))
        return output, None
    output, _ = sdpa_attention_forward(
        module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
    )
    asked = sayo_capture.queries or slice(None)
    mask = attention_mask
    is_causal = kwargs.get("is_causal")
    is_causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    if mask is None and is_causal and query.shape[2] > 1:
        # No mask stands for "causal from the first key on": SDPA's own convention.
        positions = torch.arange(query.shape[2], device=query.device)[asked]
        mask = (torch.arange(key.shape[2], device=query.device)[None, :] <= positions[:, None])[None, None]
    elif mask is not None:
        mask = mask[:, :, asked]
    sayo_capture.put(layer, _weights(query[:, :, asked], key, mask, scale).mean(dim=1))
    return output, None


def _weights(
    query: Float[Tensor, "batch head query dim"],
    key: Float[Tensor, "batch kv_head key dim"],
    mask: Tensor | None,
    scale: float,
) -> Float[Tensor, "batch head query key"]:
    """Softmax rows in float32; grouped queries share their keys without copying them.

    `mask` is True where kept, or is added to the scores; masked scores take the smallest finite number,
    so a fully masked row (padding) is uniform instead of NaN, as in transformers' eager attention.
    """
    batch, heads, n_queries, dim = query.shape
    kv_heads, n_keys = key.shape[1], key.shape[2]
    grouped = query.reshape(batch, kv_heads, (heads // kv_heads) * n_queries, dim)
    scores = (torch.matmul(grouped, key.transpose(2, 3)) * scale).reshape(batch, heads, n_queries, n_keys)
    if mask is not None:
        mask = mask[..., :n_keys]
        if mask.dtype == torch.bool:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        else:
            scores = scores + mask
    return torch.softmax(scores, dim=-1, dtype=torch.float32)


def _one_row_output(
    weights: Float[Tensor, "batch head 1 key"], value: Float[Tensor, "batch kv_head key value_dim"]
) -> Float[Tensor, "batch 1 head value_dim"]:
    batch, heads, _, n_keys = weights.shape
    grouped = weights.to(value.dtype).reshape(batch, value.shape[1], -1, n_keys)
    return torch.matmul(grouped, value).reshape(batch, heads, 1, -1).transpose(1, 2).contiguous()


def register() -> None:
    """Make `attn_implementation=NAME` known. Idempotent; done at import.

    Without the mask function transformers would silently pass no mask at all.
    """
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)


register()
