"""What a model can do on held-out composed scenes, by family: the table of the bundled model's card."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

from sayo_app.core.scenes.questions import FAMILIES, HELD_OUT_SEED
from sayo_app.mllm.machine import machine
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import grey
from training.data.samples import scene_sample
from training.rl.judging import Judged, judge, summary
from training.rl.reliance import first_with_regions, with_reliance

_COLUMNS = ("accuracy", "blind_accuracy", "format", "sayo_reward", "energy", "pointing")
_OF_COVERED = ("reliance", "control")


def evaluate_scenes(
    loaded: LoadedModel,
    scenes: int,
    seed: int,
    max_new_tokens: int,
    batch_size: int = 32,
    covered: int = 0,
) -> dict[str, Any]:
    """Figures of all scenes and of each family, blind accuracy beside.

    Args:
        seed: added to `HELD_OUT_SEED`; the scenes are that seed and the `scenes - 1` after it.
        covered: how many of them, first ones first, are asked again with regions covered: families take
            turns by seed, so each has its share.
    """
    started = time.monotonic()
    samples = [scene_sample(HELD_OUT_SEED + seed + i) for i in range(scenes)]
    pairs = list(zip(samples, first_with_regions(samples, covered), strict=True))
    # A batch runs until its longest answer ends, and a family's answers are of like length.
    pairs.sort(key=lambda pair: FAMILIES.index(pair[0].family))
    samples, chosen = [sample for sample, _ in pairs], [wanted for _, wanted in pairs]
    ask = partial(judge, loaded, max_new_tokens=max_new_tokens, batch_size=batch_size)
    cover = partial(with_reliance, loaded, max_new_tokens=max_new_tokens, batch_size=batch_size)
    seen = cover(samples, ask(samples), chosen)
    blind = ask([replace(sample, open_picture=grey(sample)) for sample in samples])
    return {
        "model": loaded.name,
        "scenes": scenes,
        "seed": seed,
        "covered": sum(chosen),
        "overall": _row(seen, blind),
        "families": {
            family: _row(
                [one for one in seen if one.family == family],
                [one for one in blind if one.family == family],
            )
            for family in FAMILIES
            if any(one.family == family for one in seen)
        },
        "seconds": round(time.monotonic() - started, 1),
        "machine": machine(loaded.device),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "numpy")},
    }


def _row(seen: Sequence[Judged], blind: Sequence[Judged]) -> dict[str, Any]:
    return summary(seen) | {"blind_accuracy": summary(blind)["accuracy"]}


def columns(result: dict[str, Any]) -> tuple[str, ...]:
    """Names of the figures that the table of a result has; what was not measured has no column."""
    return (*_COLUMNS, *(name for name in _OF_COVERED if name in result["overall"]))


def table(result: dict[str, Any]) -> str:
    """The result of `evaluate_scenes` for a person to read."""
    names = columns(result)
    lines = [f"{'family':<12}{'count':>7}" + "".join(f"{name:>16}" for name in names)]
    for family, row in [*result["families"].items(), ("overall", result["overall"])]:
        figures = (row.get(name) for name in names)
        cells = "".join(f"{'-' if figure is None else format(figure, '.3f'):>16}" for figure in figures)
        lines.append(f"{family:<12}{row['count']:>7}{cells}")
    if result["covered"]:
        lines.append(f"reliance and control: of {result['covered']} scenes, with regions covered")
    device, threads = result["machine"]["device"], result["machine"]["threads"]
    lines.append(
        f"{result['model']}, seed {result['seed']}, {result['seconds']} s on {device} ({threads} threads)"
    )
    return "\n".join(lines)
