"""What needs the model again, for every family: maps against eager attention, steering, finding heads."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sayo_app.core.attention.heatmap import gradient_weighted, middle_layers
from sayo_app.mllm.analysis import maps
from sayo_app.mllm.analysis.heads import HeadCase, find_heads, head_effects
from sayo_app.mllm.analysis.maps import Finished
from sayo_app.mllm.answering.chat import answer
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.answering.steer import Steering
from sayo_app.mllm.models.loading import LoadedModel
from tests.mllm.helpers import by_layer, noise, rollout, with_completion

QUESTION = "What is left of the cat?"
PICTURE = noise((80, 80))
CLOSE = {"rtol": 0.0, "atol": 1e-5}


def completion_ids(loaded: LoadedModel) -> list[int]:
    return [int(token) for token in loaded.tokenizer("The dog is red.", add_special_tokens=False).input_ids]


def whole_inputs(loaded: LoadedModel) -> dict[str, Any]:
    inputs = build_inputs(loaded, [PICTURE], QUESTION)
    return with_completion(loaded, inputs, torch.tensor([completion_ids(loaded)[:-1]]))


def test_maps_are_those_of_eager_attention(any_loaded: LoadedModel, any_eager: Any) -> None:
    """Heads, rollout and gradient; layers without full attention count as the identity in rollout."""
    loaded, ids = any_loaded, completion_ids(any_loaded)
    whole = whole_inputs(loaded)
    image = loaded.image_columns(whole["input_ids"])[0]
    first = whole["input_ids"].shape[1] - len(ids) + 1
    output = any_eager(**whole, output_attentions=True)
    attentions = by_layer(any_eager, output.attentions)
    layers = loaded.attention_layers
    answered = torch.stack([attentions[layer][0, :, first:] for layer in layers])[..., image].detach().numpy()
    got = maps.head_maps(loaded, Finished([PICTURE], QUESTION, ids))
    np.testing.assert_allclose(got, answered.mean(axis=2), **CLOSE)
    means = torch.stack([attentions[layer][0].mean(dim=0) for layer in layers]).detach().double().numpy()
    wanted = rollout(means)[first:][:, image.numpy()]
    np.testing.assert_allclose(maps.rollout_maps(loaded, Finished([PICTURE], QUESTION, ids)), wanted, **CLOSE)

    band = [layers[entry] for entry in middle_layers(layers, loaded.n_layers)]
    rows = []
    for index, target in enumerate(ids[1:]):
        logit = output.logits[0, first + index, target]
        slopes = torch.autograd.grad(logit, [attentions[layer] for layer in band], retain_graph=True)
        pairs = [
            (attentions[layer][0, :, first + index][:, image], slope[0, :, first + index][:, image])
            for layer, slope in zip(band, slopes, strict=True)
        ]
        rows.append(np.mean([gradient_weighted(a.detach().numpy(), s.numpy()) for a, s in pairs], axis=0))
    got = maps.gradient_maps(loaded, Finished([PICTURE], QUESTION, ids))
    np.testing.assert_allclose(got, np.stack(rows), rtol=2e-3, atol=1e-6)


def test_steering_and_finding_heads(any_loaded: LoadedModel) -> None:
    loaded = any_loaded
    inputs = build_inputs(loaded, [PICTURE], QUESTION)
    region = np.arange(int(loaded.image_columns(inputs["input_ids"]).sum())) < 3
    steering = Steering(dict.fromkeys(loaded.attention_layers), 15.0, prompt=True)
    *_, last = answer(loaded, [PICTURE], QUESTION, max_new_tokens=4, steering=steering, region_masks=[region])
    assert last.trace is not None
    inside = last.trace.attention[:, :, region].sum(axis=2)
    assert (inside > 0.9).all()
    case = HeadCase([PICTURE], QUESTION, "The dog is red.", {0: region}, region)
    scores, effects = find_heads(loaded, [case]), head_effects(loaded, [case])
    heads = maps.head_maps(loaded, Finished([PICTURE], QUESTION, [5, 6]))
    assert scores.shape == effects.shape == heads.shape[:2]
    assert np.isfinite(scores).all() and np.isfinite(effects).all() and np.abs(effects).max() > 0
