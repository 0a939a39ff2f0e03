"""A cache of keys, values and states that may be part of a graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache


class GraphCache(DynamicCache):
    """transformers' cache where gradients are asked for.

    It overwrites the state of linear attention in place, which hybrid models keep. Here that state is
    replaced instead, so that what was computed from the old one still has it in the backward pass.
    """

    def update_recurrent_state(
        self, recurrent_states: Tensor, layer_idx: int, state_idx: int = 0, **kwargs: Any
    ) -> Tensor:
        layer: Any = self.layers[layer_idx]
        if torch.is_grad_enabled() and (state := layer.recurrent_states[state_idx]) is not None:
            layer.recurrent_states[state_idx] = state.clone()
        return super().update_recurrent_state(recurrent_states, layer_idx, state_idx, **kwargs)

    def detach(self) -> None:
        """What comes next hangs on the numbers that are in here, not on how they came about."""
        for layer in self.layers:
            for name, value in vars(layer).items():
                if isinstance(value, Tensor):
                    setattr(layer, name, value.detach())
                elif isinstance(value, dict):
                    setattr(layer, name, {key: _detached(state) for key, state in value.items()})


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value
