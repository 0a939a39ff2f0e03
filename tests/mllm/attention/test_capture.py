from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BatchFeature

from sayo_app.errors import CaptureError
from sayo_app.mllm.attention import capture, scores
from sayo_app.mllm.attention.capture import CaptureRequest
from sayo_app.mllm.models.adapters import attach, lora_config
from sayo_app.mllm.models.loading import LoadedModel
from tests.conftest import EVERY_FAMILY
from tests.mllm.helpers import (
    SIZES_WH,
    by_layer,
    padded_batch,
    prompt_alone,
    reference_attention,
    reference_rows,
    with_completion,
)

CLOSE = {"rtol": 0.0, "atol": 1e-5}


def request_for(loaded: LoadedModel, inputs: Any, **kwargs: Any) -> CaptureRequest:
    layers = frozenset(loaded.attention_layers)
    return CaptureRequest(layers, loaded.image_columns(inputs["input_ids"]), **kwargs)


@EVERY_FAMILY
@torch.no_grad()
def test_rows_are_those_of_eager_attention_in_a_left_padded_batch(
    any_loaded: LoadedModel, any_eager: Any, any_batch: BatchFeature
) -> None:
    """Teacher-forced, pictures of different sizes, every layer with full attention."""
    request = request_for(any_loaded, any_batch)
    logits = any_loaded.model(**any_batch, sayo_capture=request).logits
    attention = reference_attention(any_eager, any_batch)
    columns = any_loaded.image_columns(any_batch["input_ids"])
    # Six layers of states and experts: what is summed in another order ends a little apart.
    rtol = 2e-3 if any_loaded.family.name == "qwen3_5_moe" else 0.0
    counts = request.image_mask.sum(dim=1).tolist()
    assert counts == [row[0].n_tokens for row in any_loaded.image_grids(any_batch, SIZES_WH)]
    assert set(request.rows) == set(any_loaded.attention_layers) != set()
    for layer, rows in request.rows.items():
        for row, count in enumerate(counts):
            real = any_batch["attention_mask"][row].bool()
            wanted = attention[layer][row].mean(dim=0)[real][:, columns[row]]
            torch.testing.assert_close(rows[row][real, :count], wanted, rtol=rtol, atol=CLOSE["atol"])
            assert (rows[row][:, count:] == 0).all() and wanted.max() > 0.01
    # Plain SDPA on the same patch embedding: a capture changes no number at all.
    any_eager.set_attn_implementation("sdpa")
    any_loaded.family.prepare(any_eager)
    kept = any_batch["attention_mask"].bool()
    torch.testing.assert_close(logits[kept], any_eager(**any_batch).logits[kept], rtol=0, atol=1e-5)


@torch.no_grad()
def test_padding_and_neighbours_do_not_change_a_row(any_loaded: LoadedModel, any_batch: BatchFeature) -> None:
    """A batch row gives what the same prompt gives alone: columns are looked up row by row."""
    family, model = any_loaded.family, any_loaded.model
    together = request_for(any_loaded, any_batch)
    model(**any_batch, position_ids=family.positions(model, any_batch)[0], sayo_capture=together)
    for row in range(3):
        alone = prompt_alone(any_loaded, row)
        single = request_for(any_loaded, alone)
        model(**alone, position_ids=family.positions(model, alone)[0], sayo_capture=single)
        real, count = any_batch["attention_mask"][row].bool(), int(single.image_mask.sum())
        for layer, rows in single.rows.items():
            torch.testing.assert_close(together.rows[layer][row][real, :count], rows[0], **CLOSE)


@torch.no_grad()
def test_only_the_asked_layers_and_queries_are_read(loaded: LoadedModel, batch: BatchFeature) -> None:
    whole = request_for(loaded, batch)
    loaded.model(**batch, sayo_capture=whole)
    columns = loaded.image_columns(batch["input_ids"])
    part = CaptureRequest(frozenset({2}), columns, queries=slice(-4, -1))
    loaded.model(**batch, sayo_capture=part)
    assert set(part.rows) == {2}
    torch.testing.assert_close(part.rows[2], whole.rows[2][:, -4:-1], **CLOSE)


@torch.no_grad()
def test_a_query_slice_is_causal_without_a_mask(loaded: LoadedModel, eager: Any) -> None:
    """One unpadded sequence: transformers passes no mask, and queries before the picture see none of it."""
    inputs = dict(prompt_alone(loaded, 1))
    inputs.pop("attention_mask")
    request = request_for(loaded, inputs, queries=slice(0, 12))
    loaded.model(**inputs, sayo_capture=request)
    torch.testing.assert_close(request.rows[1][0], reference_rows(eager, inputs, 1)[:12], **CLOSE)
    assert (request.rows[1][0, 0] == 0).all() and request.rows[1][0, 11].sum() > 0


