"""Prompts with the features of their pictures: the same numbers, once a picture, within the memory given."""

from __future__ import annotations

import pytest
import torch
from transformers.utils.generic import ModelOutput

from sayo_app.mllm.models.adapters import attach, lora_config
from sayo_app.mllm.models.loading import LoadedModel
from training.data import prompts as module
from training.data.batches import Batch, collate, encode
from training.data.features import PictureFeatures, encode_pictures, joined, keepable
from training.data.prompts import Prompts
from training.data.samples import Sample
from training.looks.scoring import Reading, Scorer
from training.rl.rollout import generate


def tensors(value) -> list[torch.Tensor]:
    return [value] if isinstance(value, torch.Tensor) else [one for part in value for one in tensors(part)]


def gradients(loaded: LoadedModel, batch: Batch) -> dict[str, torch.Tensor]:
    """Of log-probabilities and rows together, by the adapter's weights."""
    completions = generate(loaded, batch, max_new_tokens=6, num_generations=2)
    scores = Scorer(loaded.model, Reading(tuple(loaded.attention_layers)))(batch, completions)
    loaded.model.zero_grad()
    ((scores.log_probs * completions.mask).sum() + 50 * (scores.rows**2).sum()).backward()
    return {n: p.grad.clone() for n, p in loaded.model.named_parameters() if p.grad is not None}


def test_kept_features_are_those_of_the_pictures_together_in_every_family(
    any_loaded: LoadedModel, samples: list[Sample]
):
    plain = collate(any_loaded, [encode(any_loaded, sample) for sample in samples[:3]])
    kept = collate(any_loaded, Prompts(any_loaded)(samples[:3]))
    for name in ("pooler_output", "deepstack_features"):
        if plain.picture_features.get(name) is None:
            continue
        expected, found = (tensors(batch.picture_features[name]) for batch in (plain, kept))
        assert len(expected) == len(found)
        for one, other in zip(expected, found, strict=True):
            torch.testing.assert_close(other, one, atol=1e-5, rtol=1e-5)
    assert torch.equal(plain.position_ids, kept.position_ids)
    assert torch.equal(plain.next_position, kept.next_position)


@pytest.mark.training
def test_gradients_are_those_of_encoding_the_pictures_each_time(
    any_loaded: LoadedModel, samples: list[Sample]
):
    """In every family; on the second use, too."""
    any_loaded.model = attach(any_loaded.model, lora_config(4, 8), "policy")
    expected = gradients(
        any_loaded, collate(any_loaded, [encode(any_loaded, sample) for sample in samples[:3]])
    )
    assert expected
    prompts = Prompts(any_loaded)
    for _ in range(2):
        found = gradients(any_loaded, collate(any_loaded, prompts(samples[:3])))
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, atol=2e-5, rtol=1e-4)


def test_each_picture_is_encoded_once_and_no_more_is_kept_than_there_is_room_for(
    loaded: LoadedModel, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
):
    encoded: list[int] = []

    def counted(*arguments):
        encoded.append(1)
        return encode_pictures(*arguments)

    monkeypatch.setattr(module, "encode_pictures", counted)
    prompts = Prompts(loaded)
    first = prompts(samples[:3])
    assert prompts(samples[:3]) == first and len(encoded) == 3
    # Pixels are not kept beside what was made of them.
    assert all("pixel_values" not in prompt.inputs for prompt in first)
    needed = [
        prompt.features.n_bytes + sum(value.nbytes for value in prompt.inputs.values()) for prompt in first
    ]
    for limit, again in ((sum(needed), 0), (sum(needed) - 1, 1), (0, 3)):
        prompts = Prompts(loaded, limit)
        prompts(samples[:3])
        encoded.clear()
        prompts(samples[:3])
        assert len(encoded) == again


def test_an_output_with_parts_that_nobody_knows_is_not_kept(loaded: LoadedModel, samples: list[Sample]):
    output = encode_pictures(
        loaded, {n: v for n, v in encode(loaded, samples[0]).inputs.items() if n.startswith(("pix", "image"))}
    )
    known = keepable(output)
    assert known is not None and set(known.values) <= {"pooler_output", "deepstack_features"}

    output["qformer_outputs"] = torch.ones(1)
    assert keepable(output) is None


def test_features_are_joined_picture_by_picture_and_layer_by_layer():
    def features(start: float) -> PictureFeatures:
        one = torch.tensor([[start]])
        return PictureFeatures(
            ModelOutput, {"pooler_output": one, "deepstack_features": [[one + 1], (one + 2,)]}
        )

    both = joined([features(0.0), features(10.0)])
    assert both.values["pooler_output"].tolist() == [[0.0], [10.0]]
    layers = [[float(tensor) for tensor in layer] for layer in both.values["deepstack_features"]]
    assert layers == [[1.0, 11.0], [2.0, 12.0]]
    assert both.n_bytes == 6 * 4
