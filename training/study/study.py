"""`python -m training study`: which way of retraining helps.

Two protocols: `mistakes`, corrections of the model's own mistakes, and `repair`, corrections of a model that
is right for the wrong reason. Every arm starts from the same model and has the same corrections and the same
time. A result is appended to a JSONL file as soon as it is there, so that a study that was stopped goes on
where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sayo_app.errors import SettingsError
from sayo_app.settings import BUNDLED, Settings
from training.study.arms import MISTAKES, REPAIR
from training.study.mistakes import run_mistakes
from training.study.repair import repair_key, run_repair
from training.study.repair_table import repair_rows, repair_text
from training.study.results import FORMER_ARMS, arm_of, read_results, record_key
from training.study.running import Plan
from training.study.table import rows, text

CURVES = {"mistakes": (8, 32, 128, 512), "repair": (8, 16, 32, 64)}
ARMS = {"mistakes": MISTAKES, "repair": REPAIR}
RESULTS = {"mistakes": Path("data/study.jsonl"), "repair": Path("data/repair.jsonl")}
CONFOUNDERS = ("stamp", "mascot", "sticker")


def add_arguments(study: argparse.ArgumentParser) -> None:
    study.add_argument("--protocol", choices=list(ARMS), default="mistakes")
    study.add_argument("--model", default=BUNDLED, help="bundled, or a model of its kind in a folder")
    study.add_argument("--seeds", type=int, default=5)
    study.add_argument("--first-seed", type=int, default=0, help="of those; others are for trying things")
    study.add_argument("--arms", nargs="+", help="some of the arms only")
    study.add_argument(
        "--confounders",
        nargs="+",
        default=list(CONFOUNDERS),
        help="repair: names of core/scenes/confounders.py, or package.module:function",
    )
    study.add_argument("--seconds", type=float, help="of one core, for each arm: 90, or 45 for repair")
    study.add_argument("--steps", type=int, help="equal steps for each arm in place of equal time")
    study.add_argument("--corrections", type=int, help="64, or 32 for repair")
    study.add_argument("--held-out", type=int, help="pictures of each kind: 256, or 48 for repair")
    study.add_argument("--others", type=int, default=192, help="mistakes: pictures of the untouched families")
    study.add_argument("--curve", nargs="*", metavar="ARM", help="these over several numbers of corrections")
    study.add_argument("--device", default="cpu", help="cpu, cuda, mps or auto")
    study.add_argument("--results", type=Path, help="JSONL that it goes on from")
    study.add_argument("--as-it-is", action="store_true", help="a table of what there is, and no more")
    study.add_argument("--out", type=Path, help="also write the JSON to this file")
    study.add_argument("--json", action="store_true", help="print JSON instead of a table")


def study_report(options: argparse.Namespace) -> dict[str, Any]:
    """Carry out what the command line asks for; table, learning curve, machine and command."""
    settings = Settings.from_environment(model=options.model, device=options.device)
    plan, arms = make_plan(options), arms_of(options.protocol, options.arms)
    results = _run(options, settings, plan, arms)
    table = rows if options.protocol == "mistakes" else repair_rows
    curve = {}
    for count in CURVES[options.protocol] if options.curve is not None else ():
        drawn = arms_of(options.protocol, options.curve)
        curve[count] = table(_run(options, settings, replace(plan, corrections=count), drawn))
    known = ARMS[options.protocol]
    return {
        "protocol": options.protocol,
        "command": " ".join(["python -m training", *sys.argv[1:]]),
        "machines": machines(results),
        "plan": {name: value for name, value in vars(plan).items() if name != "config"},
        "arms": {arm_of(one): known[arm_of(one)].says for one in results},
        "table": table(results),
        "curve": curve,
    }


def machines(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the results were measured on, each once; results of before did not say."""
    found: list[dict[str, Any]] = []
    for one in results:
        measured_on = one.get("machine")
        if measured_on and measured_on not in found:
            found.append(measured_on)
    return found


def report_text(report: dict[str, Any]) -> str:
    """The report's table as Markdown."""
    if report["protocol"] == "mistakes":
        return text(report["table"])
    return repair_text(report["table"], report["arms"])


def make_plan(options: argparse.Namespace) -> Plan:
    """What the protocol has where the command line says nothing."""
    whole = Plan() if options.protocol == "mistakes" else Plan(seconds=45.0, corrections=32, held_out=48)
    given = {name: getattr(options, name) for name in ("seconds", "corrections", "held_out", "others")}
    plan = replace(whole, **{name: value for name, value in given.items() if value is not None})
    return replace(plan, seconds=None, steps=options.steps) if options.steps else plan


def arms_of(protocol: str, asked: Sequence[str] | None) -> list[str]:
    """Raises: SettingsError: the protocol has no arm of that name."""
    known = ARMS[protocol]
    arms = [FORMER_ARMS.get(name, name) for name in asked or known]
    for name in arms:
        if name not in known:
            raise SettingsError(
                expected=f"an arm of {protocol}: {', '.join(known)}",
                got=repr(name),
                remedy="Change --arms or --curve, or the protocol.",
            )
    return arms


def _run(
    options: argparse.Namespace, settings: Settings, plan: Plan, arms: Sequence[str]
) -> list[dict[str, Any]]:
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    results = options.results or RESULTS[options.protocol]
    if options.as_it_is:
        kept = {one["key"]: one for one in read_results(results)}
        return [kept[key] for key in _keys(options, plan, arms, seeds) if key in kept]
    if options.protocol == "mistakes":
        return run_mistakes(settings, plan, arms, seeds, results)
    return run_repair(settings, plan, arms, seeds, results, options.confounders)


def _keys(options: argparse.Namespace, plan: Plan, arms: Sequence[str], seeds: Sequence[int]) -> list[str]:
    """Of all results that the command line names."""
    if options.protocol == "mistakes":
        return [record_key(name, seed, plan.corrections, plan.spent) for name in arms for seed in seeds]
    return [
        repair_key(confounder, name, seed, plan)
        for name in arms
        for confounder in options.confounders
        for seed in seeds
    ]
