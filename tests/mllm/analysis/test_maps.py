from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sayo_app.core.attention.heatmap import middle_layers, rank_heads, relative_map
from sayo_app.errors import AdapterError, ModelError
from sayo_app.mllm.analysis import maps
from sayo_app.mllm.analysis.maps import Finished
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.attention import scores
from sayo_app.mllm.models.adapters import attach, load_adapter, lora_config, save_adapter
from sayo_app.mllm.models.loading import LoadedModel
from tests.mllm.helpers import by_layer, noise, reference_attention, rollout, with_completion

QUESTION = "What is left of the cat?"
IDS = (40, 71, 300, 12, 255, 99)
CLOSE = {"rtol": 0.0, "atol": 1e-5}


def whole_inputs(loaded: LoadedModel, pictures: list[Image.Image]) -> dict[str, Any]:
    """Prompt and answer but for its last token, as one sequence for the eager model."""
    return with_completion(loaded, build_inputs(loaded, pictures, QUESTION), torch.tensor([IDS[:-1]]))


def readable(loaded: LoadedModel, eager: Any, whole: dict[str, Any]) -> torch.Tensor:
    """Float "layer head query key": eager attention of the layers that have maps."""
    attention = reference_attention(eager, whole)
    return torch.stack([attention[layer][0] for layer in loaded.attention_layers])


@torch.no_grad()
def eager_rows(loaded: LoadedModel, eager: Any, pictures: list[Image.Image]) -> np.ndarray:
    """Layer, head, row, image: of the answer's tokens."""
    whole = whole_inputs(loaded, pictures)
    image = loaded.image_columns(whole["input_ids"])[0]
    return readable(loaded, eager, whole)[:, :, 1 - len(IDS) :][..., image].numpy()


