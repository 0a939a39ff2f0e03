"""One token after another: prefill, then a cached forward a token, with the rows read on the way.

A loop of the project's own, since `generate` refuses keyword arguments that it does not know and streams
only through a second thread. Greedy tokens are those of `generate`; a test holds that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sayo_app.mllm.answering.prompt import never_sampled
from sayo_app.mllm.attention.bias import SteerRequest
from sayo_app.mllm.attention.cache import GraphCache
from sayo_app.mllm.attention.capture import CaptureRequest
from sayo_app.mllm.models.families import base_model
from sayo_app.mllm.models.loading import LoadedModel


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn: temperature 0 takes the likeliest one."""

    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class DecodeStep:
    """One token a sequence.

    Attributes:
        token_ids: the pad token in sequences that ended before.
        entropies: nats, of the model's own distribution: temperature 1, nothing suppressed.
        finished: True for a sequence that has ended, with this token or before.
    """

    token_ids: Int[Tensor, " sequence"]
    entropies: Float[Tensor, " sequence"]
    finished: Bool[Tensor, " sequence"]


def decode(
    loaded: LoadedModel,
    inputs: Mapping[str, Any],
    *,
    max_new_tokens: int,
    sampling: Sampling | None = None,
    capture: CaptureRequest | None = None,
    steer: SteerRequest | None = None,
    prefilled: tuple[Tensor, Any, Tensor] | None = None,
) -> Iterator[DecodeStep]:
    """Yield tokens until every sequence has ended or `max_new_tokens` are out.

    Args:
        inputs: from `build_inputs`, or a left-padded batch of the same keys.
        capture: a request with `decoding=True`. After n tokens it holds n - 1 rows: row i has token i as
            the query, and the last token is never fed.
        steer: biases the attention of every forward, the prompt's included where it says so.
        prefilled: what `prefill` gave for these inputs, where it is known; its cache grows.

    Gradients are off within a step and untouched between steps, where the caller runs.
    """
    sampling = sampling or Sampling()
    generator = torch.Generator(device=loaded.device).manual_seed(sampling.seed)
    ends = torch.tensor(end_token_ids(loaded), device=loaded.device)
    pad = _pad_token_id(loaded)
    logits, cache, next_position = prefilled or prefill(loaded, inputs, sayo_steer=steer)
    mask = inputs["attention_mask"]
    suppressed = never_sampled(loaded, logits.shape[-1])
    finished = torch.zeros(logits.shape[0], dtype=torch.bool, device=loaded.device)
    for index in range(max_new_tokens):
        token_ids = draw(logits.masked_fill(suppressed, -torch.inf), sampling, generator)
        token_ids = token_ids.masked_fill(finished, pad)
        finished = finished | torch.isin(token_ids, ends)
        yield DecodeStep(token_ids, entropy(logits), finished)
        if index + 1 == max_new_tokens or bool(finished.all()):
            return
        mask = torch.cat([mask, mask.new_ones(mask.shape[0], 1)], dim=1)
        with torch.no_grad():
            logits = feed(
                loaded,
                token_ids[:, None],
                mask,
                next_position + index,
                cache,
                sayo_capture=capture,
                sayo_steer=steer,
            )[:, -1]


@torch.no_grad()
def prefill(
    loaded: LoadedModel, inputs: Mapping[str, Any], **requests: Any
) -> tuple[Float[Tensor, "batch vocabulary"], GraphCache, Int[Tensor, " batch"]]:
    """Encode a prompt: the logits of the first token, the cache, and the first token's position.

    Args:
        requests: `sayo_capture` and `sayo_steer`; None where there is none.
    """
    position_ids, next_position = loaded.family.positions(loaded.model, inputs)
    cache = GraphCache(config=base_model(loaded.model).config)
    output = loaded.model(
        **inputs,
        position_ids=position_ids,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
        **_given(requests),
    )
    return output.logits[:, -1].float(), cache, next_position


def feed(
    loaded: LoadedModel,
    token_ids: Int[Tensor, "sequence query"],
    mask: Int[Tensor, "sequence key"],
    first_position: Int[Tensor, " sequence"],
    cache: Any,
    keep: int = 1,
    **requests: Any,
) -> Float[Tensor, "sequence kept vocabulary"]:
    """Put tokens behind what is in the cache; the logits after the last `keep` of them.

    Positions are explicit: the model's own memory of them is shared state.

    Args:
        mask: of all keys, those of the new tokens included.
        first_position: that of the first new token of each sequence.
    """
    steps = torch.arange(token_ids.shape[1], device=token_ids.device)
    output = loaded.model(
        input_ids=token_ids,
        attention_mask=mask,
        position_ids=loaded.family.text_positions(first_position[:, None] + steps),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=keep,
        **_given(requests),
    )
    return output.logits[:, -keep:].float()


def changing_states() -> AbstractContextManager[Any]:
    """For gradients through `feed`: hybrid models write the state of their linear layers in place."""
    return torch.autograd.graph.allow_mutation_on_saved_tensors()


def _given(requests: Mapping[str, Any]) -> dict[str, Any]:
    return {name: request for name, request in requests.items() if request is not None}


def draw(
    logits: Float[Tensor, "sequence vocabulary"], sampling: Sampling, generator: torch.Generator
) -> Int[Tensor, " sequence"]:
    """One token a row: the likeliest at temperature 0, else drawn from softmax(logits / temperature)."""
    if sampling.temperature <= 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits / sampling.temperature, dim=-1)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


def entropy(logits: Float[Tensor, "*batch vocabulary"]) -> Float[Tensor, "*batch"]:
    """H = -sum p log p in nats, of softmax(logits)."""
    log_p = torch.log_softmax(logits, dim=-1)
    return -(log_p.exp() * log_p).sum(dim=-1)


def end_token_ids(loaded: LoadedModel) -> list[int]:
    """Tokens that end an answer: the model's and the tokenizer's."""
    of_model = base_model(loaded.model).generation_config.eos_token_id
    of_model = of_model if isinstance(of_model, list) else [of_model]
    return sorted({int(token) for token in (*of_model, loaded.tokenizer.eos_token_id) if token is not None})


def _pad_token_id(loaded: LoadedModel) -> int:
    pad = loaded.tokenizer.pad_token_id
    return end_token_ids(loaded)[0] if pad is None else int(pad)
