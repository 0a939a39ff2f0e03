"""Scores of one attention forward and their softmax, for any of its query rows.

What models add to plain attention is here: grouped keys, a mask, a bias, soft-capping, sinks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sayo_app.errors import CaptureError

# Rows are computed so many bytes at a time, all heads and keys counted: memory stays linear in the length.
CHUNK_BYTES = 64_000_000
# What transformers hands to an attention function and what changes no score, or is in the mask already.
_HARMLESS = frozenset(
    [
        *("position_ids", "cache_position", "position_embeddings", "is_causal", "sliding_window"),
        *("cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k", "cu_seqlens", "seq_idx"),
        *("output_attentions", "output_hidden_states", "output_router_logits", "return_dict", "use_cache"),
        *("num_items_in_batch", "logits_to_keep"),
    ]
)
# What does change them, and is honoured here: transformers' name, and the field of `Scores`.
HONOURED = {"softcap": "softcap", "s_aux": "sinks", "position_bias": "position_bias"}


def refuse_unknown(given: Mapping[str, Any]) -> None:
    """A keyword that nobody here has heard of may change the attention: rows would be wrong without a word.

    Raises:
        CaptureError: there is one.
    """
    unknown = sorted(
        name
        for name, value in given.items()
        if value is not None and name not in _HARMLESS and name not in HONOURED
    )
    if unknown:
        raise CaptureError(
            expected="attention of a kind that is known here",
            got=f"one that is also given {', '.join(unknown)}",
            remedy="Choose a model of a supported family.",
        )


@dataclass(frozen=True, eq=False)
class Scores:
    """One attention forward before its softmax.

    Attributes:
        mask: True where kept, or added to the scores.
        causal: what no mask stands for: causal from the first key on, which is SDPA's own convention.
        bias: what steering adds to some query rows.
        position_bias: what the model itself adds to the scores, as relative positions do.
        softcap: scores are c tanh(score / c) before mask and bias (Gemma 2, arXiv 2408.00118, section 2).
        sinks: of each head, the score of a key that has no value: weights of the others sum to less than 1
            (gpt-oss; transformers' `eager_attention_forward` of that model).
    """

    query: Float[Tensor, "batch head query dim"]
    key: Float[Tensor, "batch kv_head key dim"]
    mask: Tensor | None
    scale: float
    causal: bool
    bias: Callable[[slice], Tensor] | None = None
    position_bias: Float[Tensor, "#batch #head query key"] | None = None
    softcap: float | None = None
    sinks: Float[Tensor, " head"] | None = None

    @property
    def plain(self) -> bool:
        """True where SDPA computes the same."""
        return self.softcap is None and self.sinks is None

    def mask_rows(self, rows: slice) -> Tensor | None:
        """The mask of these query rows, with all that is added to the scores in it.

        Masked scores take the smallest finite number, so that a fully masked row (padding) is uniform
        instead of NaN, as in transformers' eager attention.
        """
        n_queries, n_keys = self.query.shape[2], self.key.shape[2]
        mask = self.mask
        if mask is not None:
            mask = mask[:, :, rows, :n_keys]
        elif self.causal and n_queries > 1:
            positions = torch.arange(n_queries, device=self.query.device)[rows]
            mask = (torch.arange(n_keys, device=self.query.device) <= positions[:, None])[None, None]
        added = None if self.bias is None else self.bias(rows)
        if self.position_bias is not None:
            own = self.position_bias[:, :, rows, :n_keys]
            added = own if added is None else own + added
        if added is None:
            return mask
        if mask is None:
            return added
        if mask.dtype == torch.bool:
            return torch.where(mask, added, torch.finfo(added.dtype).min)
        return mask + added

    def weights(self, rows: slice) -> Float[Tensor, "batch head row key"]:
        """Softmax rows in float32, of float32 scores: in bfloat16 one above 128 is off by up to a half.

        Grouped queries share their keys.
        """
        query, mask = self.query[:, :, rows].float(), self.mask_rows(rows)
        batch, heads, n_rows, dim = query.shape
        kv_heads, n_keys = self.key.shape[1], self.key.shape[2]
        grouped = query.reshape(batch, kv_heads, (heads // kv_heads) * n_rows, dim)
        scores = torch.matmul(grouped, self.key.float().transpose(2, 3)) * self.scale
        scores = scores.reshape(batch, heads, n_rows, n_keys)
        if self.softcap is not None:
            scores = torch.tanh(scores / self.softcap) * self.softcap
        if mask is not None and mask.dtype == torch.bool:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        elif mask is not None:
            # The smallest number of a shorter type is no smallest one here, and small enough.
            scores = scores + mask
        if self.sinks is None:
            return torch.softmax(scores, dim=-1)
        sinks = self.sinks.float().reshape(1, heads, 1, 1).expand(batch, heads, n_rows, 1)
        return torch.softmax(torch.cat([scores, sinks], dim=-1), dim=-1)[..., :-1]

    def chunks(self, rows: range) -> Iterator[slice]:
        """The rows in order, a few at a time; at least once."""
        batch, heads = self.query.shape[:2]
        size = max(1, CHUNK_BYTES // (4 * batch * heads * self.key.shape[2]))
        for start in range(0, max(1, len(rows)), size):
            part = rows[start : start + size]
            yield slice(part.start, part.stop, part.step)

    def by_chunk(self, rows: range, make: Callable[[slice], Tensor]) -> list[Tensor]:
        """What `make` makes of the rows, a few queries at a time.

        Autograd would keep each chunk's weights, and so all of them: they are computed again in the backward.
        """
        chunks = list(self.chunks(rows))
        learning = torch.is_grad_enabled() and (self.query.requires_grad or self.key.requires_grad)
        again = learning and len(chunks) > 1
        return [checkpoint(make, part, use_reentrant=False) if again else make(part) for part in chunks]

    def output(
        self, value: Float[Tensor, "batch kv_head key value_dim"], dropout: float = 0.0
    ) -> Float[Tensor, "batch query head value_dim"]:
        """What the attention puts out, where SDPA cannot compute it."""

        def of(rows: slice) -> Tensor:
            return weighted(nn.functional.dropout(self.weights(rows), dropout), value)

        return torch.cat(self.by_chunk(range(self.query.shape[2]), of), dim=1)


def weighted(
    weights: Float[Tensor, "batch head row key"], value: Float[Tensor, "batch kv_head key value_dim"]
) -> Float[Tensor, "batch row head value_dim"]:
    """The mean of the values by these weights."""
    batch, heads, n_rows, n_keys = weights.shape
    grouped = weights.to(value.dtype).reshape(batch, value.shape[1], -1, n_keys)
    return torch.matmul(grouped, value).reshape(batch, heads, n_rows, -1).transpose(1, 2).contiguous()
