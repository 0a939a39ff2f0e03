"""Softmax rows by themselves: of short types, with what models add to plain attention."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sayo_app.errors import CaptureError, ModelLoadError
from sayo_app.mllm.answering.chat import answer
from sayo_app.mllm.attention import capture, scores
from sayo_app.mllm.attention.capture import CaptureRequest
from sayo_app.mllm.attention.scores import Scores, refuse_unknown
from sayo_app.mllm.models.loading import load_model
from sayo_app.settings import Settings
from tests.families import build
from tests.mllm.conftest import load_eager
from tests.mllm.helpers import by_layer, noise, padded_batch, prompt_alone

ALL = slice(None)
SINKS = torch.tensor([0.5, -1.0, 3.0, 0.0])


def given(dtype: torch.dtype = torch.float32, spread: float = 1.0, queries: int = 6) -> tuple[Tensor, ...]:
    """Query, key and value of two sequences, four heads, two of which share their keys."""
    source = torch.Generator().manual_seed(0)
    shapes = ((2, 4, queries, 8), (2, 2, 9, 8), (2, 2, 9, 5))
    drawn = [torch.randn(shape, generator=source) * spread for shape in shapes]
    return tuple(it.to(dtype) for it in drawn)


def by_hand(query: Tensor, key: Tensor, scale: float, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Weights by their definition, in float64: softmax(change(q k / scale)) over keys, sinks dropped."""
    shared = key.double().repeat_interleave(2, dim=1)
    changed = change(query.double() @ shared.transpose(2, 3) * scale)
    return (changed.exp() / changed.exp().sum(-1, keepdim=True))[..., : key.shape[2]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_types_lose_nothing_in_the_softmax(dtype: torch.dtype) -> None:
    """Scores of up to 200, as trained models have; in bfloat16 they would be off by a half."""
    query, key, _ = given(dtype, spread=6.0)
    scale = 0.6
    wanted = by_hand(query, key, scale, lambda it: it - it.amax(-1, keepdim=True))
    assert (query.double() @ key.double().repeat_interleave(2, 1).transpose(2, 3) * scale).abs().max() > 100
    got = Scores(query, key, None, scale, causal=False).weights(ALL)
    assert got.dtype == torch.float32 and (wanted > 1e-4).sum() > 30
    torch.testing.assert_close(got.double(), wanted, rtol=1e-4, atol=1e-9)


def test_what_a_model_adds_is_honoured() -> None:
    query, key, value = given()
    bias = torch.randn(1, 4, 6, 9, generator=torch.Generator().manual_seed(1))

    def sunk(it: Tensor) -> Tensor:
        return torch.cat([it, SINKS.double()[None, :, None, None].expand(2, 4, 6, 1)], dim=-1)

    cases: list[tuple[dict[str, Any], Callable[[Tensor], Tensor]]] = [
        ({"softcap": 1.5}, lambda it: 1.5 * (it / 1.5).tanh()),
        ({"sinks": SINKS}, sunk),
        ({"position_bias": bias}, lambda it: it + bias),
        ({"position_bias": bias, "bias": lambda rows: 2 * bias[:, :, rows]}, lambda it: it + 3 * bias),
        (
            {"softcap": 1.5, "sinks": SINKS, "position_bias": bias},
            lambda it: sunk(1.5 * (it / 1.5).tanh() + bias),
        ),
    ]
    for fields, change in cases:
        wanted = by_hand(query, key, 0.5, change)
        one = Scores(query, key, None, 0.5, causal=False, **fields)
        torch.testing.assert_close(one.weights(ALL).double(), wanted, rtol=0, atol=1e-6)
        torch.testing.assert_close(one.weights(slice(2, 4)).double(), wanted[:, :, 2:4], rtol=0, atol=1e-6)
        output = (wanted @ value.double().repeat_interleave(2, dim=1)).transpose(1, 2)
        torch.testing.assert_close(one.output(value).double(), output, rtol=0, atol=1e-6)
    assert Scores(query, key, None, 0.5, causal=False, sinks=SINKS).weights(ALL).sum(-1).max() < 1


def test_a_masked_key_gets_nothing_and_a_masked_row_is_uniform() -> None:
    query, key, _ = given(torch.bfloat16)
    mask = torch.ones(2, 1, 6, 9, dtype=torch.bool)
    mask[:, :, :, 7:] = False
    mask[0, :, 3] = False
    added = torch.where(mask, 0.0, torch.finfo(torch.bfloat16).min).to(torch.bfloat16)
    for one in (mask, added):
        weights = Scores(query, key, one, 0.5, causal=True).weights(ALL)
        assert (weights[1, :, :, 7:] == 0).all()
        torch.testing.assert_close(weights[0, :, 3], torch.full((4, 9), 1 / 9))
        assert weights.isfinite().all()


def test_output_and_gradients_are_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """With sinks and soft-capping, which SDPA knows nothing of."""
    module = nn.Module()
    module.layer_idx = 1  # type: ignore[assignment]

    def run() -> list[Tensor]:
        query, key, value = (it.requires_grad_() for it in given(queries=9))
        sinks = SINKS.clone().requires_grad_()
        request = CaptureRequest(frozenset({1}), torch.ones(2, 9, dtype=torch.bool))
        output, _ = capture.attention(
            module, query, key, value, None, sayo_capture=request, softcap=3.0, s_aux=sinks
        )
        (output.square().sum() + request.rows[1].square().sum()).backward()
        grads = [it.grad for it in (query, key, value, sinks)]
        assert all(it is not None for it in grads)
        return [output.detach(), request.rows[1].detach(), *(it for it in grads if it is not None)]

    whole = run()
    monkeypatch.setattr(scores, "CHUNK_BYTES", 2 * 4 * 2 * 4 * 9)
    for one, other in zip(run(), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_one_query_and_many_give_the_same_output() -> None:
    module = nn.Module()
    module.layer_idx = 1  # type: ignore[assignment]
    query, key, value = given(queries=9)
    many, _ = capture.attention(module, query, key, value, None, softcap=3.0, s_aux=SINKS)
    one, _ = capture.attention(module, query[:, :, -1:], key, value, None, softcap=3.0, s_aux=SINKS)
    torch.testing.assert_close(one, many[:, -1:], rtol=0, atol=1e-6)


def test_a_keyword_that_nobody_has_heard_of_is_refused() -> None:
    refuse_unknown({"position_ids": 1, "novel": None, "softcap": 2.0, "cu_seq_lens_q": None})
    with pytest.raises(CaptureError, match="also given another, novel"):
        refuse_unknown({"novel": 0.5, "another": False, "position_ids": 1})


def test_a_model_that_gives_one_is_refused_at_load(
    tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.qwen3_vl import modeling_qwen3_vl

    plain = modeling_qwen3_vl.Qwen3VLTextAttention.forward

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return plain(self, *args, novel_gate=torch.ones(1), **kwargs)

    monkeypatch.setattr(modeling_qwen3_vl.Qwen3VLTextAttention, "forward", forward)
    with pytest.raises(ModelLoadError, match="novel_gate"):
        load_model(Settings(model=str(tiny_model_dir), device="cpu"))


@pytest.mark.parametrize("kind", ["internvl_gpt_oss", "llava_gemma2"])
def test_rows_and_answers_of_models_with_sinks_and_soft_capping_are_theirs(tmp_path: Path, kind: str) -> None:
    folder = build(kind, tmp_path)
    loaded, eager = load_model(Settings(model=str(folder), device="cpu")), load_eager(folder)
    batch = padded_batch(loaded)
    columns = loaded.image_columns(batch["input_ids"])
    request = CaptureRequest(frozenset(loaded.attention_layers), columns)
    with torch.no_grad():
        logits = loaded.model(**batch, sayo_capture=request).logits
        theirs = eager(**batch, output_attentions=True)
    attention = by_layer(eager, theirs.attentions)
    assert set(request.rows) == {1, 3}
    for layer, rows in request.rows.items():
        for row in range(3):
            real = batch["attention_mask"][row].bool()
            wanted = attention[layer][row].mean(dim=0)[real][:, columns[row]]
            torch.testing.assert_close(rows[row][real, : wanted.shape[1]], wanted, rtol=0, atol=1e-5)
    kept = batch["attention_mask"].bool()
    torch.testing.assert_close(logits[kept], theirs.logits[kept], rtol=0, atol=1e-4)

    *_, last = answer(loaded, [noise((96, 64))], "Which is larger?", max_new_tokens=6)
    alone = prompt_alone(loaded, 0)
    generated = eager.generate(**alone, max_new_tokens=6, do_sample=False)[0, alone["input_ids"].shape[1] :]
    assert last.trace is not None and list(last.trace.token_ids) == generated.tolist()
