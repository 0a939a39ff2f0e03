from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import BatchFeature, DynamicCache

from sayo_app.errors import CaptureError
from sayo_app.mllm.attention.bias import SteerRequest
from sayo_app.mllm.attention.capture import CaptureRequest, attention
from sayo_app.mllm.models.loading import LoadedModel

ALL = frozenset({0, 1, 2})
CLOSE = {"rtol": 0.0, "atol": 1e-5}


class FakeLayer(torch.nn.Module):
    """An attention module of transformers, as far as `attention` looks at it."""

    layer_idx, num_key_value_groups, is_causal = 1, 2, True


def region_of(loaded: LoadedModel, inputs: Any) -> torch.Tensor:
    """The first four image tokens of every row, as key columns."""
    columns = loaded.image_columns(inputs["input_ids"])
    return columns & (columns.cumsum(dim=1) <= 4)


def after_the_picture(loaded: LoadedModel, inputs: Any) -> torch.Tensor:
    columns = loaded.image_columns(inputs["input_ids"])
    return columns.flip(1).cumsum(dim=1).flip(1) == 0


def test_by_hand() -> None:
    """Equal scores, head 0 gets +log 2 on key 1: 1 : 2 : 1 at query 2, 1 : 2 at query 1, which is causal."""
    query = torch.zeros(1, 2, 3, 4)
    key, value = torch.ones(1, 1, 3, 4), torch.eye(3)[None, None]
    columns = torch.tensor([[False, True, False]])
    queries = torch.tensor([[False, True, True]])
    steer = SteerRequest(columns, {1: (0,)}, float(torch.log(torch.tensor(2.0))), queries)
    capture = CaptureRequest(frozenset({1}), torch.ones(1, 3, dtype=torch.bool), per_head=True)
    output, _ = attention(FakeLayer(), query, key, value, None, sayo_capture=capture, sayo_steer=steer)
    steered = torch.tensor([[1, 0, 0], [1 / 3, 2 / 3, 0], [1 / 4, 1 / 2, 1 / 4]])
    plain = torch.tensor([[1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(output[0].transpose(0, 1), torch.stack([steered, plain]), **CLOSE)
    torch.testing.assert_close(capture.head_rows[1][0], torch.stack([steered, plain]), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("heads", [None, (0, 3)])
def test_equals_eager_with_the_same_additive_mask(
    loaded: LoadedModel, eager: Any, batch: BatchFeature, heads: tuple[int, ...] | None
) -> None:
    """All layers, left padding, grouped queries, prompt queries too; rows read are those with the bias."""
    columns, queries = region_of(loaded, batch), after_the_picture(loaded, batch)
    steer = SteerRequest(columns, dict.fromkeys(ALL, heads), 3.0, queries)
    capture = CaptureRequest(ALL, loaded.image_columns(batch["input_ids"]), per_head=True)
    logits = loaded.model(**batch, sayo_steer=steer, sayo_capture=capture).logits

    length = batch["input_ids"].shape[1]
    padding = batch["attention_mask"].bool()[:, None, None, :]
    kept = torch.ones(length, length).tril().bool() & padding
    chosen = torch.zeros(4)
    chosen[list(heads or range(4))] = 3.0
    bias = chosen[None, :, None, None] * (queries[:, None, :, None] & columns[:, None, None, :])
    additive = torch.where(kept, bias, torch.finfo(torch.float32).min)
    handles = [
        layer.self_attn.register_forward_pre_hook(
            lambda _module, args, kwargs: (args, kwargs | {"attention_mask": additive}), with_kwargs=True
        )
        for layer in eager.model.language_model.layers
    ]
    wanted = eager(**batch, output_attentions=True)
    for handle in handles:
        handle.remove()
    real = batch["attention_mask"].bool()
    torch.testing.assert_close(logits[real], wanted.logits[real], rtol=0, atol=1e-4)
    assert (logits - eager(**batch).logits)[real].abs().max() > 0.01
    for layer in ALL:
        for row in range(3):
            image = loaded.image_columns(batch["input_ids"])[row]
            got = capture.head_rows[layer][row][:, real[row], : int(image.sum())]
            torch.testing.assert_close(got, wanted.attentions[layer][row][:, real[row]][:, :, image], **CLOSE)


@torch.no_grad()
def test_decode_steps_equal_the_teacher_forced_forward(loaded: LoadedModel, batch: BatchFeature) -> None:
    """One query a forward on a cache, and all of them in one forward: the same bias, the same rows."""
    columns = region_of(loaded, batch)
    tail = torch.randint(10, 300, (3, 4), generator=torch.Generator().manual_seed(1))
    position_ids, after = loaded.family.positions(loaded.model, batch)
    bias = SteerRequest(columns, {0: None, 2: (1,)}, 2.0)
    results = []
    for widths, steer in (([4], bias), ([1, 1, 1, 1], bias), ([4], None)):
        cache: DynamicCache = loaded.model(**batch, position_ids=position_ids).past_key_values
        parts, start = [], 0
        for width in widths:
            request = CaptureRequest(ALL, loaded.image_columns(batch["input_ids"]), per_head=True)
            stop = start + width
            loaded.model(
                input_ids=tail[:, start:stop],
                attention_mask=torch.nn.functional.pad(batch["attention_mask"], (0, stop), value=1),
                position_ids=(after[:, None] + torch.arange(start, stop)).expand(3, -1, -1),
                past_key_values=cache,
                sayo_capture=request,
                sayo_steer=steer,
            )
            parts.append(request.head_rows)
            start = stop
        results.append({layer: torch.cat([part[layer] for part in parts], dim=2) for layer in ALL})
    for layer in ALL:
        torch.testing.assert_close(results[0][layer], results[1][layer], **CLOSE)
    towards, plain = (results[i][0][..., :4].sum(dim=-1) for i in (0, 2))
    assert (towards > plain).all(), "every token after the prompt is steered"


@torch.no_grad()
def test_what_is_not_steered_stays(loaded: LoadedModel, batch: BatchFeature) -> None:
    """Strength 0: identical logits. First layer: only the asked heads of the asked queries move."""
    columns, queries = region_of(loaded, batch), after_the_picture(loaded, batch)
    image = loaded.image_columns(batch["input_ids"])
    plain = CaptureRequest(ALL, image, per_head=True)
    wanted = loaded.model(**batch, sayo_capture=plain).logits
    still = loaded.model(**batch, sayo_steer=SteerRequest(columns, {0: None}, 0.0, queries)).logits
    assert torch.equal(still, loaded.model(**batch).logits)
    later = loaded.model(**batch, sayo_steer=SteerRequest(columns, {0: None}, 5.0)).logits
    assert torch.equal(later, loaded.model(**batch).logits), "without `queries` the prompt is left alone"
    biased = CaptureRequest(ALL, image, per_head=True)
    steer = SteerRequest(columns, {0: (2,)}, 8.0, queries)
    moved = loaded.model(**batch, sayo_capture=biased, sayo_steer=steer).logits
    others = [0, 1, 3]
    assert torch.equal(biased.head_rows[0][:, others], plain.head_rows[0][:, others])
    for row in range(3):
        there = queries[row]
        got, before = biased.head_rows[0][row, 2], plain.head_rows[0][row, 2]
        assert torch.equal(got[~there], before[~there])
        # e^8 times the weight: nearly all of it is in the four cells.
        assert (got[there][:, :4].sum(dim=1) > 0.95).all() and (before[there][:, :4].sum(dim=1) < 0.9).any()
    assert (moved - wanted).abs().max() > 0.01


@torch.no_grad()
def test_a_row_without_a_region_is_left_as_it_is(loaded: LoadedModel, batch: BatchFeature) -> None:
    columns, queries = region_of(loaded, batch), after_the_picture(loaded, batch)
    columns[1] = False
    logits = loaded.model(**batch, sayo_steer=SteerRequest(columns, {1: None}, 4.0, queries)).logits
    plain = loaded.model(**batch).logits
    torch.testing.assert_close(logits[1, -3:], plain[1, -3:], rtol=0, atol=1e-5)
    assert (logits[0, -1] - plain[0, -1]).abs().max() > 0.01


def test_a_sliding_layer_cannot_be_steered_while_decoding() -> None:
    layer = FakeLayer()
    layer.layer_type = "sliding_attention"
    steer = SteerRequest(torch.ones(1, 2, dtype=torch.bool), {1: None}, 1.0)
    query, key = torch.zeros(1, 2, 1, 4), torch.zeros(1, 1, 3, 4)
    with pytest.raises(CaptureError, match="sliding window"):
        attention(layer, query, key, key, None, sayo_steer=steer)
