"""The study's protocol `repair`: corrections of a model that is right for the wrong reason.

A shortcut model (`shortcut`) reads a confounder. Its corrections are pictures where the confounder agrees and
that it answers right: look at what is asked about, do not look at the confounder. Whether that mended it
shows where the two conflict, on pictures that nobody has seen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from sayo_app.core.attention.steps import answer_text
from sayo_app.core.geometry.elsewhere import elsewhere
from sayo_app.core.geometry.region import Region
from sayo_app.core.scenes.confounders import CONFOUNDED, ConfoundedScene, find_confounder, make_confounded
from sayo_app.core.scenes.questions import FAMILIES, HELD_OUT_SEED, answers_match
from sayo_app.mllm.answering.steer import Steering
from sayo_app.mllm.machine import machine
from sayo_app.mllm.models.adapters import load_adapter, switch
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.settings import ASSETS_DIR, BUNDLED, Settings
from training.data.batches import Batch
from training.data.completions import Completions
from training.data.samples import Sample
from training.looks.attention_targets import targets_of
from training.looks.scoring import Reading, Scorer
from training.rl.judging import Judged, judge
from training.study.arms import REPAIR, Arm
from training.study.data import study_sample
from training.study.results import append_result, read_results, record_key
from training.study.running import BATCH, Plan, distance, spend
from training.study.shortcut import SHORTCUT, save_shortcut

# Beyond the scenes of the other protocol.
FIRST_SEED = 6 * HELD_OUT_SEED
SEEDS_A_STUDY, PART = 10_000_000, 1_000_000
OTHERS = tuple(family for family in FAMILIES if family not in CONFOUNDED)
# A random region stays this far from the real ones: a cell of the grid, so that they share none.
APART_PX = 32


@dataclass(frozen=True, eq=False)
class RepairData:
    """One seed's pictures; none is in two parts.

    Attributes:
        train: corrections of agreeing pictures that the shortcut model answers right.
        held_out: by what is measured on them: conflicting, agreeing, plain (no confounder), others (families
            without one).
        suggested: what the confounder of each conflicting picture shows.
    """

    train: list[Sample]
    held_out: dict[str, list[Sample]]
    suggested: list[str]


def repair_sample(seed: int, confounder: str, family: str, agrees: bool) -> Sample:
    """A scene with a confounder: look at what is asked about, do not look at the confounder."""
    made = _scene(seed, confounder, family, agrees)
    regions = (Region.box(*made.look_xyxy), Region.box(*made.away_xyxy, look=False))
    name = f"{confounder}-{family}-{seed}"
    question = made.question
    return Sample(name, lambda: _picture(made), question.question, question.answer, regions, family)


def find_corrections(
    loaded: LoadedModel, confounder: str, seed: int, count: int, max_new_tokens: int
) -> list[dict[str, Any]]:
    """The first agreeing scenes of a seed that the model answers right, families in turn: JSON-able."""
    found: list[dict[str, Any]] = []
    place = FIRST_SEED + seed * SEEDS_A_STUDY
    while len(found) < count:
        asked = [(place + i, CONFOUNDED[(place + i) % len(CONFOUNDED)]) for i in range(BATCH)]
        place += BATCH
        samples = [repair_sample(scene, confounder, family, True) for scene, family in asked]
        judged = judge(loaded, samples, max_new_tokens=max_new_tokens, batch_size=BATCH)
        found += [
            {"scene": scene, "family": family}
            for (scene, family), one in zip(asked, judged, strict=True)
            if one.answer == 1
        ]
    return found[:count]


def repair_data(corrections: Sequence[dict[str, Any]], confounder: str, seed: int, count: int) -> RepairData:
    """The pictures of one seed. Args: count: of each held-out kind."""
    start = FIRST_SEED + seed * SEEDS_A_STUDY + 5 * PART

    def places(part: int, families: Sequence[str]) -> list[tuple[int, str]]:
        first = start + part * PART
        chosen = [(first + i, families[i % len(families)]) for i in range(count)]
        # A batch runs until its longest answer ends, and a family's answers are of like length.
        return sorted(chosen, key=lambda place: place[1])

    conflicting = places(0, CONFOUNDED)
    return RepairData(
        train=[repair_sample(one["scene"], confounder, one["family"], True) for one in corrections],
        held_out={
            "conflicting": [repair_sample(scene, confounder, family, False) for scene, family in conflicting],
            "agreeing": [
                repair_sample(scene, confounder, family, True) for scene, family in places(1, CONFOUNDED)
            ],
            "plain": [study_sample(scene, family) for scene, family in places(2, CONFOUNDED)],
            "others": [study_sample(scene, family) for scene, family in places(3, OTHERS)],
        },
        suggested=[_scene(scene, confounder, family, False).suggested for scene, family in conflicting],
    )


def annotated(samples: Sequence[Sample], regions: str, seed: int) -> list[Sample]:
    """The samples with the regions that an arm trains on.

    Args:
        regions: `both`; `look` or `away` alone; `random`, of the same size but touching neither; `shuffled`
            between pictures; `fifth`, both on one picture of five and none on the others.
    """
    rng = np.random.default_rng([seed, 31])
    if regions == "both":
        return list(samples)
    if regions in ("look", "away"):
        return [
            replace(
                one, regions=tuple(region for region in one.regions if region.look == (regions == "look"))
            )
            for one in samples
        ]
    if regions == "fifth":
        return [one if number % 5 == 0 else replace(one, regions=()) for number, one in enumerate(samples)]
    if regions == "shuffled":
        others = rng.permutation(len(samples))
        # A whole turn, so that nobody keeps its own.
        follows = {int(a): int(b) for a, b in zip(others, np.roll(others, 1), strict=True)}
        return [
            replace(one, regions=_fitting(samples[follows[number]].regions, one))
            for number, one in enumerate(samples)
        ]
    return [replace(one, regions=_random_regions(one, rng)) for one in samples]


def _random_regions(sample: Sample, rng: np.random.Generator) -> tuple[Region, ...]:
    """Without a place for one it has none."""
    wide = [
        Region.box(x0 - APART_PX, y0 - APART_PX, x1 + APART_PX, y1 + APART_PX)
        for x0, y0, x1, y1 in (region.box_xyxy for region in sample.regions)
    ]
    return elsewhere(sample.regions, sample.open_picture().size, rng, away_from=wide) or ()


def _fitting(regions: Sequence[Region], sample: Sample) -> tuple[Region, ...]:
    """Pushed onto the sample's picture, which may be of another shape."""
    width, height = sample.open_picture().size
    found = []
    for region in regions:
        x0, y0, x1, y1 = region.box_xyxy
        left, top = max(0.0, min(x0, width - (x1 - x0))), max(0.0, min(y0, height - (y1 - y0)))
        found.append(Region.box(left, top, left + x1 - x0, top + y1 - y0, look=region.look))
    return tuple(found)


