from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BatchFeature

from sayo_app.errors import CaptureError
from sayo_app.mllm import capture
from sayo_app.mllm.adapters import attach, lora_config
from sayo_app.mllm.capture import CaptureRequest
from sayo_app.mllm.families import base_model
from sayo_app.mllm.loading import LoadedModel
from tests.mllm.helpers import reference_rows

ALL = frozenset({0, 1, 2})
CLOSE = {"rtol": 0.0, "atol": 1e-5}


def request_for(loaded: LoadedModel, inputs: Any, **kwargs: Any) -> CaptureRequest:
    return CaptureRequest(ALL, loaded.image_columns(inputs["input_ids"]), **kwargs)


@torch.no_grad()
def test_rows_are_those_of_eager_attention_in_a_left_padded_batch(
    loaded: LoadedModel, eager: Any, batch: BatchFeature
) -> None:
    request = request_for(loaded, batch)
    logits = loaded.model(**batch, sayo_capture=request).logits
    counts = request.image_mask.sum(dim=1).tolist()
    assert counts == [6 * 4, 3 * 7, 5 * 5]
    for layer in ALL:
        for row, count in enumerate(counts):
            real = batch["attention_mask"][row].bool()
            got = request.rows[layer][row]
            torch.testing.assert_close(
                got[real, :count], reference_rows(eager, batch, layer, row)[real], **CLOSE
            )
            assert (got[:, count:] == 0).all()
    kept = batch["attention_mask"].bool()
    torch.testing.assert_close(logits[kept], eager(**batch).logits[kept], rtol=0, atol=1e-4)


@torch.no_grad()
def test_padding_and_neighbours_do_not_change_a_row(loaded: LoadedModel, batch: BatchFeature) -> None:
    """A batch row gives what the same prompt gives alone: columns are looked up row by row."""
    together = request_for(loaded, batch)
    loaded.model(**batch, sayo_capture=together)
    row, patches = 1, batch["image_grid_thw"].prod(dim=1).tolist()
    real = batch["attention_mask"][row].bool()
    alone = {key: batch[key][row : row + 1, real] for key in ("input_ids", "mm_token_type_ids")}
    alone["pixel_values"] = batch["pixel_values"][patches[0] : patches[0] + patches[1]]
    alone["image_grid_thw"] = batch["image_grid_thw"][row : row + 1]
    single = request_for(loaded, alone)
    loaded.model(**alone, sayo_capture=single)
    count = int(single.image_mask.sum())
    for layer in ALL:
        torch.testing.assert_close(together.rows[layer][row][real, :count], single.rows[layer][0], **CLOSE)


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
def test_a_query_slice_is_causal_without_a_mask(loaded: LoadedModel, eager: Any, batch: BatchFeature) -> None:
    """One unpadded sequence: transformers passes no mask, and queries before the picture see none of it."""
    real = batch["attention_mask"][1].bool()
    first, count = batch["image_grid_thw"].prod(dim=1).tolist()[:2]
    inputs = {key: batch[key][1:2, real] for key in ("input_ids", "mm_token_type_ids")}
    inputs["pixel_values"] = batch["pixel_values"][first : first + count]
    inputs["image_grid_thw"] = batch["image_grid_thw"][1:2]
    request = request_for(loaded, inputs, queries=slice(0, 12))
    loaded.model(**inputs, sayo_capture=request)
    torch.testing.assert_close(request.rows[1][0], reference_rows(eager, inputs, 1)[:12], **CLOSE)
    assert (request.rows[1][0, 0] == 0).all() and request.rows[1][0, 11].sum() > 0


@torch.no_grad()
def test_rows_on_a_shared_prompt_cache(loaded: LoadedModel, batch: BatchFeature) -> None:
    """Prompt encoded once, then several tokens at a time on its cache, two sequences a prompt."""
    family, model = loaded.family, loaded.model
    tail = torch.randint(10, 300, (6, 5), generator=torch.Generator().manual_seed(1))
    twice = batch["input_ids"].repeat_interleave(2, dim=0)
    mask = batch["attention_mask"].repeat_interleave(2, dim=0)
    position_ids, after = family.positions(model, batch)
    cache = model(**batch, position_ids=position_ids, use_cache=True).past_key_values
    cache.batch_repeat_interleave(2)
    request = request_for(loaded, batch)
    positions = after.repeat_interleave(2)[:, None] + torch.arange(5)
    model(
        input_ids=tail,
        attention_mask=torch.cat([mask, mask.new_ones(6, 5)], dim=1),
        position_ids=family.text_positions(positions),
        past_key_values=cache,
        sayo_capture=request,
    )
    patches = torch.split(batch["pixel_values"], batch["image_grid_thw"].prod(dim=1).tolist())
    whole = {
        "input_ids": torch.cat([twice, tail], dim=1),
        "attention_mask": torch.cat([mask, mask.new_ones(6, 5)], dim=1),
        "mm_token_type_ids": torch.nn.functional.pad(
            batch["mm_token_type_ids"].repeat_interleave(2, dim=0), (0, 5)
        ),
        "pixel_values": torch.cat([part for part in patches for _ in range(2)]),
        "image_grid_thw": batch["image_grid_thw"].repeat_interleave(2, dim=0),
    }
    full = request_for(loaded, whole, queries=slice(-5, None))
    model(**whole, sayo_capture=full)
    for layer in ALL:
        torch.testing.assert_close(request.rows[layer], full.rows[layer], **CLOSE)


