"""Saliency: gradient times input, a map a completion, against finite differences."""

from __future__ import annotations

from dataclasses import replace

import torch

from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import collate, encode
from training.data.prompts import Prompts
from training.data.samples import Sample
from training.looks.attention_targets import targets_of
from training.looks.saliency import saliency, saliency_reward
from training.looks.scoring import Scorer, reward_view
from training.rl.rollout import generate, group_uniforms


def test_each_completions_map_is_its_own_and_that_of_finite_differences(
    loaded: LoadedModel, samples: list[Sample]
):
    batch = collate(loaded, Prompts(loaded)(samples[:2]))
    uniforms = group_uniforms([(1, 1), (1, 2)], 2, 6)
    completions = generate(loaded, batch, max_new_tokens=6, num_generations=2, uniforms=uniforms)
    scorer = Scorer(loaded.model, reward_view(loaded))
    targets = targets_of(loaded, batch, completions, scorer(batch, completions).entropies, predicting=True)
    maps = saliency(loaded, scorer, batch, completions, targets)
    read = torch.nn.functional.pad(targets.read.any(dim=1), (1, 0))

    def said(scale: float, token: int) -> torch.Tensor:
        """Of the first picture's completions, with one token's features scaled."""
        features = batch.picture_features
        first = features.pooler_output[0].clone()
        first[token] *= scale
        changed = type(features)(**{**features, "pooler_output": [first, *features.pooler_output[1:]]})
        with torch.no_grad():
            log_probs = scorer(replace(batch, picture_features=changed), completions).log_probs
        return (log_probs * read).sum(dim=1)

    for token in (0, 3):
        slope = (said(1.001, token) - said(0.999, token)) / 0.002
        torch.testing.assert_close(maps[:2, token], slope[:2].abs(), atol=2e-3, rtol=0.05)
    assert not maps[2:, len(batch.picture_features.pooler_output[1]) :].any()


def test_the_reward_is_the_share_in_the_region(loaded: LoadedModel, samples: list[Sample]):
    bare = replace(samples[1], regions=())
    batch = collate(loaded, [encode(loaded, sample) for sample in (samples[0], bare)])
    completions = generate(loaded, batch, max_new_tokens=6)
    scorer = Scorer(loaded.model, reward_view(loaded))
    targets = targets_of(loaded, batch, completions, scorer(batch, completions).entropies)
    maps = saliency(loaded, scorer, batch, completions, targets)
    inside = maps[0][targets.look[0, 0]].sum() / maps[0].sum()
    rewards = saliency_reward(loaded, scorer, batch, completions, targets)
    torch.testing.assert_close(rewards, torch.stack([inside, torch.zeros(())]))
    assert 0 < float(inside) < 1