def run_repair(
    settings: Settings,
    plan: Plan,
    arms: Sequence[str],
    seeds: Sequence[int],
    results: Path,
    confounders: Sequence[str],
) -> list[dict[str, Any]]:
    """Every confounder, arm and seed that is not in the results yet; returns all of them, arm by arm.

    The shortcut model of a confounder for which none ships is made once, beside the results.
    """
    for confounder in confounders:
        shortcut = _shortcut_dir(settings.model, confounder, results)
        if not shortcut.exists():
            save_shortcut(settings, confounder, 0, shortcut)
        for seed in seeds:
            data, corrections = None, _corrections(settings, plan, confounder, seed, results, shortcut)
            for name in arms:
                key = repair_key(confounder, name, seed, plan)
                if any(one["key"] == key for one in read_results(results)):
                    continue
                data = data or repair_data(corrections, confounder, seed, plan.held_out)
                found = measure(load_model(settings), plan, REPAIR[name], seed, data, shortcut)
                append_result(results, {"key": key, "confounder": confounder, **found})
    known = {one["key"]: one for one in read_results(results)}
    return [
        known[repair_key(confounder, name, seed, plan)]
        for name in arms
        for confounder in confounders
        for seed in seeds
    ]


def _shortcut_dir(model: str, confounder: str, results: Path) -> Path:
    shipped = ASSETS_DIR / "shortcuts" / confounder
    if model == BUNDLED and shipped.is_dir():
        return shipped
    return results.parent / f"shortcut-{confounder.replace(':', '-')}"


