"""The scoring forward against a plain full forward, and that padding changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sayo_app.mllm.capture import CaptureRequest
from sayo_app.mllm.loading import LoadedModel
from training.corrections import Sample
from training.evaluate import judge_completions
from training.prompts import Batch, collate, encode
from training.rollout import Completions, generate, group_uniforms
from training.scoring import Scorer, entropy, reward_layer


def rollout(loaded: LoadedModel, samples: list[Sample], tokens: int = 14) -> tuple[Batch, Completions]:
    batch = collate(loaded, [encode(loaded, sample) for sample in samples])
    places = [(7, int(sample.picture_id[-1])) for sample in samples]
    return batch, generate(
        loaded, batch, max_new_tokens=tokens, num_generations=2, uniforms=group_uniforms(places, 2, tokens)
    )


def test_entropy_of_a_fair_coin_is_log_two():
    logits = torch.tensor([[1.0, 1.0, -torch.inf], [0.0, -1e9, -1e9]])
    assert torch.nan_to_num(entropy(logits[1:])).item() == pytest.approx(0)
    assert entropy(logits[:1, :2]).item() == pytest.approx(np.log(2))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_scores_are_those_of_one_full_forward(loaded: LoadedModel, samples: list[Sample], temperature: float):
    """Shared prompt cache, left padding and explicit positions against a plain pass, row by row."""
    batch, completions = rollout(loaded, samples[:3])
    layer = reward_layer(loaded)
    with torch.no_grad():
        scores = Scorer(loaded.model, layer)(batch, completions, temperature)
    for row in range(6):
        prompt = batch.prompts[row // 2]
        length = int(completions.mask[row].sum())
        ids = completions.ids[row : row + 1, :length]
        inputs = dict(prompt.inputs)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], ids], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(ids)], dim=1)
        request = CaptureRequest(frozenset({layer}), loaded.image_columns(inputs["input_ids"]))
        with torch.no_grad():
            logits = loaded.model(**inputs, sayo_capture=request).logits[0, prompt.length - 1 : -1]
        log_probs = torch.log_softmax(logits / temperature, dim=-1).gather(1, ids[0][:, None])[:, 0]
        torch.testing.assert_close(scores.log_probs[row, :length], log_probs, rtol=0, atol=2e-5)
        torch.testing.assert_close(scores.entropies[row, :length], entropy(logits), rtol=0, atol=2e-5)
        expected = request.rows[layer][0, prompt.length : prompt.length + length - 1]
        found = scores.rows[row, : length - 1, : expected.shape[1]]
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)
        assert not scores.rows[row, :, expected.shape[1] :].any()


def test_a_left_padded_mixed_batch_is_rewarded_as_each_alone(loaded: LoadedModel, samples: list[Sample]):
    batch, completions = rollout(loaded, samples[:3])
    scorer = Scorer(loaded.model, reward_layer(loaded))
    together = judge_completions(batch, completions, scorer(batch, completions))
    rewards = []
    for i in range(3):
        alone_batch, alone = rollout(loaded, [samples[i]])
        assert alone_batch.input_ids.shape[1] <= batch.input_ids.shape[1]
        rewards += judge_completions(alone_batch, alone, scorer(alone_batch, alone))
    assert [one.attention for one in together] == pytest.approx([one.attention for one in rewards], abs=1e-5)
    assert [one.energy for one in together] == pytest.approx([one.energy for one in rewards], abs=1e-5)


def test_tokens_after_the_end_do_not_change_the_reward(loaded: LoadedModel, samples: list[Sample]):
    batch, completions = rollout(loaded, samples[:1])
    cut = completions.mask.clone()
    cut[0, 5:] = False
    scorer = Scorer(loaded.model, reward_layer(loaded))
    texts, group = completions.texts, completions.num_generations
    padded = Completions(completions.ids, cut, texts, group)
    short = Completions(completions.ids[:, :5], cut[:, :5], texts, group)
    first, second = (judge_completions(batch, one, scorer(batch, one))[0] for one in (padded, short))
    assert first.attention == pytest.approx(second.attention, abs=1e-6)


def test_one_token_completions_have_scores_and_no_rows(loaded: LoadedModel, samples: list[Sample]):
    batch, completions = rollout(loaded, samples[:2], tokens=1)
    scores = Scorer(loaded.model, reward_layer(loaded))(batch, completions)
    assert scores.log_probs.shape == (4, 1)
    assert scores.rows.shape[:2] == (4, 0)
    assert {one.attention for one in judge_completions(batch, completions, scores)} == {-1.0}


def test_gradients_reach_the_shared_prompt(loaded: LoadedModel, samples: list[Sample]):
    """Keys and values of the prompt are part of the loss: a cache cut from the graph would lose them."""
    batch, completions = rollout(loaded, samples[:1])
    layers = loaded.model.model.language_model.layers
    weight = layers[0].self_attn.k_proj.weight
    Scorer(loaded.model, reward_layer(loaded))(batch, completions).log_probs.sum().backward()
    shared = weight.grad.clone()
    weight.grad = None
    prompt = batch.prompts[0]
    for row in range(2):
        ids = completions.ids[row : row + 1]
        length = int(completions.mask[row].sum())
        inputs = dict(prompt.inputs)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], ids], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(ids)], dim=1)
        logits = loaded.model(**inputs).logits[0, prompt.length - 1 : -1]
        assert length == ids.shape[1]
        torch.log_softmax(logits, dim=-1).gather(1, ids[0][:, None]).sum().backward()
    torch.testing.assert_close(shared, weight.grad, rtol=1e-3, atol=1e-4)
