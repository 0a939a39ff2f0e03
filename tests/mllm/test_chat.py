from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import BatchFeature, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from sayo_app.core.trace import AttentionTrace
from sayo_app.errors import AdapterError, QuestionError
from sayo_app.mllm.capture import CaptureRequest
from sayo_app.mllm.chat import Chunk, TokenText, answer
from sayo_app.mllm.decode import Sampling, decode, entropy
from sayo_app.mllm.loading import LoadedModel, load_model
from sayo_app.mllm.prompt import build_inputs
from sayo_app.settings import Settings
from tests.mllm.helpers import noise, reference_rows
from tests.tiny import build_config, build_tokenizer

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
def test_row_i_has_token_i_as_the_query(loaded: LoadedModel, eager: Any, picture: Image.Image) -> None:
    """Teacher-forced eager attention at the same positions; one position off is another picture."""
    _, trace = last(loaded, picture)
    prompt = build_inputs(loaded, [picture], QUESTION)
    length = prompt["input_ids"].shape[1]
    whole = dict(prompt) | {
        "input_ids": torch.cat([prompt["input_ids"], torch.tensor([trace.token_ids])], dim=1),
        "attention_mask": torch.ones(1, length + 12, dtype=torch.long),
        "mm_token_type_ids": torch.nn.functional.pad(prompt["mm_token_type_ids"], (0, 12)),
    }
    for layer in range(3):
        rows = reference_rows(eager, whole, layer).numpy()
        np.testing.assert_allclose(trace.attention[:, layer], rows[length : length + 11], rtol=0, atol=1e-5)
        off_by_one = np.abs(trace.attention[:, layer] - rows[length - 1 : length + 10]).max()
        assert off_by_one > 1e-3
    logits = eager(**whole).logits[0, length - 1 : length + 11]
    probabilities = torch.softmax(logits, dim=-1)
    entropies = -(probabilities * probabilities.log()).sum(dim=-1)
    np.testing.assert_allclose(trace.entropies, entropies.numpy(), rtol=1e-4)


def test_entropy_by_hand() -> None:
    """Odds 1:1:2 are 1/4, 1/4, 1/2: (2 + 2 + 1) / ... = 1.5 bits; certainty has none."""
    logits = torch.tensor([[0.0, 0.0, np.log(2.0)], [0.0, 0.0, 200.0]])
    assert entropy(logits).tolist() == pytest.approx([1.5 * np.log(2.0), 0.0], abs=1e-6)


@torch.no_grad()
def test_greedy_tokens_are_those_of_generate(loaded: LoadedModel, eager: Any, batch: BatchFeature) -> None:
    """In a left-padded batch with pictures of different sizes, with and without capture."""
    suppressed = list(loaded.family.never_sampled(loaded.config))
    wanted = eager.generate(**batch, max_new_tokens=16, do_sample=False, suppress_tokens=suppressed)
    wanted = wanted[:, batch["input_ids"].shape[1] :]
    columns = loaded.image_columns(batch["input_ids"])
    for request in (None, CaptureRequest(frozenset({2}), columns, decoding=True)):
        steps = list(decode(loaded, batch, max_new_tokens=16, capture=request))
        assert torch.equal(torch.stack([step.token_ids for step in steps], dim=1), wanted)
    rows = request.rows[2] if request else None
    assert rows is not None and rows.shape == (3, 15, 25)
    for row in range(3):
        _, alone = _decoded_alone(loaded, batch, row, 16)
        count = alone.shape[1]
        torch.testing.assert_close(rows[row, :, :count], alone, rtol=0, atol=1e-5)


def _decoded_alone(
    loaded: LoadedModel, batch: BatchFeature, row: int, tokens: int
) -> tuple[torch.Tensor, torch.Tensor]:
    real = batch["attention_mask"][row].bool()
    patches = torch.split(batch["pixel_values"], batch["image_grid_thw"].prod(dim=1).tolist())
    inputs = {
        key: batch[key][row : row + 1, real] for key in ("input_ids", "attention_mask", "mm_token_type_ids")
    }
    inputs |= {"pixel_values": patches[row], "image_grid_thw": batch["image_grid_thw"][row : row + 1]}
    request = CaptureRequest(frozenset({2}), loaded.image_columns(inputs["input_ids"]), decoding=True)
    steps = list(decode(loaded, inputs, max_new_tokens=tokens, capture=request))
    return torch.cat([step.token_ids for step in steps]), request.rows[2][0]


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
    monkeypatch.setattr("sayo_app.mllm.chat.SINK_THRESHOLD", 7.9)
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


def test_a_character_cut_short_is_shown_as_such(loaded: LoadedModel) -> None:
    pieces = TokenText(loaded)
    for token_id in loaded.tokenizer("a 🐈").input_ids[:-1]:
        pieces.add(token_id)
    pieces.finish()
    assert pieces.text.startswith("a ") and pieces.text.endswith("\ufffd")


@torch.no_grad()
def test_qwen2_5_vl_answers_with_exact_rows(tmp_path: Path, picture: Image.Image) -> None:
    """The older family: 14 px patches, windowed vision attention, the same grid rule."""
    tokenizer = build_tokenizer()
    config = build_config(tokenizer).to_dict()
    text = config["text_config"] | {"model_type": "qwen2_5_vl_text"}
    text["rope_parameters"] = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
    text.pop("head_dim")
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "patch_size": 14}
    vision |= {
        "out_hidden_size": 64,
        "window_size": 56,
        "fullatt_block_indexes": [1],
        "initializer_range": 0.2,
    }
    ids = {key: config[key] for key in config if key.endswith("_token_id")}
    torch.manual_seed(0)
    model = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **ids)
    )
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    size = {"shortest_edge": 4 * 28**2, "longest_edge": 48 * 28**2}
    Qwen2VLImageProcessorPil(patch_size=14, size=size).save_pretrained(tmp_path)

    loaded = load_model(Settings(model=str(tmp_path), device="cpu"))
    _, trace = last(loaded, picture.resize((168, 112)))
    assert not loaded.is_bundled and trace.grid.grid_hw == (4, 6)
    prompt = build_inputs(loaded, [picture.resize((168, 112))], QUESTION)
    length = prompt["input_ids"].shape[1]
    whole = dict(prompt) | {
        "input_ids": torch.cat([prompt["input_ids"], torch.tensor([trace.token_ids])], dim=1),
        "attention_mask": torch.ones(1, length + 12, dtype=torch.long),
        "mm_token_type_ids": torch.nn.functional.pad(prompt["mm_token_type_ids"], (0, 12)),
    }
    eager = Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path, attn_implementation="eager").eval()
    rows = reference_rows(eager, whole, 2).numpy()
    np.testing.assert_allclose(trace.attention[:, 2], rows[length : length + 11], rtol=0, atol=1e-5)
