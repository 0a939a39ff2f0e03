"""The scoring forward against a plain full forward, and that padding changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sayo_app.errors import TrainingError
from sayo_app.mllm.answering.steer import Steering
from sayo_app.mllm.attention.capture import CaptureRequest
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import MEAN_GREY, Batch, Prompt, blanked, collate, encode
from training.data.completions import Completions, one_by_one
from training.data.samples import Sample
from training.looks.attention_targets import targets_of
from training.looks.scoring import Reading, Scorer, Scores, divergence, entropy, make_reading, reward_view
from training.rl.judging import Judged, judge_completions
from training.rl.rollout import generate, group_uniforms


def judged(loaded: LoadedModel, batch: Batch, completions: Completions) -> list[Judged]:
    scores = Scorer(loaded.model, reward_view(loaded))(batch, completions)
    targets = targets_of(loaded, batch, completions, scores.entropies)
    return judge_completions(batch, completions, scores.mean_rows, targets)


def rollout(loaded: LoadedModel, samples: list[Sample], tokens: int = 14) -> tuple[Batch, Completions]:
    batch = collate(loaded, [encode(loaded, sample) for sample in samples])
    places = [(7, int(sample.picture_id[-1])) for sample in samples]
    return batch, generate(
        loaded, batch, max_new_tokens=tokens, num_generations=2, uniforms=group_uniforms(places, 2, tokens)
    )


def whole(prompt: Prompt, ids: torch.Tensor) -> dict[str, Any]:
    """Inputs of a prompt with its completion, as a plain forward takes them."""
    inputs = dict(prompt.inputs)
    for name, value in prompt.inputs.items():
        if value.shape == prompt.inputs["input_ids"].shape:
            fill = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}.get(name, torch.zeros_like(ids))
            inputs[name] = torch.cat([value, fill], dim=1)
    return inputs


def test_entropy_of_a_fair_coin_is_log_two():
    logits = torch.tensor([[1.0, 1.0, -torch.inf], [0.0, -1e9, -1e9]])
    assert torch.nan_to_num(entropy(logits[1:])).item() == pytest.approx(0)
    assert entropy(logits[:1, :2]).item() == pytest.approx(np.log(2))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_scores_are_those_of_one_full_forward(
    any_loaded: LoadedModel, samples: list[Sample], temperature: float
):
    """Shared prompt cache, left padding and explicit positions against a plain pass, row by row."""
    batch, completions = rollout(any_loaded, samples[:3])
    layer = any_loaded.attention_layers[-1]
    with torch.no_grad():
        scores = Scorer(any_loaded.model, reward_view(any_loaded))(batch, completions, temperature)
    for row in range(6):
        prompt = batch.prompts[row // 2]
        length = int(completions.mask[row].sum())
        ids = completions.ids[row : row + 1, :length]
        inputs = whole(prompt, ids)
        request = CaptureRequest(frozenset({layer}), any_loaded.image_columns(inputs["input_ids"]))
        with torch.no_grad():
            logits = any_loaded.model(**inputs, sayo_capture=request).logits[0, prompt.length - 1 : -1]
        log_probs = torch.log_softmax(logits / temperature, dim=-1).gather(1, ids[0][:, None])[:, 0]
        torch.testing.assert_close(scores.log_probs[row, :length], log_probs, rtol=2e-5, atol=2e-5)
        torch.testing.assert_close(scores.entropies[row, :length], entropy(logits), rtol=2e-5, atol=2e-5)
        expected = request.rows[layer][0, prompt.length : prompt.length + length - 1]
        found = scores.mean_rows[row, : length - 1, : expected.shape[1]]
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)
        assert not scores.mean_rows[row, :, expected.shape[1] :].any()


def test_a_left_padded_mixed_batch_is_rewarded_as_each_alone(loaded: LoadedModel, samples: list[Sample]):
    batch, completions = rollout(loaded, samples[:3])
    together = judged(loaded, batch, completions)
    rewards = []
    for i in range(3):
        alone_batch, alone = rollout(loaded, [samples[i]])
        assert alone_batch.input_ids.shape[1] <= batch.input_ids.shape[1]
        rewards += judged(loaded, alone_batch, alone)
    assert [one.attention for one in together] == pytest.approx([one.attention for one in rewards], abs=1e-5)
    assert [one.energy for one in together] == pytest.approx([one.energy for one in rewards], abs=1e-5)


def test_tokens_after_the_end_do_not_change_the_reward(loaded: LoadedModel, samples: list[Sample]):
    batch, completions = rollout(loaded, samples[:1])
    cut = completions.mask.clone()
    cut[0, 5:] = False
    texts, group = completions.texts, completions.num_generations
    padded = Completions(completions.ids, cut, texts, group)
    short = Completions(completions.ids[:, :5], cut[:, :5], texts, group)
    first, second = (judged(loaded, batch, one)[0] for one in (padded, short))
    assert first.attention == pytest.approx(second.attention, abs=1e-6)


def test_one_token_completions_have_scores_and_no_rows(loaded: LoadedModel, samples: list[Sample]):
    batch, completions = rollout(loaded, samples[:2], tokens=1)
    scores = Scorer(loaded.model, reward_view(loaded))(batch, completions)
    assert scores.log_probs.shape == (4, 1)
    assert scores.rows.shape[:3] == (4, 1, 0)
    assert {one.attention for one in judged(loaded, batch, completions)} == {-1.0}


def test_gradients_reach_the_shared_prompt(any_loaded: LoadedModel, samples: list[Sample]):
    """Keys and values of the prompt are part of the loss: a cache cut from the graph would lose them."""
    batch, completions = rollout(any_loaded, samples[:1])
    first: Any = any_loaded.family.decoder_layers(any_loaded.model)[any_loaded.attention_layers[0]]
    weight = first.self_attn.k_proj.weight
    scores = Scorer(any_loaded.model, reward_view(any_loaded))(batch, completions)
    scores.log_probs[completions.mask].sum().backward()
    shared = weight.grad.clone()
    weight.grad = None
    prompt = batch.prompts[0]
    for row in range(2):
        ids = completions.ids[row : row + 1, : int(completions.mask[row].sum())]
        inputs = whole(prompt, ids)
        logits = any_loaded.model(**inputs).logits[0, prompt.length - 1 : -1]
        torch.log_softmax(logits, dim=-1).gather(1, ids[0][:, None]).sum().backward()
    torch.testing.assert_close(shared, weight.grad, rtol=1e-3, atol=1e-4)


def test_a_reading_of_several_layers_and_heads_is_the_mean_of_each(
    loaded: LoadedModel, samples: list[Sample]
):
    batch, completions = rollout(loaded, samples[:2])
    with torch.no_grad():
        both = Scorer(loaded.model, Reading((0, 2), {2: (1, 3)}))(batch, completions).mean_rows
        first = Scorer(loaded.model, Reading((0,)))(batch, completions).mean_rows
        heads = [
            Scorer(loaded.model, Reading((2,), {2: (head,)}))(batch, completions).mean_rows for head in (1, 3)
        ]
    torch.testing.assert_close(both, (first + (heads[0] + heads[1]) / 2) / 2)


def test_a_run_reads_the_layers_that_it_asks_for(loaded: LoadedModel):
    found = Steering({1: (0, 2), 2: None}, 2.0)
    assert make_reading(loaded, "last", found) == Reading((2,))
    assert make_reading(loaded, "found", found) == Reading((1, 2), {1: (0, 2)})
    assert make_reading(loaded, "2,0", None) == Reading((0, 2))
    with pytest.raises(TrainingError, match="steer_table"):
        make_reading(loaded, "found", None)
    with pytest.raises(TrainingError, match="0, 1, 2"):
        make_reading(loaded, "1,5", None)


def test_divergence_by_hand():
    # p = (1/2, 1/2), q = (1, 0): m = (3/4, 1/4). JSD = H(m) - (log 2 + 0) / 2.
    apart = torch.tensor([[[0.0, -1e4], [0.0, 0.0]]])
    other = torch.tensor([[[-1e4, 0.0], [0.0, -1e4]]])
    half = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) - np.log(2) / 2
    assert divergence(apart, other)[0].tolist() == pytest.approx([np.log(2), half], abs=1e-6)
    assert divergence(other, other)[0].tolist() == pytest.approx([0, 0], abs=1e-7)


def test_visual_sensitivity_is_nought_on_a_picture_that_is_grey_already(
    loaded: LoadedModel, samples: list[Sample]
):
    grey = replace(samples[0], open_picture=lambda: Image.new("RGB", (96, 64), MEAN_GREY))
    batch, completions = rollout(loaded, [samples[0], grey])
    scorer = Scorer(loaded.model, reward_view(loaded))
    with torch.no_grad():
        logits = (scorer(one, completions).logits for one in (batch, blanked(loaded, batch)))
        found = divergence(*logits) * completions.mask
    assert found[:2].max() > 1e-3
    assert found[2:].max() < 1e-6


def test_a_checkpointed_pass_gives_the_same_scores_and_gradients(loaded: LoadedModel, samples: list[Sample]):
    """One pass without a cache, activations computed twice, against the shared prompt: rows and gradients."""
    batch, completions = rollout(loaded, samples[:3])
    weights = [layer.self_attn.q_proj.weight for layer in loaded.model.model.language_model.layers]

    def scored(scorer: Scorer, *given) -> tuple[Scores, list[torch.Tensor]]:
        scores = scorer(*given)
        total = (scores.log_probs * completions.mask).sum() + 50 * (scores.mean_rows[:, :4] ** 2).sum()
        return scores, list(torch.autograd.grad(total, weights))

    reading = Reading((1, 2))
    plain, expected = scored(Scorer(loaded.model, reading), batch, completions)
    loaded.model.activation_checkpointing_enable({"use_reentrant": False})
    calls = []
    loaded.model.model.language_model.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    alone = one_by_one(loaded, batch, completions)
    again, found = scored(Scorer(loaded.model, reading, checkpointed=True), *alone)
    assert len(calls) == 2, "activations were kept"
    width = plain.mean_rows.shape[2]
    for row, length in enumerate(completions.mask.sum(dim=1).tolist()):
        torch.testing.assert_close(
            again.log_probs[row, :length], plain.log_probs[row, :length], atol=2e-5, rtol=0
        )
        rows = again.mean_rows[row, : length - 1, :width], plain.mean_rows[row, : length - 1]
        torch.testing.assert_close(*rows, atol=2e-6, rtol=0)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