@torch.no_grad()
def test_rows_on_a_shared_prompt_cache(any_loaded: LoadedModel, any_batch: BatchFeature) -> None:
    """Prompt encoded once, then several tokens at a time on its cache, two sequences a prompt."""
    family, model = any_loaded.family, any_loaded.model
    tail = torch.randint(10, 300, (6, 5), generator=torch.Generator().manual_seed(1))
    mask = any_batch["attention_mask"].repeat_interleave(2, dim=0)
    position_ids, after = family.positions(model, any_batch)
    cache = model(**any_batch, position_ids=position_ids, use_cache=True).past_key_values
    cache.reorder_cache(torch.arange(3).repeat_interleave(2))
    request = request_for(any_loaded, any_batch)
    positions = after.repeat_interleave(2)[:, None] + torch.arange(5)
    model(
        input_ids=tail,
        attention_mask=torch.cat([mask, mask.new_ones(6, 5)], dim=1),
        position_ids=positions.expand(*position_ids.shape[:-2], -1, -1),
        past_key_values=cache,
        sayo_capture=request,
    )
    whole = with_completion(any_loaded, padded_batch(any_loaded, repeats=2), tail)
    full = request_for(any_loaded, whole, queries=slice(-5, None))
    model(**whole, sayo_capture=full)
    for layer, rows in full.rows.items():
        torch.testing.assert_close(request.rows[layer], rows, **CLOSE)


def test_rows_under_peft(any_fresh: LoadedModel, any_eager: Any, any_batch: BatchFeature) -> None:
    config = lora_config(rank=4, alpha=8)
    config.init_lora_weights = False
    torch.manual_seed(0)
    plain = request_for(any_fresh, any_batch)
    with torch.no_grad():
        any_fresh.model(**any_batch, sayo_capture=plain)
    policy = attach(any_fresh.model, config).eval()
    reference = attach(any_eager, config).eval()
    reference.load_state_dict(policy.state_dict())
    request = request_for(any_fresh, any_batch)
    with torch.no_grad():
        policy(**any_batch, sayo_capture=request)
        attention = reference_attention(reference, any_batch)
    columns = any_fresh.image_columns(any_batch["input_ids"])[2]
    for layer, rows in request.rows.items():
        wanted = attention[layer][2].mean(dim=0)[-6:, columns]
        torch.testing.assert_close(rows[2, -6:, : wanted.shape[1]], wanted, **CLOSE)
        assert (rows - plain.rows[layer]).abs().max() > 1e-3, "the adapter must change the rows"


