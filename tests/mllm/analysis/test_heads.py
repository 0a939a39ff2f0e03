from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sayo_app.core.attention.steps import split_steps
from sayo_app.errors import InputError
from sayo_app.mllm.analysis.heads import HeadCase, find_heads, head_effects, heads_for_region, top_heads
from sayo_app.mllm.answering.forward import feed, read_prompt
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.answering.steer import Steering, steer_request
from sayo_app.mllm.models.loading import LoadedModel
from tests.mllm.helpers import noise

COMPLETION = "The dog is at the right. Its tag is blue. <answer>blue</answer>"
QUESTION = "What colour is the tag on the dog?"


@torch.no_grad()
def test_scores_are_those_of_eager_attention(loaded: LoadedModel, eager: Any, picture: Image.Image) -> None:
    """Log-ratio by step, from whole matrices: steps 0 and 2 have a region, step 1 has none."""
    masks = {0: np.arange(24) < 5, 2: np.arange(24) % 4 == 0}
    got = find_heads(loaded, [HeadCase([picture], QUESTION, COMPLETION, masks)])
    inputs = build_inputs(loaded, [picture], QUESTION)
    ids = torch.tensor([loaded.tokenizer(COMPLETION).input_ids])
    whole = dict(inputs) | {
        "input_ids": torch.cat([inputs["input_ids"], ids], dim=1),
        "attention_mask": torch.nn.functional.pad(inputs["attention_mask"], (0, ids.shape[1]), value=1),
        "mm_token_type_ids": torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, ids.shape[1])),
    }
    image = loaded.image_columns(whole["input_ids"])[0]
    prompt = inputs["input_ids"].shape[1]
    attentions = torch.stack(eager(**whole, output_attentions=True).attentions)[:, 0, :, prompt:][..., image]
    rows = attentions.numpy()
    steps = split_steps([loaded.tokenizer.decode([token]) for token in ids[0].tolist()])
    assert len(steps) == 3
    wanted = []
    for index, mask in masks.items():
        mean = rows[:, :, steps[index].start : steps[index].stop].mean(axis=2)
        wanted.append(np.log(mean[..., mask].mean(axis=-1) / mean.mean(axis=-1)))
    assert got.shape == (3, 4)
    np.testing.assert_allclose(got, np.mean(wanted, axis=0), atol=1e-4)


def test_heads_are_scored_in_every_family(any_loaded: LoadedModel, picture: Image.Image) -> None:
    """One row of scores a layer that has maps, by attention and by what biasing a head does."""
    inputs = build_inputs(any_loaded, [picture], QUESTION)
    mask = np.arange(any_loaded.image_grids(inputs, [picture.size])[0][0].n_tokens) < 5
    case = HeadCase([picture], QUESTION, COMPLETION, {0: mask}, mask)
    for scores in (find_heads(any_loaded, [case]), head_effects(any_loaded, [case])):
        assert scores.shape == (len(any_loaded.attention_layers), 4)
        assert np.isfinite(scores).all() and np.abs(scores).max() > 1e-4


def test_cases_are_averaged_and_empty_ones_left_out(loaded: LoadedModel, picture: Image.Image) -> None:
    one = HeadCase([picture], QUESTION, COMPLETION, {0: np.arange(24) < 5})
    other = HeadCase([noise((80, 80))], QUESTION, COMPLETION, {1: np.arange(25) > 20})
    empty = HeadCase(
        [picture], QUESTION, COMPLETION, {0: np.zeros(24, dtype=bool), 9: np.ones(24, dtype=bool)}
    )
    alone = [find_heads(loaded, [case]) for case in (one, other)]
    np.testing.assert_allclose(find_heads(loaded, [one, empty, other]), np.mean(alone, axis=0), atol=1e-6)
    everywhere = HeadCase([picture], QUESTION, COMPLETION, {0: np.ones(24, dtype=bool)})
    np.testing.assert_allclose(find_heads(loaded, [everywhere]), np.zeros((3, 4)), atol=1e-5)
    with pytest.raises(InputError):
        find_heads(loaded, [empty])


def test_effects_are_what_a_small_bias_does(loaded: LoadedModel, picture: Image.Image) -> None:
    """The gradient of one head after another against a difference quotient with `SteerRequest` itself."""
    region = np.arange(24) < 8
    case = HeadCase([picture], QUESTION, COMPLETION, {}, region)
    got = head_effects(loaded, [case, HeadCase([picture], QUESTION, COMPLETION, {})])
    inputs = build_inputs(loaded, [picture], QUESTION)
    ids = torch.tensor([loaded.tokenizer(COMPLETION).input_ids])

    def log_p(heads: dict[int, tuple[int, ...]], strength: float) -> float:
        steer = steer_request(loaded, inputs["input_ids"], Steering(heads, strength), [region])
        with torch.no_grad():
            prefix, fed = read_prompt(loaded, inputs), ids[:, :-1]
            logits = feed(loaded.model, prefix, fed, keep=fed.shape[1], sayo_steer=steer)
        return float(torch.log_softmax(logits[0].double(), -1).gather(1, ids[0, 1:, None]).sum())

    assert got.shape == (3, 4) and np.abs(got).max() > 0.1
    for layer, head in ((0, 1), (1, 3), (2, 0)):
        quotient = (log_p({layer: (head,)}, 0.02) - log_p({layer: (head,)}, -0.02)) / 0.04
        assert got[layer, head] == pytest.approx(quotient, rel=0.02, abs=0.02)
    with pytest.raises(InputError, match="a region for the whole answer"):
        head_effects(loaded, [HeadCase([picture], QUESTION, COMPLETION, {})])


def test_top_heads_by_hand() -> None:
    """Six heads: a third are the two best, 9 and 7, in layers 4 and 8."""
    scores = np.array([[1.0, 7.0, 2.0], [0.0, 7.0, 9.0]])
    assert top_heads(scores, [4, 8], share=1 / 3) == {4: (1,), 8: (2,)}
    assert top_heads(scores, [4, 8], share=0.5) == {4: (1,), 8: (1, 2)}
    assert top_heads(scores, [4, 8], share=0.0) == {8: (2,)}


def test_heads_for_a_region() -> None:
    """Of the two heads of four with most mass, 20 and 4, the second has 3/4 in the region. A head that hardly
    looks at the picture is no find, though all it sees is in the region."""
    maps = np.array([[[3.0, 0, 1, 0], [0.1, 0, 0, 0]], [[5, 5, 5, 5], [0.3, 0, 0.1, 0]]])
    mask = np.array([True, False, False, False])
    assert heads_for_region(maps, mask, [2, 3], share=0.25) == {2: (0,)}
    assert heads_for_region(maps, mask, [2, 3], share=0.5) == {2: (0,), 3: (0,)}
