"""The steered policy: its attention biased towards the region while it answers.

What it answers then can stand in the group (the answer reward picks what looking right gives), or be
distilled into the policy that is not steered. The steering is the one found for the model
(`mllm.answering.steer`).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sayo_app.errors import TrainingError
from sayo_app.mllm.answering.steer import Steering, steer_request
from sayo_app.mllm.attention.bias import SteerRequest
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import RunConfig
from training.data.batches import Batch
from training.data.completions import Completions


def needed(config: RunConfig, found: Steering | None) -> Steering | None:
    """The steering that a run's settings call for; None where they call for none.

    Raises:
        TrainingError: they do and nothing was found for this model.
    """
    if not config.steered_share and not config.distil:
        return None
    if found is None:
        raise TrainingError(
            expected="layers and heads found for this model, to steer it",
            got="none",
            remedy="Find them with `python -m sayo_app.mllm.steer_table`, or train without steering.",
        )
    return found


def region_bias(loaded: LoadedModel, batch: Batch, steering: Steering) -> SteerRequest:
    """Towards each prompt's region; a prompt without one is left as it is."""
    masks = [prompt.region_mask for prompt in batch.prompts]
    return steer_request(loaded, batch.input_ids, steering, masks)


def mixed(plain: Completions, steered: Completions, pad: int) -> Completions:
    """Groups whose last completions are steered ones: as many a group as `steered` has."""
    groups = len(plain.ids) // plain.num_generations
    kept = plain.num_generations - steered.num_generations
    width = max(plain.ids.shape[1], steered.ids.shape[1])

    def joined(first: Tensor, second: Tensor, fill: int | bool) -> Tensor:
        grown = [
            torch.nn.functional.pad(part, (0, width - part.shape[1]), value=fill).view(groups, -1, width)
            for part in (first, second)
        ]
        return torch.cat([grown[0][:, :kept], grown[1]], dim=1).flatten(0, 1)

    texts: list[str] = []
    for group in range(groups):
        first, second = group * plain.num_generations, group * steered.num_generations
        texts += plain.texts[first : first + kept]
        texts += steered.texts[second : second + steered.num_generations]
    mask = joined(plain.mask, steered.mask, False)
    # The longest plain completion may be one that is not kept: no column is padding alone.
    longest = int(mask.sum(dim=1).max())
    return replace(
        plain,
        ids=joined(plain.ids, steered.ids, pad)[:, :longest],
        mask=mask[:, :longest],
        texts=tuple(texts),
    )
