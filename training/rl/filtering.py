"""Groups that tell nothing, left out: those whose completions are all worth the same by answer and format.

DAPO (arXiv 2503.14476, section 3.2) then draws other prompts until the step is full. Here a step is what is
left of it, which Adam takes as far as a full one; a step of nothing but even groups is taken as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import RunConfig
from training.data.batches import Batch, collate
from training.data.completions import Completions
from training.rl.rewards import answer_reward, format_reward


def uneven(
    loaded: LoadedModel, config: RunConfig, batch: Batch, completions: Completions
) -> tuple[Batch, Completions]:
    """The groups that differ, or all where none does."""
    chosen = uneven_groups(config, batch, completions)
    if not chosen or len(chosen) == len(batch.prompts):
        return batch, completions
    size = completions.num_generations
    rows = [number * size + i for number in chosen for i in range(size)]
    # No wider than the longest of those that stay: whoever reads them goes by their lengths.
    longest = int(completions.mask[rows].sum(dim=1).max())
    kept = replace(
        completions,
        ids=completions.ids[rows, :longest],
        mask=completions.mask[rows, :longest],
        texts=tuple(completions.texts[row] for row in rows),
    )
    return collate(loaded, [batch.prompts[number] for number in chosen]), kept


def uneven_groups(config: RunConfig, batch: Batch, completions: Completions) -> list[int]:
    """The prompts whose completions are not all worth the same."""
    size = completions.num_generations
    groups = [completions.texts[i * size : (i + 1) * size] for i in range(len(batch.prompts))]
    return [
        number
        for number, (prompt, texts) in enumerate(zip(batch.prompts, groups, strict=True))
        if len(set(_worth(config.reward_parts, texts, prompt.sample.answer))) > 1
    ]


def _worth(parts: Sequence[str], texts: Sequence[str], wanted: str | None) -> list[float]:
    return [
        (answer_reward(text, wanted) if "answer" in parts and wanted is not None else 0.0)
        + (format_reward(text) if "format" in parts else 0.0)
        for text in texts
    ]
