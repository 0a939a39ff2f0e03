from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import BatchFeature

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.errors import AdapterError, ModelError, QuestionError
from sayo_app.mllm.answering.chat import Chunk, TokenText, answer
from sayo_app.mllm.answering.decode import Sampling, decode, entropy
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.attention.capture import CaptureRequest
from sayo_app.mllm.models.loading import LoadedModel
from tests.conftest import EVERY_FAMILY
from tests.mllm.helpers import by_layer, noise, reference_attention, with_completion

QUESTION = "What is left of the cat?"


def last(loaded: LoadedModel, picture: Image.Image, **kwargs: Any) -> tuple[Chunk, AttentionTrace]:
    *_, chunk = answer(loaded, [picture], QUESTION, **({"max_new_tokens": 12} | kwargs))
    assert chunk.trace is not None
    return chunk, chunk.trace


def test_chunks_grow_by_a_token_and_end_with_a_trace(loaded: LoadedModel, picture: Image.Image) -> None:
    chunks = list(answer(loaded, [picture], QUESTION, max_new_tokens=6))
    assert [len(chunk.tokens) for chunk in chunks] == [1, 2, 3, 4, 5, 6, 6]
    assert [chunk.done for chunk in chunks] == [False] * 6 + [True]
    assert [chunk.trace is None for chunk in chunks] == [True] * 6 + [False]
    trace = chunks[-1].trace
    assert trace is not None and trace.attention.shape == (5, 3, 24) and trace.layers == (0, 1, 2)
    assert trace.depth == 3 and trace.grid.grid_hw == (4, 6) and trace.grid.image_wh == picture.size
    assert trace.sink_mask is not None and trace.sink_mask.all(), "64 coordinates: none can exceed 8"
    assert "".join(trace.tokens) == loaded.tokenizer.decode(trace.token_ids)


@torch.no_grad()
def test_row_i_has_token_i_as_the_query(any_loaded: LoadedModel, any_eager: Any) -> None:
    """Two pictures, teacher-forced eager attention at the same positions; one position off is another map."""
    pictures = [noise((96, 64)), noise((48, 112), seed=1)]
    *_, chunk = answer(any_loaded, pictures, QUESTION, max_new_tokens=12)
    trace, prompt = chunk.trace, build_inputs(any_loaded, pictures, QUESTION)
    assert trace is not None and trace.layers == tuple(any_loaded.attention_layers)
    count, length = len(trace.tokens), prompt["input_ids"].shape[1]
    whole = with_completion(any_loaded, prompt, torch.tensor([trace.token_ids]))
    columns = any_loaded.image_columns(whole["input_ids"])[0]
    assert count > 4 and [grid.image_wh for grid in trace.grids] == [(96, 64), (48, 112)]
    assert sum(grid.n_tokens for grid in trace.grids) == int(columns.sum())
    output = any_eager(**whole, output_attentions=True)
    for layer, attention in by_layer(any_eager, output.attentions).items():
        if layer not in trace.layers:
            continue
        rows = attention[0].mean(dim=0)[:, columns].numpy()
        got = trace.attention[:, trace.layers.index(layer)]
        np.testing.assert_allclose(got, rows[length : length + count - 1], rtol=0, atol=1e-5)
        assert np.abs(got - rows[length - 1 : length + count - 2]).max() > 1e-3
    logits = output.logits[0, length - 1 : length - 1 + count]
    probabilities = torch.softmax(logits, dim=-1)
    entropies = -(probabilities * probabilities.log()).sum(dim=-1)
    np.testing.assert_allclose(trace.entropies, entropies.numpy(), rtol=1e-3)


def test_the_last_chunk_says_why_there_is_no_more(fresh: LoadedModel, picture: Image.Image) -> None:
    assert last(fresh, picture, max_new_tokens=3)[0].ended == "length"
    assert last(fresh, picture, on_stop=lambda: True)[0].ended == "stopped"
    *_, chunk = answer(fresh, [picture], QUESTION, max_new_tokens=3)
    fresh.model.generation_config.eos_token_id = chunk.trace.token_ids[1]  # type: ignore[union-attr]
    ended, trace = last(fresh, picture, on_stop=lambda: False)
    assert (ended.ended, len(trace.tokens)) == ("model", 2)
    # At the very last token that was allowed, it ended by itself.
    assert last(fresh, picture, max_new_tokens=2)[0].ended == "model"


def test_entropy_by_hand() -> None:
    """Odds 1:1:2 are 1/4, 1/4, 1/2: (2 + 2 + 1) / ... = 1.5 bits; certainty has none."""
    logits = torch.tensor([[0.0, 0.0, np.log(2.0)], [0.0, 0.0, 200.0]])
    assert entropy(logits).tolist() == pytest.approx([1.5 * np.log(2.0), 0.0], abs=1e-6)


