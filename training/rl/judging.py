"""Held-out answers and their attention: greedy completions, judged one by one, averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sayo_app.core.attention.metrics import pointing_game, region_energy
from sayo_app.core.verdict import HANGING, HANGING_LOGP, KEPT
from sayo_app.mllm.answering.steer import Steering
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import REWARD_PARTS
from training.data.batches import Batch, collate, encode
from training.data.completions import Completions
from training.data.samples import Sample
from training.looks.attention_targets import AttentionTargets, attention_reward, targets_of
from training.looks.scoring import Scorer, reward_view
from training.rl import steered_teacher
from training.rl.rewards import answer_reward, format_reward
from training.rl.rollout import generate


@dataclass(frozen=True)
class Judged:
    """One completion's figures; None where the sample lacks what they are measured against.

    Attributes:
        attention, answer, format: the three rewards.
        energy: share of the attention on the picture that lies in the region, last full-attention
            layer, all rows.
        pointing: 1 where the strongest cell of that map is in the region, else 0.
        length: in tokens, with the end token.
        attention_map: that map, one value an image token; None for an answer without rows.
        predicting: the attention reward of the rows that predict the tokens; known of `judge` only.
        hanging: what the answer hangs on, see `reliance`: those figures of it that were measured.
    """

    family: str
    text: str
    attention: float | None
    answer: float | None
    format: float | None
    energy: float | None
    pointing: float | None
    length: int = 0
    attention_map: Float[np.ndarray, " image"] | None = None
    predicting: float | None = None
    hanging: Mapping[str, float] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, float | None]:
        """The rewards by the names in `REWARD_PARTS`."""
        return {name: getattr(self, name) for name in REWARD_PARTS}

    @property
    def figures(self) -> dict[str, float | None]:
        """Those that are kept of a held-out answer, by the names in `core.verdict.KEPT`."""
        hanging = (*HANGING, *HANGING_LOGP)
        return {name: self.hanging.get(name) if name in hanging else getattr(self, name) for name in KEPT}


def judge_completions(
    batch: Batch,
    completions: Completions,
    rows: Float[Tensor, "row query image"],
    targets: AttentionTargets,
    attention: Float[Tensor, " row"] | None = None,
) -> list[Judged]:
    """Figures of every completion of a batch, in the order of the rows.

    Args:
        rows: the attention to judge, and `targets` what it is judged against.
        attention: the reward of each for it; None stands for the published one.
    """
    prompts = [prompt for prompt in batch.prompts for _ in range(completions.num_generations)]
    if attention is None:
        attention = attention_reward(rows.detach(), targets)
    rewards = attention.tolist()
    wanted, lengths = targets.wanted.tolist(), completions.mask.sum(dim=1).tolist()
    maps = rows.detach().float().cpu().numpy()
    judged = []
    for i, (prompt, text) in enumerate(zip(prompts, completions.texts, strict=True)):
        energy = pointing = None
        own = maps[i, : lengths[i] - 1, : prompt.grid.n_tokens]
        attention_map = own.mean(axis=0) if len(own) else None
        if prompt.region_mask is not None:
            energy = pointing = 0.0
            if attention_map is not None:
                energy = float(region_energy(attention_map, prompt.region_mask))
                pointing = float(pointing_game(attention_map, prompt.region_mask, prompt.grid))
        answer = prompt.sample.answer
        judged.append(
            Judged(
                family=prompt.sample.family,
                text=text,
                attention=rewards[i] if wanted[i] else None,
                answer=None if answer is None else answer_reward(text, answer),
                format=format_reward(text),
                energy=energy,
                pointing=pointing,
                length=lengths[i],
                attention_map=attention_map,
            )
        )
    return judged


def judge(
    loaded: LoadedModel,
    samples: Sequence[Sample],
    *,
    max_new_tokens: int,
    batch_size: int = 32,
    steering: Steering | None = None,
    check: Callable[[], None] = lambda: None,
    watch: Callable[[Batch, Completions], None] | None = None,
) -> list[Judged]:
    """Answer each sample greedily and judge the answers, in the order of the samples.

    Args:
        steering: bias attention towards the regions while answering; rows are then those under it.
        check: called between batches and tokens; may raise to stop.
        watch: called with each batch and its answers, for figures of other kinds.
    """
    scorer = Scorer(loaded.model, reward_view(loaded))
    judged: list[Judged] = []
    for start in range(0, len(samples), batch_size):
        check()
        prompts = [encode(loaded, sample) for sample in samples[start : start + batch_size]]
        batch = collate(loaded, prompts)
        bias = None if steering is None else steered_teacher.region_bias(loaded, batch, steering)
        completions = generate(loaded, batch, max_new_tokens=max_new_tokens, steer=bias, check=check)
        if watch is not None:
            watch(batch, completions)
        with torch.no_grad():
            scores = scorer(batch, completions, steer=bias)
        targets = targets_of(loaded, batch, completions, scores.entropies)
        by_predicting = targets_of(loaded, batch, completions, scores.entropies, predicting=True)
        rewards = attention_reward(scores.mean_rows, by_predicting).tolist()
        for one, reward in zip(
            judge_completions(batch, completions, scores.mean_rows, targets), rewards, strict=True
        ):
            judged.append(replace(one, predicting=None if one.attention is None else reward))
    return judged


def interleaved(parts: Sequence[Judged], processes: int) -> list[Judged]:
    """What several processes judged, each every so manieth sample, end to end; in the samples' order."""
    order = [i for first in range(processes) for i in range(first, len(parts), processes)]
    return [one for _, one in sorted(zip(order, parts, strict=True), key=lambda pair: pair[0])]


def summary(judged: Sequence[Judged]) -> dict[str, Any]:
    """Means over the completions that can be scored; None where none can.

    Of what answers hang on, only what was measured.
    """
    hanging = {name: _mean(one.hanging.get(name) for one in judged) for name in (*HANGING, *HANGING_LOGP)}
    return {
        "count": len(judged),
        "accuracy": _mean(one.answer for one in judged),
        "format": _mean(one.format for one in judged),
        "sayo_reward": _mean(one.attention for one in judged),
        "energy": _mean(one.energy for one in judged),
        "pointing": _mean(one.pointing for one in judged),
        "length": _mean(float(one.length) for one in judged),
    } | {name: share for name, share in hanging.items() if share is not None}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
