"""`python -m training study`: which way of retraining helps, on corrections of the model's own mistakes.

Every arm starts from the same model and has the same corrections and the same time. A result is appended to
a JSONL file as soon as it is there, so that a study that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from sayo_app.mllm.answering.steer import MAX_STRENGTH, Steering
from sayo_app.mllm.machine import machine
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from training.data.batches import collate, encode
from training.data.samples import Sample
from training.rl import steered_teacher
from training.rl.judging import judge
from training.rl.loop import train
from training.rl.rollout import generate
from training.rl.scoring import Scorer, reward_view
from training.rl.sft import imitate
from training.state.checkpoint import FILE_NAME
from training.state.early_stopping import Best
from training.state.policy import Policy
from training.state.progress_log import Cancelled, Progress, StopSignal
from training.study.arms import ARMS, Arm
from training.study.data import (
    StudyData,
    answered_right,
    find_mistakes,
    find_steering,
    stepped,
    study_data,
)
from training.study.results import FORMER_ARMS, append_result, arm_of, read_results, record_key
from training.study.table import rows

BATCH = 64
# Enough for the distance to the base model, which varies little between pictures.
KL_SAMPLES = 64
# Arms that are steered towards or away from the region while they answer.
STEERED = ("steered", "attention_blocked")
CURVE = (8, 32, 128, 512)
FIGURES = ("answer", "attention", "predicting", "energy", "pointing")


class Budget(StopSignal):
    """Asks a run to stop when it has had its seconds of one core, or its steps."""

    def __init__(self, seconds: float | None, steps: int | None) -> None:
        super().__init__()
        self._until = None if seconds is None else time.process_time() + seconds
        self.steps = steps

    @property
    def asked(self) -> bool:
        return self._until is not None and time.process_time() >= self._until

    @asked.setter
    def asked(self, value: bool) -> None:
        """A study is stopped by killing it."""

    def going_on(self, done: int) -> bool:
        return not self.asked and (self.steps is None or done < self.steps)


@dataclass(frozen=True)
class Plan:
    """How large a study is, and what of it belongs to every arm.

    Attributes:
        seconds: of one core, for each arm; None where steps are given.
        corrections: to train on.
        held_out, others: see `study_data`.
        config: what the arms change.
    """

    seconds: float | None = 90.0
    steps: int | None = None
    corrections: int = 64
    held_out: int = 256
    others: int = 192
    config: RunConfig = field(
        default_factory=lambda: RunConfig(learning_rate=5e-4, beta=0.001, eval_every=10, max_kl=0.0)
    )

    @property
    def spent(self) -> str:
        """What an arm's training may cost, in words."""
        return f"{self.steps} steps" if self.steps else f"{self.seconds:g} s"


def study_report(options: argparse.Namespace) -> dict[str, Any]:
    """Carry out what the command line asks for; table, learning curve, machine and command."""
    settings = Settings.from_environment(model=options.model, device="cpu")
    plan = Plan(
        seconds=None if options.steps else options.seconds,
        steps=options.steps,
        corrections=options.corrections,
        held_out=options.held_out,
        others=options.others,
    )
    results = run_study(settings, plan, options.arms or list(ARMS), options.seeds, options.results)
    curve = {}
    for count in CURVE if options.curve is not None else ():
        curve_plan = replace(plan, corrections=count)
        curve[count] = rows(run_study(settings, curve_plan, options.curve, options.seeds, options.results))
    return {
        "command": " ".join(["python -m training", *sys.argv[1:]]),
        "machine": machine(load_model(settings).device),
        "plan": {name: value for name, value in vars(plan).items() if name != "config"},
        "arms": {arm_of(one): ARMS[arm_of(one)].says for one in results},
        "table": rows(results),
        "curve": curve,
    }


