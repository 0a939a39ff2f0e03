"""The forwards that answering, scoring and analysis share: prompts once, then tokens behind them.

Positions are explicit in all of them: the model's own memory of them is shared state. Requests are
`sayo_capture` and `sayo_steer`, see `attention.capture`; None where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from sayo_app.mllm.attention.cache import GraphCache
from sayo_app.mllm.models.family import base_model
from sayo_app.mllm.models.loading import LoadedModel

# Of the prompts' tokens, and of the first token behind each of them; as `Family.positions` gives them.
Positions = tuple[Int[Tensor, "*axis row key"], Int[Tensor, " row"]]


@dataclass(eq=False)
class Prefix:
    """What the model has read: prompts, and whatever was fed behind them since.

    Attributes:
        logits: of the token that follows each prompt.
        cache: keys, values and states.
        mask: of all keys in the cache; nothing where there is padding.
        next_position: of the token that is fed next.
        axes: what position ids have before row and key: (3,) where time, height and width are apart.
    """

    logits: Float[Tensor, "row vocabulary"]
    cache: GraphCache
    mask: Shaped[Tensor, "row key"]
    next_position: Int[Tensor, " row"]
    axes: tuple[int, ...]


def prefill(
    model: nn.Module, inputs: Mapping[str, Any], positions: Positions, *, copies: int = 1, **requests: Any
) -> Prefix:
    """Read each prompt once.

    Args:
        inputs: `input_ids`, padded on the left, `attention_mask`, and what the model is told of pictures.
        copies: rows a prompt, one after another: what is fed behind it may differ.
    """
    position_ids, next_position = positions
    cache = GraphCache(config=base_model(model).config)
    output = model(
        **inputs,
        position_ids=position_ids,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
        **_given(requests),
    )
    logits, mask = output.logits[:, -1].float(), inputs["attention_mask"]
    if copies > 1:
        # Unlike batch_repeat_interleave it knows the states of linear attention too.
        rows: Any = torch.arange(len(logits), device=logits.device)
        cache.reorder_cache(rows.repeat_interleave(copies))
        logits, mask, next_position = (
            part.repeat_interleave(copies, dim=0) for part in (logits, mask, next_position)
        )
    return Prefix(logits, cache, mask, next_position, tuple(position_ids.shape[:-2]))


@torch.no_grad()
def read_prompt(loaded: LoadedModel, inputs: Mapping[str, Any], **requests: Any) -> Prefix:
    """The same for inputs from `build_inputs`, or a left-padded batch of their keys; without a gradient."""
    return prefill(loaded.model, inputs, loaded.family.positions(loaded.model, inputs), **requests)


def feed(
    model: nn.Module, prefix: Prefix, ids: Int[Tensor, "row query"], keep: int = 1, **requests: Any
) -> Float[Tensor, "row kept vocabulary"]:
    """Put tokens behind what was read; the logits after the last `keep` of them.

    Padding may stand to the right of every real token of its row: the causal mask hides it from them.
    """
    count = ids.shape[1]
    prefix.mask = _grown(prefix.mask, count)
    output = model(
        input_ids=ids,
        attention_mask=prefix.mask,
        position_ids=_following(prefix.next_position, count, prefix.axes),
        past_key_values=prefix.cache,
        use_cache=True,
        logits_to_keep=keep,
        **_given(requests),
    )
    prefix.next_position = prefix.next_position + count
    return output.logits[:, -keep:].float()


def whole_pass(
    model: nn.Module,
    inputs: Mapping[str, Any],
    positions: Positions,
    ids: Int[Tensor, "row query"],
    keep: int = 1,
    **requests: Any,
) -> Float[Tensor, "row kept vocabulary"]:
    """Prompts and the tokens behind them in one forward without a cache, a row of `ids` for each prompt."""
    (position_ids, next_position), prompt, count = positions, inputs["input_ids"], ids.shape[1]
    # Whatever is one number a token (the kind of token, in some families) is that of text: 0.
    whole = {
        name: nn.functional.pad(value, (0, count))
        if isinstance(value, Tensor) and value.shape == prompt.shape
        else value
        for name, value in inputs.items()
    }
    whole["input_ids"] = torch.cat([prompt, ids], dim=1)
    whole["attention_mask"] = _grown(inputs["attention_mask"], count)
    later = _following(next_position, count, tuple(position_ids.shape[:-2]))
    output = model(
        **whole,
        position_ids=torch.cat([position_ids, later], dim=-1),
        use_cache=False,
        logits_to_keep=keep,
        **_given(requests),
    )
    return output.logits[:, -keep:].float()


def changing_states() -> AbstractContextManager[Any]:
    """For gradients through `feed`: hybrid models write the state of their linear layers in place."""
    return torch.autograd.graph.allow_mutation_on_saved_tensors()


def _grown(mask: Shaped[Tensor, "row key"], count: int) -> Shaped[Tensor, "row longer"]:
    return torch.cat([mask, mask.new_ones(len(mask), count)], dim=1)


def _following(
    first: Int[Tensor, " row"], count: int, axes: tuple[int, ...]
) -> Int[Tensor, "*axis row query"]:
    positions = first[:, None] + torch.arange(count, device=first.device)
    return positions.expand(*axes, -1, -1)


def _given(requests: Mapping[str, Any]) -> dict[str, Any]:
    return {name: request for name, request in requests.items() if request is not None}