@EVERY_FAMILY
@torch.no_grad()
def test_greedy_tokens_are_those_of_generate_and_rows_those_of_eager(
    any_loaded: LoadedModel, any_eager: Any, any_batch: BatchFeature
) -> None:
    """In a left-padded batch with pictures of different sizes, with and without capture."""
    suppressed = list(any_loaded.family.never_sampled(any_loaded.config))
    wanted = any_eager.generate(**any_batch, max_new_tokens=12, do_sample=False, suppress_tokens=suppressed)
    length = any_batch["input_ids"].shape[1]
    layers = frozenset(any_loaded.attention_layers)
    request = CaptureRequest(layers, any_loaded.image_columns(any_batch["input_ids"]), decoding=True)
    for capture in (None, request):
        steps = list(decode(any_loaded, any_batch, max_new_tokens=12, capture=capture))
        ids = torch.stack([step.token_ids for step in steps], dim=1)
        assert torch.equal(ids, wanted[:, length:])
    whole = with_completion(any_loaded, any_batch, ids)
    attention = reference_attention(any_eager, whole)
    columns = any_loaded.image_columns(whole["input_ids"])
    for layer, rows in request.rows.items():
        assert rows.shape[1] == ids.shape[1] - 1
        for row, column in enumerate(columns):
            wanted_rows = attention[layer][row].mean(dim=0)[length:-1, column]
            got = rows[row, :, : int(column.sum())]
            torch.testing.assert_close(got, wanted_rows, rtol=0, atol=1e-5)


def bias_logits(loaded: LoadedModel, token_id: int, by: float) -> Any:
    """Push one token's logit; returns the hook's handle."""

    def push(_module: Any, _inputs: Any, logits: torch.Tensor) -> torch.Tensor:
        pushed = logits.clone()
        pushed[..., token_id] += by
        return pushed

    return loaded.model.lm_head.register_forward_hook(push)


@pytest.mark.parametrize("temperature", [0.0, 1.0, 5.0])
def test_image_tokens_are_never_sampled(fresh: LoadedModel, picture: Image.Image, temperature: float) -> None:
    bias_logits(fresh, fresh.image_token_id, 1000.0)
    _, trace = last(fresh, picture, temperature=temperature)
    assert not set(trace.token_ids) & set(fresh.family.never_sampled(fresh.config))
    assert len(fresh.family.never_sampled(fresh.config)) == 4


def test_an_answer_ends_with_its_end_token(fresh: LoadedModel, picture: Image.Image) -> None:
    bias_logits(fresh, fresh.tokenizer.eos_token_id, 1000.0)
    chunk, trace = last(fresh, picture)
    assert trace.tokens == ("<|im_end|>",) and chunk.text == "" and trace.steps == ()
    assert trace.attention.shape == (0, 3, 24) and trace.entropies.shape == (1,)


def test_sequences_end_apart(fresh: LoadedModel, batch: BatchFeature) -> None:
    """A sequence that has ended is padded while the others go on."""
    first = next(decode(fresh, batch, max_new_tokens=1)).token_ids
    fresh.model.generation_config.eos_token_id = [int(first[0])]
    steps = list(decode(fresh, batch, max_new_tokens=4))
    ended = [bool(token == first[0]) for token in first]
    assert steps[0].finished.tolist() == ended
    assert all(bool(step.token_ids[0] == fresh.tokenizer.pad_token_id) for step in steps[1:])


def test_sampling_is_seeded(loaded: LoadedModel, picture: Image.Image) -> None:
    ids = [last(loaded, picture, temperature=1.0, seed=seed)[1].token_ids for seed in (0, 0, 1)]
    assert ids[0] == ids[1] != ids[2]
    assert Sampling() == Sampling(temperature=0.0, seed=0)


def test_stopping_keeps_what_was_said(loaded: LoadedModel, picture: Image.Image) -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) == 3

    _, trace = last(loaded, picture, on_stop=stop)
    assert len(trace.tokens) == 3 and trace.attention.shape[0] == 2


