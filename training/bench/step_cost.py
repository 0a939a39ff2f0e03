"""`python -m training bench`: our loop and `trl.GRPOTrainer` on the same work, in one run.

Both train the same adapter on the same model with the same prompts, group size, lengths, ways of sampling,
loss and rewards. Each side runs in a process of its own, so that peak memory is its own, and the sides take
turns, so that whatever else the machine does falls on both; a round is one turn of each. The first step of a
process is not counted.

Steps are split into parts: *rollout*, with prompts and pictures encoded; *scoring*, what the rewards take;
*reference*, its log-probabilities; *update*, forward, backward and optimiser. Our scoring has no forward of
its own, see `loop`: it reads that of the update. What is left is *other*.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from sayo_app.errors import TrainingError
from sayo_app.mllm.machine import machine, peak_bytes, start_peak, versions
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.run_config import PUBLISHED_LOOKS, RunConfig
from sayo_app.settings import BUNDLED, Settings
from training.bench.figures import figures
from training.bench.shaped import SHAPES, shaped_model
from training.data.samples import Sample, scene_sample
from training.rl.loop import take_step
from training.rl.reporting import PARTS
from training.rl.train_state import make_train_state
from training.state.progress_log import Progress

log = logging.getLogger(__name__)
SIDES = ("ours", "trl")
COLUMNS = ("seconds", "cpu_seconds", *PARTS, "other", "tokens")
MEGABYTE = 1e6
Runner = Callable[[argparse.Namespace, str], dict[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=BUNDLED, help="bundled, a local folder or a Hugging Face id")
    parser.add_argument("--shape", choices=SHAPES, help="in place of a model: random weights, this large")
    parser.add_argument("--image-tokens", type=int, default=1024, help="of a picture, where a shape is given")
    parser.add_argument("--checkpointing", action="store_true", help="activations computed twice")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="of each side in a round, beside the first")
    parser.add_argument("--prompts", type=int, default=4, help="in a step")
    parser.add_argument("--generations", type=int, default=8, help="completions a prompt")
    parser.add_argument("--max-new-tokens", type=int, default=80)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")
    parser.add_argument("--one", choices=SIDES, help="a single turn, in this process")


def require_trl() -> None:
    """Raises TrainingError where there is no trl to compare with."""
    if importlib.util.find_spec("trl") is None:
        raise TrainingError(
            expected="trl, the other side of this comparison",
            got="none installed",
            remedy="Install it with `pip install -r tests/requirements.txt`.",
        )


def bench(options: argparse.Namespace, run: Runner | None = None) -> dict[str, Any]:
    """Both sides in turns; figures of each, and how many times the step of ours that of trl takes.

    Args:
        run: measures one turn of a side; in a process of its own if not given.
    """
    require_trl()
    turns: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for number in range(options.rounds):
        for side in SIDES if number % 2 == 0 else reversed(SIDES):
            turns[side].append((run or in_a_process)(options, side))
            log.info(
                "Round %d of %d: %s took %.2f s a step",
                number + 1,
                options.rounds,
                side,
                _step(turns[side][-1]),
            )
    config = run_config(options)
    asked = (
        "reward_parts",
        "objective",
        "lora_rank",
        "lora_alpha",
        "learning_rate",
        "beta",
        "temperature",
        "top_p",
    )
    return {
        "model": f"{options.shape}, random, {options.image_tokens} image tokens"
        if options.shape
        else options.model,
        "gradient_checkpointing": options.checkpointing,
        **{
            name: getattr(options, name)
            for name in ("prompts", "generations", "max_new_tokens", "steps", "rounds")
        },
        "settings": {name: getattr(config, name) for name in asked},
        "sides": {side: _side(turns[side], options.prompts * options.generations) for side in SIDES},
        "times_faster": _ratio(turns, "seconds"),
        "times_less_cpu": _ratio(turns, "cpu_seconds"),
        "machine": turns[SIDES[0]][0]["machine"],
        "versions": versions() | {name: version(name) for name in ("peft", "accelerate", "trl")},
        "command": " ".join(["python -m training", *sys.argv[1:]]),
    }


def one(options: argparse.Namespace, side: str) -> dict[str, Any]:
    """One turn of a side, in this process: the figures of each step but the first, and peak memory."""
    config = run_config(options)
    loaded = _model(options)
    count = (options.steps + 1) * options.prompts
    samples = [scene_sample(seed) for seed in range(count)]
    before = start_peak(loaded.device)
    if side == "ours":
        steps = ours(loaded, config, samples)
    else:
        from training.bench.trl_trainer import theirs

        steps = theirs(loaded, config, samples)
    return {
        "steps": steps[1:],
        "peak_mb": round((peak_bytes(loaded.device) - before) / MEGABYTE, 1),
        "machine": machine(loaded.device),
    }


def _model(options: argparse.Namespace) -> LoadedModel:
    if options.shape:
        return shaped_model(SHAPES[options.shape], options.image_tokens, options.device)
    return load_model(Settings.from_environment(model=options.model, device=options.device))


def run_config(options: argparse.Namespace) -> RunConfig:
    """The published form, whose loss trl has, too; the rest is as for the bundled model."""
    return RunConfig(
        objective="published",
        model=options.model,
        prompts_per_step=options.prompts,
        num_generations=options.generations,
        max_new_tokens=options.max_new_tokens,
        gradient_checkpointing=options.checkpointing,
        **PUBLISHED_LOOKS,
    )


def ours(loaded: LoadedModel, config: RunConfig, samples: Sequence[Sample]) -> list[dict[str, float]]:
    """Steps of our loop over the samples, in their order."""
    state = make_train_state(loaded, config, None)
    steps = []
    for start in range(0, len(samples), config.prompts_per_step):
        part = list(enumerate(samples))[start : start + config.prompts_per_step]
        began = time.perf_counter(), time.process_time()
        judged, _ = take_step(state, part, Progress(None), lambda: None)
        tokens = sum(one.length for one in judged) / len(judged)
        steps.append(figures(began, state.spent.take(), tokens))
    return steps


def in_a_process(options: argparse.Namespace, side: str) -> dict[str, Any]:
    """Measure one turn in a fresh process.

    Raises:
        TrainingError: it failed.
    """
    command = [sys.executable, "-m", "training", "bench", "--one", side]
    for name in ("model", "device", "steps", "prompts", "generations", "max_new_tokens"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    if options.shape:
        command += ["--shape", options.shape, "--image-tokens", str(options.image_tokens)]
    if options.checkpointing:
        command.append("--checkpointing")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise TrainingError(
            expected=f"the side `{side}` to finish",
            got=f"exit code {done.returncode}",
            remedy="See its messages above.",
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(result: dict[str, Any]) -> str:
    """The result of `bench` for a person to read."""
    sides = result["sides"]
    names = [*sides["ours"]]
    lines = [f"{'':<8}" + "".join(f"{name:>15}" for name in names)]
    for side, row in sides.items():
        lines.append(f"{side:<8}" + "".join(f"{row[name]:>15.3f}" for name in names))
    for name in ("times_faster", "times_less_cpu"):
        ratio = result[name]
        lines.append(
            f"{name}: {ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f} over rounds)"
        )
    return "\n".join(lines)


def _side(turns: Sequence[dict[str, Any]], samples: int) -> dict[str, float]:
    """Medians over all steps, peak memory of the worst turn, and the share of a step that scoring takes."""
    steps = [step for turn in turns for step in turn["steps"]]
    row = {name: float(np.median([step[name] for step in steps])) for name in COLUMNS}
    share = float(np.median([step["scoring"] / step["seconds"] for step in steps]))
    row |= {"samples_s": samples / row["seconds"], "scoring_share": share}
    row["peak_mb"] = max(turn["peak_mb"] for turn in turns)
    return {name: round(value, 4) for name, value in row.items()}


def _step(turn: dict[str, Any], name: str = "seconds") -> float:
    return float(np.median([step[name] for step in turn["steps"]]))


def _ratio(turns: dict[str, list[dict[str, Any]]], name: str) -> dict[str, float]:
    """trl's median step over ours, round by round."""
    pairs = zip(turns["trl"], turns["ours"], strict=True)
    ratios = [_step(theirs, name) / _step(mine, name) for theirs, mine in pairs]
    spread = {"median": np.median(ratios), "least": min(ratios), "most": max(ratios)}
    return {name: round(float(value), 3) for name, value in spread.items()}
