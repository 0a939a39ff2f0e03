"""A bias on attention, added to scores before the softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class SteerRequest:
    """A bias on attention: `strength` is added to the scores of chosen keys before the softmax.

    score'[h, q, k] = score[h, q, k] + strength, for the layer's chosen heads h, steered queries q and
    chosen keys k: their weight relative to any other key grows e^strength-fold.

    Args:
        columns: True at the keys to steer towards, by position in the prompt; a batch row without any is
            left as it is. Repeated for a batch that is a multiple, as in `CaptureRequest`.
        heads: the heads of each steered layer; None stands for all of them.
        strength: in nats; negative steers away, 0 does nothing at all.
        queries: True at the prompt positions that are steered too. All after the prompt always are.
    """

    def __init__(
        self,
        columns: Bool[Tensor, "batch key"],
        heads: Mapping[int, Sequence[int] | None],
        strength: float,
        queries: Bool[Tensor, "batch key"] | None = None,
    ) -> None:
        self.heads = {layer: None if chosen is None else list(chosen) for layer, chosen in heads.items()}
        self.strength = float(strength)
        self._columns = columns
        self._queries = torch.zeros_like(columns) if queries is None else queries
        length = columns.shape[1]
        steered = self._queries.any(dim=0).nonzero()
        self._first = int(steered[0]) if len(steered) else length

    def wants(self, module: nn.Module, n_keys: int) -> bool:
        """True if some query of this forward of this attention module is to be steered."""
        layer = getattr(module, "layer_idx", None)
        return self.strength != 0 and layer in self.heads and n_keys > self._first

    def first(self, n_queries: int, n_keys: int) -> int:
        """Index of the first query of a forward that may be steered."""
        return max(0, self._first - (n_keys - n_queries))

    def bias(
        self, layer: int, rows: slice, query: Float[Tensor, "batch head query dim"], n_keys: int
    ) -> Float[Tensor, "batch head row key"]:
        """What is added to the scores of these query rows."""
        batch, heads, n_queries, _ = query.shape
        columns, steered = (repeated(t, batch // len(t)) for t in (self._columns, self._queries))
        new = n_keys - columns.shape[1]
        columns = nn.functional.pad(columns, (0, new))
        steered = nn.functional.pad(steered, (0, new), value=True)[:, n_keys - n_queries :][:, rows]
        chosen = torch.zeros(heads, dtype=query.dtype, device=query.device)
        asked = self.heads[layer]
        chosen[slice(None) if asked is None else asked] = self.strength
        biased = steered[:, None, :, None] & columns[:, None, None, :]
        return chosen[None, :, None, None] * biased


def repeated(rows: Tensor, times: int) -> Tensor:
    """Each row `times` times over, as `num_return_sequences` repeats prompts."""
    return rows if times == 1 else rows.repeat_interleave(times, dim=0)
