"""Completions for a batch of prompts: each prompt is encoded once and its cache shared by its group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sayo_app.mllm.answering.decode import end_token_ids
from sayo_app.mllm.attention.bias import SteerRequest
from sayo_app.mllm.attention.cache import GraphCache
from sayo_app.mllm.models.families import base_model
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import Batch, collate, pad_id


@dataclass(frozen=True, eq=False)
class Completions:
    """`num_generations` completions a prompt, prompt by prompt, padded on the right.

    Attributes:
        mask: True up to and including the end token; False on padding.
        texts: without special tokens.
    """

    ids: Int[Tensor, "row token"]
    mask: Bool[Tensor, "row token"]
    texts: tuple[str, ...]
    num_generations: int


def prefill(
    model: torch.nn.Module, batch: Batch, num_generations: int, **kwargs: Any
) -> tuple[GraphCache, Float[Tensor, "row vocabulary"]]:
    """Encode each prompt once; its keys, values and next-token logits, repeated for its group."""
    cache = GraphCache(config=base_model(model).config)
    output = model(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        position_ids=batch.position_ids,
        mm_encoder_outputs={"image": batch.picture_features},
        **batch.text_inputs,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
        **kwargs,
    )
    # Unlike batch_repeat_interleave it knows the states of linear attention too.
    group: Any = torch.arange(len(batch.prompts), device=batch.input_ids.device)
    cache.reorder_cache(group.repeat_interleave(num_generations))
    return cache, output.logits[:, -1].float().repeat_interleave(num_generations, dim=0)


def extend(
    model: torch.nn.Module,
    batch: Batch,
    cache: GraphCache,
    ids: Int[Tensor, "row query"],
    num_generations: int,
    start: int,
    **kwargs: Any,
) -> Float[Tensor, "row query vocabulary"]:
    """Logits after completion tokens `start` to `start + query`, on a cache that holds all before them.

    Completion padding stands to the right of every real token of its row, so the causal mask hides it.
    """
    rows, queries = ids.shape
    prompt_mask = batch.attention_mask.repeat_interleave(num_generations, dim=0)
    offsets = torch.arange(start, start + queries, device=ids.device)
    positions = batch.next_position.repeat_interleave(num_generations)[:, None] + offsets
    output = model(
        input_ids=ids,
        attention_mask=torch.cat([prompt_mask, prompt_mask.new_ones(rows, start + queries)], dim=1),
        position_ids=positions.expand(*batch.position_ids.shape[:-2], -1, -1),
        past_key_values=cache,
        use_cache=True,
        **kwargs,
    )
    return output.logits.float()


def whole_pass(
    model: torch.nn.Module, batch: Batch, ids: Int[Tensor, "row query"], **kwargs: Any
) -> Float[Tensor, "row key vocabulary"]:
    """Logits of prompts and completions in one forward without a cache; a completion for each prompt."""
    new = ids.shape[1]
    offsets = batch.next_position[:, None] + torch.arange(new, device=ids.device)
    later = offsets.expand(*batch.position_ids.shape[:-2], -1, -1)
    pad = torch.nn.functional.pad
    output = model(
        input_ids=torch.cat([batch.input_ids, ids], dim=1),
        attention_mask=pad(batch.attention_mask, (0, new), value=True),
        position_ids=torch.cat([batch.position_ids, later], dim=-1),
        mm_encoder_outputs={"image": batch.picture_features},
        **{name: pad(value, (0, new)) for name, value in batch.text_inputs.items()},
        use_cache=False,
        **kwargs,
    )
    return output.logits.float()


def one_by_one(loaded: LoadedModel, batch: Batch, completions: Completions) -> tuple[Batch, Completions]:
    """The same completions, each with a prompt of its own."""
    prompts = [prompt for prompt in batch.prompts for _ in range(completions.num_generations)]
    return collate(loaded, prompts), replace(completions, num_generations=1)


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
    model, device = loaded.model, batch.input_ids.device
    cache, logits = prefill(model, batch, num_generations, sayo_steer=steer)
    rows = len(logits)
    ends = torch.tensor(end_token_ids(loaded), device=device)
    banned = list(loaded.family.never_sampled(loaded.config))
    numbers = None if uniforms is None else uniforms.to(device)
    ids = torch.full((rows, max_new_tokens), pad_id(loaded), device=device)
    mask = torch.zeros_like(ids, dtype=torch.bool)
    running = torch.ones(rows, dtype=torch.bool, device=device)
    for t in range(max_new_tokens):
        check()
        logits[:, banned] = -torch.inf
        drawn = draw(logits, None if numbers is None else numbers[:, t], temperature=temperature, top_p=top_p)
        ids[running, t] = drawn[running]
        mask[:, t] = running
        running = running & ~torch.isin(drawn, ends)
        if t + 1 == max_new_tokens or not running.any():
            break
        logits = extend(model, batch, cache, ids[:, t : t + 1], num_generations, t, sayo_steer=steer)[:, -1]
    longest = int(mask.sum(dim=1).max())
    ids, mask = ids[:, :longest], mask[:, :longest]
    texts = loaded.tokenizer.batch_decode(
        [row[kept] for row, kept in zip(ids, mask, strict=True)], skip_special_tokens=True
    )
    return Completions(ids, mask, tuple(texts), num_generations)
