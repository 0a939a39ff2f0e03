"""Groups whose completions are all worth the same are left out."""

from __future__ import annotations

from dataclasses import replace

import torch

from sayo_app.mllm.models.loading import LoadedModel
from tests.training.rl.runs import CONFIG
from training.data.batches import collate, encode
from training.data.completions import Completions
from training.data.samples import Sample
from training.rl.filtering import uneven, uneven_groups

RIGHT, WRONG, BROKEN = "It. <answer>red</answer>", "It. <answer>blue</answer>", "blue"


def grouped(texts: tuple[str, ...]) -> Completions:
    ids = torch.arange(len(texts))[:, None].expand(-1, 2)
    return Completions(ids, torch.ones_like(ids, dtype=torch.bool), texts, 2)


def test_groups_that_differ_stay_in_their_order(loaded: LoadedModel, samples: list[Sample]):
    asked = [samples[0], samples[1], replace(samples[2], answer=None), samples[3]]
    batch = collate(loaded, [encode(loaded, sample) for sample in asked])
    # Right and wrong; both right; nobody knows; wrong both, one of them out of format.
    completions = grouped((RIGHT, WRONG, RIGHT, RIGHT, RIGHT, WRONG, WRONG, BROKEN))
    config = CONFIG.replace(reward_parts=("answer", "format"))
    assert uneven_groups(config, batch, completions) == [0, 3]
    assert uneven_groups(config.replace(reward_parts=("answer",)), batch, completions) == [0]
    kept, said = uneven(loaded, config, batch, completions)
    assert [prompt.sample for prompt in kept.prompts] == [asked[0], asked[3]]
    assert said.texts == (RIGHT, WRONG, WRONG, BROKEN) and said.ids[:, 0].tolist() == [0, 1, 6, 7]


def test_where_none_differs_all_stay(loaded: LoadedModel, samples: list[Sample]):
    batch = collate(loaded, [encode(loaded, sample) for sample in samples[:2]])
    completions = grouped((RIGHT, RIGHT, WRONG, WRONG))
    assert uneven(loaded, CONFIG, batch, completions) == (batch, completions)


def test_those_that_stay_are_as_wide_as_their_longest(loaded: LoadedModel, samples: list[Sample]):
    batch = collate(loaded, [encode(loaded, sample) for sample in samples[:2]])
    # The longest completion is in the group that goes.
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]).bool()
    completions = Completions(torch.arange(16).reshape(4, 4), mask, (RIGHT, RIGHT, RIGHT, WRONG), 2)
    _, said = uneven(loaded, CONFIG.replace(reward_parts=("answer",)), batch, completions)
    assert said.ids.tolist() == [[8, 9, 10], [12, 13, 14]]
    assert said.mask.tolist() == mask[2:, :3].tolist()