def test_head_maps_are_means_of_eager_rows(
    any_loaded: LoadedModel, any_eager: Any, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pictures; all tokens, a step, one token, a step with the last token; in chunks of one query too."""
    pictures = [picture, noise((48, 112), 1)]
    wanted = eager_rows(any_loaded, any_eager, pictures)
    for chunk in (scores.CHUNK_BYTES, 1):
        monkeypatch.setattr(scores, "CHUNK_BYTES", chunk)
        for tokens in (slice(None), slice(1, 4), slice(2, 3), slice(3, 6)):
            got = maps.head_maps(any_loaded, Finished(pictures, QUESTION, IDS), tokens)
            np.testing.assert_allclose(got, wanted[:, :, tokens].mean(axis=2), **CLOSE)
    assert (maps.head_maps(any_loaded, Finished(pictures, QUESTION, IDS), slice(5, 6)) == 0).all()
    nothing = maps.head_maps(any_loaded, Finished(pictures, QUESTION, IDS[:1]))
    assert nothing.shape == (*wanted.shape[:2], wanted.shape[3])


def test_rows_of_one_head(loaded: LoadedModel, eager: Any, picture: Image.Image) -> None:
    wanted = eager_rows(loaded, eager, [picture])
    got = maps.one_head_rows(loaded, Finished([picture], QUESTION, IDS), layer=1, head=3)
    np.testing.assert_allclose(got, wanted[1, 3], **CLOSE)
    short = Finished([picture], QUESTION, IDS[:1])
    assert maps.one_head_rows(loaded, short, layer=1, head=3).shape == (0, 24)
    for layer, head in ((3, 0), (0, 4), (0, -1)):
        with pytest.raises(ModelError, match="heads 0 to 3"):
            maps.one_head_rows(loaded, Finished([picture], QUESTION, IDS), layer, head)


def test_focus_heads_are_the_first_of_the_ranking(
    loaded: LoadedModel, eager: Any, picture: Image.Image
) -> None:
    wanted = eager_rows(loaded, eager, [picture])
    ranked = rank_heads(wanted.mean(axis=2))
    for count in (1, 3, 5):
        got = maps.focus_heads_maps(loaded, Finished([picture], QUESTION, IDS), count=count)
        mean = np.mean([wanted[place] for place in ranked[:count]], axis=0)
        np.testing.assert_allclose(got, mean, **CLOSE)


@torch.no_grad()
def test_relative_rows_are_those_of_the_last_prompt_token(
    loaded: LoadedModel, eager: Any, picture: Image.Image
) -> None:
    got = maps.relative_rows(loaded, Finished([picture], QUESTION, IDS))
    for rows, question in zip(got, (QUESTION, maps.GENERIC_QUESTION), strict=True):
        inputs = build_inputs(loaded, [picture], question)
        image = loaded.image_columns(inputs["input_ids"])[0]
        attentions = eager(**inputs, output_attentions=True).attentions
        wanted = np.stack([layer[0, :, -1][:, image].mean(dim=0).numpy() for layer in attentions])
        np.testing.assert_allclose(rows, wanted, **CLOSE)
    same = maps.relative_rows(loaded, Finished([picture], maps.GENERIC_QUESTION, IDS))
    np.testing.assert_allclose(relative_map(*same), np.ones(24), atol=1e-6)


def test_gradient_maps_are_those_of_autograd_on_the_eager_model(
    any_loaded: LoadedModel, any_eager: Any, picture: Image.Image
) -> None:
    """Row i from the gradient of one logit by whole matrices, of which only row i is looked at.

    Of three layers the second is at 67 % of the depth. On the whole sequence that gradient is the same:
    the logit at a position hangs on later layers' rows of that position alone, or of earlier ones, which
    do not hang on row i."""
    whole = whole_inputs(any_loaded, [picture])
    image = any_loaded.image_columns(whole["input_ids"])[0]
    first = whole["input_ids"].shape[1] - len(IDS) + 1
    layers = any_loaded.attention_layers
    band = [layers[entry] for entry in middle_layers(layers, any_loaded.n_layers)]
    output = any_eager(**whole, output_attentions=True)
    weights = [by_layer(any_eager, output.attentions)[layer] for layer in band]
    wanted = []
    for index, target in enumerate(IDS[1:], start=first):
        slopes = torch.autograd.grad(output.logits[0, index, target], weights, retain_graph=True)
        rows = [
            (weight * slope.clamp(min=0))[0, :, index].mean(dim=0)[image].detach().numpy()
            for weight, slope in zip(weights, slopes, strict=True)
        ]
        wanted.append(np.mean(rows, axis=0))
    told: list[float] = []
    trained = [parameter.requires_grad for parameter in any_loaded.model.parameters()]
    got = maps.gradient_maps(any_loaded, Finished([picture], QUESTION, IDS), progress=told.append)
    np.testing.assert_allclose(got, np.stack(wanted), rtol=1e-2, atol=1e-5)
    assert got.max() > 1e-4 and told == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert trained == [parameter.requires_grad for parameter in any_loaded.model.parameters()]
    none = maps.gradient_maps(any_loaded, Finished([picture], QUESTION, IDS[:1]))
    assert none.shape == (0, int(image.sum()))


def test_the_reference_of_rollout_by_hand() -> None:
    first = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0.0]])
    second = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1.0]])
    # first + I halved: rows [1 0 0], [0 1 0], [0 .5 .5]; second: [1 0 0], [.5 .5 0], [0 0 1].
    # second @ first: [1 0 0], [.5 .5 0], [0 .5 .5]. first @ second would give [.25 .25 .5] last.
    wanted = [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]]
    assert rollout(np.stack([first, second])) == pytest.approx(np.array(wanted))


@torch.no_grad()
def test_rollout_maps_are_the_product_of_whole_matrices(
    any_loaded: LoadedModel, any_eager: Any, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = whole_inputs(any_loaded, [picture])
    image = any_loaded.image_columns(whole["input_ids"])[0].numpy()
    attentions = readable(any_loaded, any_eager, whole).mean(dim=1)
    wanted = rollout(attentions.double().numpy())[1 - len(IDS) :][:, image]
    for chunk in (scores.CHUNK_BYTES, 1):
        monkeypatch.setattr(scores, "CHUNK_BYTES", chunk)
        got = maps.rollout_maps(any_loaded, Finished([picture], QUESTION, IDS))
        np.testing.assert_allclose(got, wanted, **CLOSE)
    short = Finished([picture], QUESTION, IDS[:1])
    assert maps.rollout_maps(any_loaded, short).shape == (0, int(image.sum()))


def test_maps_of_an_adapter_leave_the_switch_and_the_lock(
    fresh: LoadedModel, picture: Image.Image, tmp_path: Path
) -> None:
    config = lora_config(rank=2, alpha=8)
    config.init_lora_weights = False
    plain = maps.head_maps(fresh, Finished([picture], QUESTION, IDS))
    policy = attach(fresh.model, config, "other")
    save_adapter(policy, "other", tmp_path / "adapter")
    fresh.model = policy.unload()
    load_adapter(fresh, tmp_path / "adapter", "mine")
    np.testing.assert_allclose(maps.head_maps(fresh, Finished([picture], QUESTION, IDS)), plain, **CLOSE)
    adapted = maps.head_maps(fresh, Finished([picture], QUESTION, IDS, adapter="mine"))
    assert np.abs(adapted - plain).max() > 1e-3
    assert fresh.adapter is None and not fresh.lock.locked()
    with pytest.raises(AdapterError):
        maps.gradient_maps(fresh, Finished([picture], QUESTION, IDS, adapter="nobody"))
    assert not fresh.lock.locked()