def test_gradients_of_rows_are_exact_under_checkpointing(
    any_fresh: LoadedModel, any_eager: Any, any_batch: BatchFeature
) -> None:
    """Non-reentrant checkpointing runs the forward again in the backward: same rows, same gradients."""
    layer, batch = any_fresh.attention_layers[-1], any_batch
    columns = any_fresh.image_columns(batch["input_ids"])
    width = int(columns.sum(dim=1).max())
    weight = torch.randn(3, width, generator=torch.Generator().manual_seed(0))
    real = batch["attention_mask"][:, :, None]

    def loss_of(rows: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        return ((rows * real)[:, -6:] * weight[:, None]).sum() + logits[:, -1].logsumexp(-1).sum()

    output = any_eager(**batch, output_attentions=True)
    means = by_layer(any_eager, output.attentions)[layer].mean(dim=1)
    parts = [means[row][:, column] for row, column in enumerate(columns)]
    padded = [torch.nn.functional.pad(part, (0, width - part.shape[1])) for part in parts]
    loss_of(torch.stack(padded), output.logits).backward()

    model = any_fresh.model.train()
    model.activation_checkpointing_enable({"use_reentrant": False})
    request = CaptureRequest(frozenset({layer}), columns)
    logits = model(**batch, sayo_capture=request, use_cache=False).logits
    loss_of(request.rows[layer], logits).backward()

    wanted = {name: parameter.grad for name, parameter in any_eager.named_parameters()}
    for name, parameter in model.named_parameters():
        if wanted[name] is None:
            assert parameter.grad is None or not parameter.grad.any()
        else:
            torch.testing.assert_close(parameter.grad, wanted[name], rtol=1e-3, atol=1e-4, msg=name)
    query: Any = any_fresh.family.decoder_layers(model)[layer]
    assert query.self_attn.q_proj.weight.grad.abs().max() > 1e-3


def test_the_mask_function_is_registered_too(
    loaded: LoadedModel, batch: BatchFeature, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it padding is silently attended to: show that this test would notice."""
    from transformers.masking_utils import AttentionMaskInterface

    with torch.no_grad():
        right = loaded.model(**batch).logits[:, -1]
        mapping = copy.copy(AttentionMaskInterface._global_mapping)
        mapping.pop(capture.NAME)
        monkeypatch.setattr(AttentionMaskInterface, "_global_mapping", mapping)
        wrong = loaded.model(**batch).logits[:, -1]
    assert (right - wrong).abs().max() > 0.01


def test_an_input_without_a_picture_is_refused() -> None:
    with pytest.raises(CaptureError, match="image tokens"):
        CaptureRequest(frozenset({0}), torch.zeros(2, 5, dtype=torch.bool))


def test_a_request_of_another_batch_is_refused(loaded: LoadedModel, batch: BatchFeature) -> None:
    columns = loaded.image_columns(batch["input_ids"])
    with torch.no_grad(), pytest.raises(CaptureError, match="2 sequences or a multiple"):
        loaded.model(**batch, sayo_capture=CaptureRequest(frozenset({0}), columns[:2]))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_columns_are_picked_row_by_row_in_order(data: st.DataObject) -> None:
    batch, keys = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 9))
    cells = st.lists(st.booleans(), min_size=keys, max_size=keys)
    mask = torch.tensor(data.draw(st.lists(cells, min_size=batch, max_size=batch)))
    mask[0, data.draw(st.integers(0, keys - 1))] = True
    grown = keys + data.draw(st.integers(0, 3))
    weights = torch.rand(batch, 2, grown)
    request = CaptureRequest(frozenset({0}), mask)
    request.put(0, request.reduce(0, weights[:, None]))
    for row in range(batch):
        wanted = weights[row][:, :keys][:, mask[row]]
        got = request.rows[0][row]
        assert torch.equal(got[:, : wanted.shape[1]], wanted)
        assert (got[:, wanted.shape[1] :] == 0).all()
        assert request.image_mask[row].tolist() == [i < wanted.shape[1] for i in range(got.shape[1])]


@torch.no_grad()
def test_rows_of_each_head_and_of_named_heads(loaded: LoadedModel, eager: Any, batch: BatchFeature) -> None:
    """Prompts of different lengths (columns looked up one by one) and one alone (columns sliced out)."""
    single = {key: batch[key][1:2] for key in ("input_ids", "attention_mask", "mm_token_type_ids")}
    first, count = batch["image_grid_thw"].prod(dim=1).tolist()[:2]
    single["pixel_values"] = batch["pixel_values"][first : first + count]
    single["image_grid_thw"] = batch["image_grid_thw"][1:2]
    for inputs, rows in ((batch, range(3)), (single, range(1))):
        each = request_for(loaded, inputs, per_head=True)
        some = request_for(loaded, inputs, heads={0: (1,), 2: (3, 0)})
        both = request_for(loaded, inputs, heads={2: (3, 0)}, per_head=True)
        for request in (each, some, both):
            loaded.model(**inputs, sayo_capture=request)
        attentions = eager(**inputs, output_attentions=True).attentions
        for row in rows:
            real = inputs["attention_mask"][row].bool()
            columns = loaded.image_columns(inputs["input_ids"])[row]
            width = int(columns.sum())
            for layer in loaded.attention_layers:
                wanted = attentions[layer][row][:, real][:, :, columns]
                torch.testing.assert_close(each.head_rows[layer][row][:, real, :width], wanted, **CLOSE)
                torch.testing.assert_close(each.rows[layer][row][real, :width], wanted.mean(dim=0), **CLOSE)
                named = wanted[{0: [1], 1: [0, 1, 2, 3], 2: [3, 0]}[layer]]
                torch.testing.assert_close(some.rows[layer][row][real, :width], named.mean(dim=0), **CLOSE)
            torch.testing.assert_close(
                both.head_rows[2][row][:, real, :width],
                attentions[2][row][[3, 0]][:, real][:, :, columns],
                **CLOSE,
            )
    with pytest.raises(CaptureError, match="per_head"):
        _ = some.head_rows


@pytest.mark.parametrize("per_head", [False, True])
def test_rows_read_in_small_chunks_are_the_same(
    fresh: LoadedModel, batch: BatchFeature, monkeypatch: pytest.MonkeyPatch, per_head: bool
) -> None:
    """Two queries at a time: same rows, same gradients, and never more weights alive than a chunk's."""
    weight = torch.randn(40, generator=torch.Generator().manual_seed(0))
    asked = slice(-7, None, 2)

    def gradients() -> tuple[torch.Tensor, list[torch.Tensor]]:
        fresh.model.zero_grad()
        request = request_for(fresh, batch, per_head=per_head, queries=asked)
        fresh.model(**batch, sayo_capture=request)
        rows = (request.head_rows if per_head else request.rows)[2]
        (rows * weight[: rows.shape[-1]]).sum().backward()
        return rows.detach(), [p.grad.clone() for p in fresh.model.parameters() if p.grad is not None]

    rows, wanted = gradients()
    assert rows.shape[-2] == 4
    sizes: list[int] = []
    softmax = torch.softmax

    def counting(scores: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        sizes.append(scores.shape[2])
        return softmax(scores, *args, **kwargs)

    monkeypatch.setattr(torch, "softmax", counting)
    monkeypatch.setattr(scores, "CHUNK_BYTES", 2 * 4 * 3 * 4 * batch["input_ids"].shape[1])
    chunked, got = gradients()
    torch.testing.assert_close(chunked, rows, rtol=0, atol=1e-7)
    assert set(sizes) == {2} and len(sizes) == 3 * 2 + 2, "three layers forward, the read one again backward"
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