def run_study(
    settings: Settings, plan: Plan, arms: Sequence[str], seeds: int, results: Path
) -> list[dict[str, Any]]:
    """Every arm and seed that is not in the results yet; returns all of them, arm by arm."""
    arms = [FORMER_ARMS.get(name, name) for name in arms]
    for seed in range(seeds):
        data, mistakes = None, _mistakes(settings, plan, seed, results)
        for name in arms:
            key = record_key(name, seed, plan.corrections, plan.spent)
            if any(one["key"] == key for one in read_results(results)):
                continue
            data = data or study_data(mistakes, seed, plan.held_out, plan.others)
            append_result(results, {"key": key, **measure(settings, plan, ARMS[name], seed, data)})
    found = {one["key"]: one for one in read_results(results)}
    return [
        found[record_key(name, seed, plan.corrections, plan.spent)] for name in arms for seed in range(seeds)
    ]


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
    if arm.kind == "supervised":
        budget = Budget(plan.seconds, plan.steps)
        steps = imitate(loaded, config, data.train, data.shown, budget.going_on)
    elif arm.kind == "reward":
        samples = stepped(data.train) if arm.stepped else data.train
        if arm.confirmed:
            samples = samples + answered_right(loaded, data.confirmed, len(samples), tokens, BATCH)
        steps = _reinforce(loaded, plan, config, samples, data.validation, steering)
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
        "kl": _distance(loaded, data.held_out[:: max(1, len(data.held_out) // KL_SAMPLES)], tokens)
        if arm.kind not in STEERED
        else None,
    }


def _reinforce(
    loaded: LoadedModel,
    plan: Plan,
    config: RunConfig,
    samples: Sequence[Sample],
    validation: Sequence[Sample],
    steering: Steering | None,
) -> int:
    """Run the loop until the budget is spent; returns the steps taken."""
    steps = plan.steps or 100_000
    # Evaluations are part of an arm's time only where it stops by them.
    watched, every = (validation, config.eval_every) if config.patience else ([], 0)
    config = config.replace(steps=steps, eval_every=every)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events, budget = folder / "progress.jsonl", Budget(plan.seconds, plan.steps)
        options: dict[str, Any] = {
            "folder": folder,
            "progress": Progress(events),
            "found": steering,
            "stop": budget,
        }
        try:
            train(loaded, config, samples, watched, **options)
        except Cancelled:
            best = torch.load(folder / FILE_NAME, weights_only=True)["best"]
            if best is not None:
                Best(**best).restore(Policy(loaded.model))
        written = map(json.loads, events.read_text(encoding="utf-8").splitlines())
        return max((event["step"] for event in written if event["kind"] == "step"), default=0)


@torch.no_grad()
def _distance(loaded: LoadedModel, samples: Sequence[Sample], max_new_tokens: int) -> float:
    """KL of the base model to the one that was trained, nats a token, on the latter's greedy answers."""
    adapted = getattr(loaded.model, "disable_adapter", None)
    if adapted is None:
        return 0.0
    batch = collate(loaded, [encode(loaded, sample) for sample in samples])
    completions = generate(loaded, batch, max_new_tokens=max_new_tokens)
    scorer = Scorer(loaded.model, reward_view(loaded))
    trained = scorer(batch, completions).logits
    with adapted():
        base = scorer(batch, completions).logits
    return round(float(steered_teacher.distance(trained, base, completions.mask)), 4)


def _mistakes(settings: Settings, plan: Plan, seed: int, results: Path) -> list[dict[str, Any]]:
    """The corrections of a seed, looked for once."""
    key = f"corrections seed {seed}"
    known = [one["mistakes"] for one in read_results(results) if one["key"] == key]
    if known and len(known[-1]) >= plan.corrections:
        return known[-1][: plan.corrections]
    tokens = plan.config.max_new_tokens
    mistakes = find_mistakes(load_model(settings), seed, plan.corrections, tokens, BATCH)
    append_result(results, {"key": key, "mistakes": mistakes})
    return mistakes