def test_rows_under_peft(fresh: LoadedModel, eager: Any, batch: BatchFeature) -> None:
    config = lora_config(rank=4, alpha=8)
    config.init_lora_weights = False
    torch.manual_seed(0)
    plain = request_for(fresh, batch)
    with torch.no_grad():
        fresh.model(**batch, sayo_capture=plain)
    policy = attach(fresh.model, config).eval()
    reference = attach(eager, config).eval()
    reference.load_state_dict(policy.state_dict())
    request = request_for(fresh, batch)
    with torch.no_grad():
        policy(**batch, sayo_capture=request)
        attention = reference(**batch, output_attentions=True).attentions[2].mean(dim=1)
    columns = batch["input_ids"][2] == base_model(reference).config.image_token_id
    torch.testing.assert_close(request.rows[2][2, -6:], attention[2][-6:, columns], **CLOSE)
    assert (request.rows[2] - plain.rows[2]).abs().max() > 1e-3, "the adapter must change the rows"


def test_gradients_of_rows_are_exact_under_checkpointing(
    fresh: LoadedModel, eager: Any, batch: BatchFeature
) -> None:
    """Non-reentrant checkpointing runs the forward again in the backward: same rows, same gradients."""
    weight = torch.randn(3, 40, generator=torch.Generator().manual_seed(0))
    real = batch["attention_mask"][:, :, None]

    def loss_of(rows: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        kept = (rows * real)[:, -6:]
        return (kept * weight[:, None, : rows.shape[2]]).sum() + logits[:, -1].logsumexp(-1).sum()

    output = eager(**batch, output_attentions=True)
    columns = [batch["input_ids"][row] == eager.config.image_token_id for row in range(3)]
    width = max(int(column.sum()) for column in columns)
    means = output.attentions[1].mean(dim=1)
    rows = torch.stack(
        [
            torch.nn.functional.pad(means[row][:, column], (0, width - int(column.sum())))
            for row, column in enumerate(columns)
        ]
    )
    loss_of(rows, output.logits).backward()

    model = fresh.model.train()
    model.activation_checkpointing_enable({"use_reentrant": False})
    request = CaptureRequest(frozenset({1}), fresh.image_columns(batch["input_ids"]))
    logits = model(**batch, sayo_capture=request, use_cache=False).logits
    loss_of(request.rows[1], logits).backward()

    wanted = {name: parameter.grad for name, parameter in eager.named_parameters()}
    for name, parameter in model.named_parameters():
        if wanted[name] is None:
            assert parameter.grad is None or not parameter.grad.any()
        else:
            torch.testing.assert_close(parameter.grad, wanted[name], rtol=1e-3, atol=1e-4, msg=name)
    query = "model.language_model.layers.1.self_attn.q_proj.weight"
    assert dict(model.named_parameters())[query].grad.abs().max() > 1e-3


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
        CaptureRequest(ALL, torch.zeros(2, 5, dtype=torch.bool))


def test_a_request_of_another_batch_is_refused(loaded: LoadedModel, batch: BatchFeature) -> None:
    columns = loaded.image_columns(batch["input_ids"])
    with torch.no_grad(), pytest.raises(CaptureError, match="2 sequences or a multiple"):
        loaded.model(**batch, sayo_capture=CaptureRequest(ALL, columns[:2]))


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
            for layer in ALL:
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
    monkeypatch.setattr(capture, "CHUNK_BYTES", 2 * 4 * 3 * 4 * batch["input_ids"].shape[1])
    chunked, got = gradients()
    torch.testing.assert_close(chunked, rows, rtol=0, atol=1e-7)
    assert set(sizes) == {2} and len(sizes) == 3 * 2 + 2, "three layers forward, the read one again backward"
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
