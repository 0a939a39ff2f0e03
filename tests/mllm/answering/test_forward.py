"""Tokens fed behind a shared prompt, in pieces or in one pass with it: the logits of a plain forward."""

from __future__ import annotations

import torch
from transformers import BatchFeature

from sayo_app.mllm.answering.decode import pad_token_id
from sayo_app.mllm.answering.forward import feed, prefill, read_prompt, whole_pass
from sayo_app.mllm.models.loading import LoadedModel
from tests.mllm.helpers import padded_batch, with_completion

CLOSE = {"rtol": 0.0, "atol": 2e-4}


@torch.no_grad()
def test_pieces_on_a_shared_prompt_are_one_whole_pass(
    any_loaded: LoadedModel, any_batch: BatchFeature
) -> None:
    """Three prompts of unequal length, two rows each; the second row of the first ends early."""
    model, family = any_loaded.model, any_loaded.family
    tail = torch.randint(10, 300, (6, 5), generator=torch.Generator().manual_seed(1))
    tail[1, 2:] = pad_token_id(any_loaded)
    prefix = prefill(model, any_batch, family.positions(model, any_batch), copies=2)
    start, length = prefix.next_position, any_batch["input_ids"].shape[1]
    first = prefix.logits
    fed = [feed(model, prefix, tail[:, :2], keep=2), feed(model, prefix, tail[:, 2:], keep=3)]
    in_pieces = torch.cat([first[:, None], *fed], dim=1)
    assert prefix.mask.shape == (6, length + 5) and torch.equal(prefix.next_position, start + 5)

    alone = padded_batch(any_loaded, repeats=2)
    positions = family.positions(model, alone)
    together = whole_pass(model, alone, positions, tail, keep=6)
    plain = model(**with_completion(any_loaded, alone, tail)).logits[:, -6:].float()
    torch.testing.assert_close(together, plain, **CLOSE)
    torch.testing.assert_close(in_pieces, plain, **CLOSE)


def test_a_prompt_is_read_without_a_gradient_and_only_the_last_logits_are_kept(
    loaded: LoadedModel, batch: BatchFeature
) -> None:
    prefix = read_prompt(loaded, batch)
    assert prefix.logits.shape == (3, loaded.config.get_text_config().vocab_size)
    assert not prefix.logits.requires_grad and prefix.axes == (3,)
    with torch.no_grad():
        assert feed(loaded.model, prefix, torch.full((3, 4), 11)).shape[:2] == (3, 1)