def repair_key(confounder: str, arm: str, seed: int, plan: Plan) -> str:
    """What a result is found by."""
    return f"{record_key(arm, seed, plan.corrections, plan.spent)} of {confounder}"


def _corrections(
    settings: Settings, plan: Plan, confounder: str, seed: int, results: Path, shortcut: Path
) -> list[dict[str, Any]]:
    """The corrections of a seed, looked for once."""
    key = f"corrections of {confounder} seed {seed}"
    known = [one["corrections"] for one in read_results(results) if one["key"] == key]
    if known and len(known[-1]) >= plan.corrections:
        kept: list[dict[str, Any]] = known[-1][: plan.corrections]
        return kept
    loaded = load_model(settings)
    load_adapter(loaded, shortcut, SHORTCUT)
    switch(loaded, SHORTCUT)
    found = find_corrections(loaded, confounder, seed, plan.corrections, plan.config.max_new_tokens)
    append_result(results, {"key": key, "corrections": found})
    return found


def measure(
    loaded: LoadedModel, plan: Plan, arm: Arm, seed: int, data: RepairData, shortcut: Path
) -> dict[str, Any]:
    """Train one arm on the shortcut model and judge it: a figure for each picture.

    Args:
        loaded: freshly loaded, without an adapter.
        shortcut: folder of the adapter that has the fault.
    """
    config = plan.config.replace(seed=seed, **arm.changes)
    tokens, steering = config.max_new_tokens, None
    began, steps = time.process_time(), 0
    if arm.kind == "trained":
        samples = annotated(data.train, arm.regions, seed)
        steps = spend(loaded, plan, config, samples, base_adapter=shortcut)
    else:
        load_adapter(loaded, shortcut, SHORTCUT)
        switch(loaded, SHORTCUT)
        if arm.kind == "steered":
            layers = loaded.attention_layers[-1:] if arm.last_only else loaded.attention_layers
            steering = Steering(dict.fromkeys(layers), 4.0 if arm.last_only else 1.5)
    seconds = time.process_time() - began
    watch = FactLooks(loaded)
    found: dict[str, dict[str, list[float]]] = {}
    for name, samples in data.held_out.items():
        judged = judge(
            loaded,
            samples,
            max_new_tokens=tokens,
            batch_size=BATCH,
            steering=steering,
            watch=watch if name == "conflicting" else None,
        )
        found[name] = {"answer": [one.answer or 0.0 for one in judged]}
        if name == "conflicting":
            found[name] |= {"confounder": _given(judged, data.suggested)} | watch.figures
    return {
        "seed": seed,
        "steps": steps,
        "seconds": round(seconds, 1),
        **found,
        "kl": distance(loaded, data.held_out["plain"], tokens) if arm.kind == "trained" else None,
        "machine": machine(loaded.device),
    }


def _given(judged: Sequence[Judged], suggested: Sequence[str]) -> list[float]:
    """1 where the answer is what the confounder shows."""
    return [
        float(answers_match(answer_text(one.text), wrong))
        for one, wrong in zip(judged, suggested, strict=True)
    ]


class FactLooks:
    """Shares of attention at the row that predicts the answer in the reasoning, last layer."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self.figures: dict[str, list[float]] = {"on look": [], "on away": []}

    @torch.no_grad()
    def __call__(self, batch: Batch, completions: Completions) -> None:
        layers = tuple(self._loaded.attention_layers[-1:])
        scores = Scorer(self._loaded.model, Reading(layers))(batch, completions)
        targets = targets_of(self._loaded, batch, completions, scores.entropies, predicting=True, facts=True)
        read = targets.read[:, 0].to(scores.rows)
        row = torch.einsum("rqn,rq->rn", scores.mean_rows, read)
        whole = row.sum(dim=1).clamp(min=1e-12)
        for name, cells in (("on look", targets.look), ("on away", targets.away)):
            shares = (row * cells[:, 0]).sum(dim=1) / whole
            self.figures[name] += [round(float(share), 4) for share in shares]


@cache
def _scene(seed: int, confounder: str, family: str, agrees: bool) -> ConfoundedScene:
    """Kept in memory: the study opens each picture many times."""
    return make_confounded(seed, find_confounder(confounder), family=family, agrees=agrees)


def _picture(made: ConfoundedScene) -> Image.Image:
    return made.picture
