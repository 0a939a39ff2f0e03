"""One token after another: the prompt once, then a forward a token on its cache, rows read on the way.

A loop of the project's own, since `generate` refuses keyword arguments that it does not know and streams
only through a second thread. Greedy tokens are those of `generate`; a test holds that. How a token is chosen
is the caller's: here by one generator of random numbers, in training by a number for each row and token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sayo_app.mllm.answering.forward import Prefix, feed, read_prompt
from sayo_app.mllm.attention.bias import SteerRequest
from sayo_app.mllm.attention.capture import CaptureRequest
from sayo_app.mllm.models.family import base_model
from sayo_app.mllm.models.loading import LoadedModel

Choose = Callable[[Float[Tensor, "row vocabulary"]], Int[Tensor, " row"]]


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn: temperature 0 takes the likeliest one."""

    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class TokenStep:
    """One token a row.

    Attributes:
        token_ids: the pad token in rows that ended before.
        logits: what it was chosen by, before anything was suppressed.
        running: True for a row that had not ended before this token.
        finished: True for a row that has ended, with this token or before.
    """

    token_ids: Int[Tensor, " row"]
    logits: Float[Tensor, "row vocabulary"]
    running: Bool[Tensor, " row"]
    finished: Bool[Tensor, " row"]

    @property
    def entropies(self) -> Float[Tensor, " row"]:
        """Nats, of the model's own distribution: temperature 1, nothing suppressed."""
        return entropy(self.logits)


def decode(
    loaded: LoadedModel,
    inputs: Mapping[str, Any],
    *,
    max_new_tokens: int,
    sampling: Sampling | None = None,
    capture: CaptureRequest | None = None,
    steer: SteerRequest | None = None,
    prefix: Prefix | None = None,
) -> Iterator[TokenStep]:
    """Yield tokens until every row has ended or `max_new_tokens` are out.

    Args:
        inputs: from `build_inputs`, or a left-padded batch of the same keys.
        capture: a request with `decoding=True`. After n tokens it holds n - 1 rows: row i has token i as
            the query, and the last token is never fed.
        steer: biases the attention of every forward, the prompt's included where it says so.
        prefix: what `read_prompt` gave for these inputs, where it is known; it grows.

    Gradients are off within a step and untouched between steps, where the caller runs.
    """
    sampling = sampling or Sampling()
    generator = torch.Generator(device=loaded.device).manual_seed(sampling.seed)
    choose = partial(draw, sampling=sampling, generator=generator)
    prefix = prefix or read_prompt(loaded, inputs, sayo_steer=steer)
    yield from token_steps(
        loaded, prefix, choose, max_new_tokens=max_new_tokens, sayo_capture=capture, sayo_steer=steer
    )


def token_steps(
    loaded: LoadedModel, prefix: Prefix, choose: Choose, *, max_new_tokens: int, **requests: Any
) -> Iterator[TokenStep]:
    """Choose a token a row and feed it, until every row has ended or `max_new_tokens` are out.

    Args:
        choose: gets logits, once a token. Tokens that stand for a picture have no probability: the next
            forward would look for their picture and fail.
    """
    ends = torch.tensor(end_token_ids(loaded), device=loaded.device)
    never = torch.tensor(loaded.family.never_sampled(loaded.config), device=loaded.device)
    pad, logits = pad_token_id(loaded), prefix.logits
    running = torch.ones(len(logits), dtype=torch.bool, device=loaded.device)
    for index in range(max_new_tokens):
        token_ids = choose(logits.index_fill(1, never, -torch.inf)).masked_fill(~running, pad)
        finished = ~running | torch.isin(token_ids, ends)
        yield TokenStep(token_ids, logits, running, finished)
        running = ~finished
        if index + 1 == max_new_tokens or not bool(running.any()):
            return
        with torch.no_grad():
            logits = feed(loaded.model, prefix, token_ids[:, None], **requests)[:, -1]


def draw(
    logits: Float[Tensor, "row vocabulary"], sampling: Sampling, generator: torch.Generator
) -> Int[Tensor, " row"]:
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


def pad_token_id(loaded: LoadedModel) -> int:
    """What stands where nothing is read; any known token will do."""
    pad = loaded.tokenizer.pad_token_id
    return end_token_ids(loaded)[0] if pad is None else int(pad)
