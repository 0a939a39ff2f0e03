"""Completions for a batch of prompts: each prompt is encoded once and its cache shared by its group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sayo_app.mllm.answering.decode import token_steps
from sayo_app.mllm.answering.forward import prefill
from sayo_app.mllm.attention.bias import SteerRequest
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import Batch
from training.data.completions import Completions


def draw(
    logits: Float[Tensor, "row vocabulary"],
    uniforms: Float[Tensor, " row"] | None,
    *,
    temperature: float,
    top_p: float,
) -> Int[Tensor, " row"]:
    """One token a row from the smallest set of likeliest tokens that holds `top_p`.

    A row's token depends on its own uniform number only, so a completion does not change with the
    batch it is drawn in. Without uniform numbers, or at temperature 0, the likeliest token.
    """
    if uniforms is None or temperature == 0:
        return logits.argmax(dim=-1)
    ranked, tokens = torch.softmax(logits / temperature, dim=-1).sort(dim=-1, descending=True, stable=True)
    before = ranked.cumsum(dim=-1) - ranked
    kept = torch.where(before < top_p, ranked, 0.0).cumsum(dim=-1)
    place = (kept <= uniforms[:, None] * kept[:, -1:]).sum(dim=-1, keepdim=True)
    last = (before < top_p).sum(dim=-1, keepdim=True) - 1
    return tokens.gather(1, torch.minimum(place, last)).squeeze(1)


def group_uniforms(
    seeds: Sequence[tuple[int, ...]], num_generations: int, tokens: int
) -> Float[Tensor, "row token"]:
    """The random numbers of a rollout: a group's depend on its own seed words and nothing else."""
    return torch.cat([_uniforms(words, num_generations, tokens) for words in seeds])


def _uniforms(words: tuple[int, ...], rows: int, tokens: int) -> Float[Tensor, "row token"]:
    seed = 0
    for word in words:
        seed = (seed * 1_000_003 + word) % 2**63
    return torch.rand(rows, tokens, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def generate(
    loaded: LoadedModel,
    batch: Batch,
    *,
    max_new_tokens: int,
    num_generations: int = 1,
    uniforms: Float[Tensor, "row token"] | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
    steer: SteerRequest | None = None,
    check: Callable[[], None] = lambda: None,
) -> Completions:
    """Complete every prompt `num_generations` times; greedy without uniform numbers.

    Image tokens are never drawn: the next forward would look for their picture and fail.

    Args:
        steer: a bias on attention while completing; its columns and queries are the batch's.
        check: called before every token; may raise to stop.
    """
    prefix = prefill(loaded.model, batch.inputs, batch.positions, copies=num_generations, sayo_steer=steer)
    numbers = None if uniforms is None else iter(uniforms.to(batch.input_ids.device).T)

    def choose(logits: Float[Tensor, "row vocabulary"]) -> Int[Tensor, " row"]:
        check()
        mine = None if numbers is None else next(numbers)
        return draw(logits, mine, temperature=temperature, top_p=top_p)

    columns, running = [], []
    for step in token_steps(loaded, prefix, choose, max_new_tokens=max_new_tokens, sayo_steer=steer):
        columns.append(step.token_ids)
        running.append(step.running)
    ids, mask = torch.stack(columns, dim=1), torch.stack(running, dim=1)
    texts = loaded.tokenizer.batch_decode(
        [row[kept] for row, kept in zip(ids, mask, strict=True)], skip_special_tokens=True
    )
    return Completions(ids, mask, tuple(texts), num_generations)
