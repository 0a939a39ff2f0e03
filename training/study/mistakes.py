"""The study's protocol `mistakes`: corrections of the bundled model's own mistakes, as they come."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sayo_app.mllm.answering.steer import MAX_STRENGTH, Steering
from sayo_app.mllm.machine import machine
from sayo_app.mllm.models.loading import load_model
from sayo_app.settings import Settings
from training.data.samples import Sample
from training.rl.judging import judge
from training.study.arms import MISTAKES, Arm
from training.study.data import (
    StudyData,
    answered_right,
    find_mistakes,
    find_steering,
    stepped,
    study_data,
)
from training.study.results import append_result, read_results, record_key
from training.study.running import BATCH, Plan, distance, spend

# Arms that are steered towards or away from the region while they answer.
STEERED = ("steered", "attention_blocked")
FIGURES = ("answer", "attention", "predicting", "energy", "pointing")


def run_mistakes(
    settings: Settings, plan: Plan, arms: Sequence[str], seeds: Sequence[int], results: Path
) -> list[dict[str, Any]]:
    """Every arm and seed that is not in the results yet; returns all of them, arm by arm."""
    for seed in seeds:
        data, mistakes = None, _mistakes(settings, plan, seed, results)
        for name in arms:
            key = record_key(name, seed, plan.corrections, plan.spent)
            if any(one["key"] == key for one in read_results(results)):
                continue
            data = data or study_data(mistakes, seed, plan.held_out, plan.others)
            append_result(results, {"key": key, **measure(settings, plan, MISTAKES[name], seed, data)})
    found = {one["key"]: one for one in read_results(results)}
    return [found[record_key(name, seed, plan.corrections, plan.spent)] for name in arms for seed in seeds]


def measure(settings: Settings, plan: Plan, arm: Arm, seed: int, data: StudyData) -> dict[str, Any]:
    """Train one arm on a freshly loaded model and judge it: a figure for each picture."""
    loaded, config = load_model(settings), plan.config.replace(seed=seed, **arm.changes)
    tokens = config.max_new_tokens
    steering = None
    if arm.kind == "steered" or config.steered_share or config.distil or config.attention_layers == "found":
        steering = find_steering(loaded, data.train, tokens, BATCH)
    if arm.kind == "attention_blocked":
        layers = loaded.attention_layers[-1:] if arm.last_only else loaded.attention_layers
        steering = Steering(dict.fromkeys(layers), -MAX_STRENGTH, prompt=not arm.last_only)
    began, steps = time.process_time(), 0
    if arm.kind == "trained":
        samples = stepped(data.train) if arm.stepped else data.train
        if arm.confirmed:
            samples = samples + answered_right(loaded, data.confirmed, len(samples), tokens, BATCH)
        steps = spend(loaded, plan, config, samples, validation=data.validation, steering=steering)
    seconds = time.process_time() - began

    def judged(samples: Sequence[Sample]) -> dict[str, list[float]]:
        used = steering if arm.kind in STEERED else None
        found = judge(loaded, samples, max_new_tokens=tokens, batch_size=BATCH, steering=used)
        return {
            name: [round(float(v), 4) for one in found if (v := getattr(one, name)) is not None]
            for name in FIGURES
        }

    return {
        "seed": seed,
        "steps": steps,
        "seconds": round(seconds, 1),
        "steering": None if steering is None else steering.to_dict(),
        "held_out": judged(data.held_out),
        "untouched": judged(data.untouched),
        "train": judged(data.train),
        "kl": distance(loaded, data.held_out, tokens) if arm.kind not in STEERED else None,
        "machine": machine(loaded.device),
    }


def _mistakes(settings: Settings, plan: Plan, seed: int, results: Path) -> list[dict[str, Any]]:
    """The corrections of a seed, looked for once."""
    key = f"corrections seed {seed}"
    known = [one["mistakes"] for one in read_results(results) if one["key"] == key]
    if known and len(known[-1]) >= plan.corrections:
        found: list[dict[str, Any]] = known[-1][: plan.corrections]
        return found
    tokens = plan.config.max_new_tokens
    mistakes = find_mistakes(load_model(settings), seed, plan.corrections, tokens, BATCH)
    append_result(results, {"key": key, "mistakes": mistakes})
    return mistakes