def test_sinks_are_marked(fresh: LoadedModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """RMSNorm of 64 coordinates is at most 8, so the threshold is lowered; one image token is blown up."""
    monkeypatch.setattr("sayo_app.mllm.answering.chat.SINK_THRESHOLD", 7.9)
    start = int(fresh.image_columns(build_inputs(fresh, [picture], QUESTION)["input_ids"])[0].int().argmax())

    def blow_up(_module: Any, _inputs: Any, states: torch.Tensor) -> torch.Tensor:
        states = states.clone()
        if states.shape[1] > 1:
            states[0, start + 5, 3] += 1e4
        return states

    fresh.family.decoder_layers(fresh.model)[0].register_forward_hook(blow_up)
    _, trace = last(fresh, picture)
    assert trace.sink_mask is not None and np.flatnonzero(~trace.sink_mask).tolist() == [5]


def test_answers_take_turns(loaded: LoadedModel, picture: Image.Image) -> None:
    """Two threads, two pictures: each gets what it gets alone."""
    pictures = [picture, noise((48, 112), seed=1)]
    alone = [last(loaded, it)[1].token_ids for it in pictures]
    together: dict[int, tuple[int, ...]] = {}

    def ask(index: int) -> None:
        together[index] = last(loaded, pictures[index])[1].token_ids

    threads = [threading.Thread(target=ask, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [together[0], together[1]] == alone and alone[0] != alone[1]


def test_a_stream_left_half_way_frees_the_model(loaded: LoadedModel, picture: Image.Image) -> None:
    """On another thread than it began on, as a web server does it. Gradients stay on for the caller."""
    stream = answer(loaded, [picture], QUESTION, max_new_tokens=4)
    next(stream)
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    closer = threading.Thread(target=stream.close)  # type: ignore[attr-defined]
    closer.start()
    closer.join(10)
    assert not loaded.lock.locked()


def test_errors_come_at_once_and_free_the_model(loaded: LoadedModel, picture: Image.Image) -> None:
    with pytest.raises(QuestionError):
        answer(loaded, [picture], "  ", max_new_tokens=4)
    with pytest.raises(AdapterError, match="nobody"):
        next(answer(loaded, [picture], QUESTION, max_new_tokens=4, adapter="nobody"))
    assert not loaded.lock.locked()


def test_control_tokens_of_any_family_are_not_shown(any_loaded: LoadedModel) -> None:
    """The piece of each token is kept, and the text does without what the tokenizer marks as special."""
    pieces = TokenText(any_loaded)
    for token_id in [*any_loaded.tokenizer("A cat.", add_special_tokens=False).input_ids, 2, 3]:
        pieces.add(token_id)
    assert pieces.text == "A cat." and "".join(pieces.tokens).startswith("A cat.<|im_end|><")


@pytest.mark.parametrize("text", ["The dog. <answer>cat</answer><|im_end|>", "naïve 🐈 cats 猫!", "🐈"])
def test_pieces_join_to_the_text(loaded: LoadedModel, text: str) -> None:
    """One piece a token even where a character takes several."""
    pieces = TokenText(loaded)
    ids = loaded.tokenizer(text).input_ids
    for token_id in ids:
        pieces.add(token_id)
    pieces.finish()
    assert "".join(pieces.tokens) == text and len(pieces.tokens) == len(ids)
    assert pieces.text == text.removesuffix("<|im_end|>")


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_pieces_of_any_tokens_join_to_their_text(any_loaded: LoadedModel, data: st.DataObject) -> None:
    """Halves of characters, control tokens, pictures' placeholders: as if they were decoded together."""
    ids = data.draw(st.lists(st.integers(0, len(any_loaded.tokenizer) - 1), max_size=60))
    pieces = TokenText(any_loaded)
    for token_id in ids:
        pieces.add(token_id)
    pieces.finish()
    whole = any_loaded.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert "".join(pieces.tokens) == whole and len(pieces.tokens) == len(ids)


def test_a_long_answer_is_decoded_in_linear_time(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    plain = TokenText._decoded

    def counted(self: TokenText, token_ids: list[int]) -> str:
        decoded.append(len(token_ids))
        return plain(self, token_ids)

    monkeypatch.setattr(TokenText, "_decoded", counted)
    pieces = TokenText(loaded)
    ids = loaded.tokenizer("naïve 🐈 cats 猫! The dog. " * 100).input_ids
    for token_id in ids:
        pieces.add(token_id)
    assert sum(decoded) < 12 * len(ids)


@pytest.mark.parametrize("at", ["the prompt", "a token"])
@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried\nmore"), RuntimeError("not enough memory")],
)
def test_too_little_memory_is_told_and_the_model_goes_on(
    fresh: LoadedModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch, at: str, error: Exception
) -> None:
    plain, calls = fresh.model.forward, []

    def forward(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == (1 if at == "the prompt" else 3):
            raise error
        return plain(*args, **kwargs)

    monkeypatch.setattr(fresh.model, "forward", forward)
    with pytest.raises(ModelError, match=r"memory of cpu.*smaller picture.*--max-new-tokens") as told:
        list(answer(fresh, [picture], QUESTION, max_new_tokens=6))
    assert told.value.__cause__ is None and "\n" not in str(told.value)
    assert len(list(answer(fresh, [picture], QUESTION, max_new_tokens=3))) > 1


def test_what_else_a_processor_returns_is_not_asked_of_the_model(
    fresh: LoadedModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = fresh.processor.__call__

    class Chatty:
        def __getattr__(self, name: str) -> Any:
            return getattr(plain.__self__, name)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            inputs = plain(*args, **kwargs)
            inputs["labels"] = inputs["input_ids"]
            return inputs

    wanted = build_inputs(fresh, [picture], QUESTION)
    monkeypatch.setattr(fresh, "processor", Chatty())
    assert build_inputs(fresh, [picture], QUESTION).keys() == wanted.keys()


def test_a_character_cut_short_is_shown_as_such(loaded: LoadedModel) -> None:
    pieces = TokenText(loaded)
    for token_id in loaded.tokenizer("a 🐈").input_ids[:-1]:
        pieces.add(token_id)
    pieces.finish()
    assert pieces.text.startswith("a ") and pieces.text.endswith("\ufffd")
