"""Run configurations from YAML files, and the record of what a run was made of."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml

from sayo_app.core.geometry.region import Region
from sayo_app.errors import SettingsError
from sayo_app.mllm.machine import machine, versions
from sayo_app.run_config import RunConfig
from sayo_app.settings import BUNDLED, REPOSITORY_DIR
from training.data.samples import Sample

CODE_FOLDERS = ("sayo_app", "storage", "training")


def read_recipe(path: Path | None, pairs: Sequence[str] = (), **named: str | None) -> RunConfig:
    """The run that a YAML file describes: names and values of `RunConfig`, defaults for what it leaves out.

    Args:
        path: None describes the run of nothing but defaults.
        pairs: `name=value` that the command line says instead, a later one over those before it.
        named: the same, where it has flags of its own; None says nothing.

    Raises:
        SettingsError: no such file, not YAML, or a name or value that no run can have.
    """
    layers = [{} if path is None else _read_file(path)]
    layers.append({name: value for name, value in named.items() if value is not None})
    layers += map(_read_pair, pairs)
    model = next((layer["model"] for layer in reversed(layers) if "model" in layer), BUNDLED)
    return RunConfig.from_dict(RunConfig.for_model(str(model)).to_dict(), *layers)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise _unreadable(path, "something else")
    return _with_numbers(values)


def _read_pair(pair: str) -> dict[str, Any]:
    """One `name=value`; the value of an option that is a text stands for itself, others are read as YAML."""
    name, equals, value = pair.partition("=")
    option = RunConfig.options().get(name)
    if not equals:
        raise _not_a_pair(pair)
    if option is None or isinstance(option.default, str):
        return {name: value}
    try:
        return _with_numbers({name: yaml.safe_load(value)})
    except yaml.YAMLError as error:
        raise _not_a_pair(pair) from error


def _with_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """1e-4 is a number where one is meant; YAML wants a point in it and makes a text of it otherwise."""
    options, found = RunConfig.options(), dict(values)
    for name, value in values.items():
        if isinstance(value, str) and name in options and isinstance(options[name].default, float):
            with suppress(ValueError):
                found[name] = float(value)
    return found


def run_record(config: RunConfig, samples: Sequence[Sample], device: torch.device) -> dict[str, Any]:
    """All that it takes to do a run again, and to know whether it was the same: JSON-able.

    The random numbers come from the configuration's seed alone.
    """
    return {
        "config": config.to_dict(),
        "seed": config.seed,
        "code": code_version(),
        "data": {
            "sha256": data_hash(samples),
            "samples": len(samples),
            "pictures": len({sample.picture_id for sample in samples}),
        },
        "machine": machine(device) | {"processes": int(os.environ.get("WORLD_SIZE", "1"))},
        "versions": versions() | {name: version(name) for name in ("peft", "accelerate")},
    }


def data_hash(samples: Sequence[Sample]) -> str:
    """sha256 of the samples in their order: picture, question, answer, regions, family."""
    total = hashlib.sha256()
    for sample in samples:
        regions = [Region.to_dict(region) for region in sample.regions]
        row = [sample.picture_id, sample.question, sample.answer, regions, sample.family]
        total.update(json.dumps(row, sort_keys=True).encode() + b"\n")
    return total.hexdigest()


def code_version(root: Path = REPOSITORY_DIR) -> dict[str, Any]:
    """sha256 of the source files, and the commit where they are in a git repository of their own."""
    found: dict[str, Any] = {"sources_sha256": _sources_hash(root)}
    if not (root / ".git").exists():
        return found
    try:
        found["commit"] = _git(root, "rev-parse", "HEAD")
        found["changed"] = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        # No git program, or a repository that belongs to somebody else: the sources still have their hash.
        pass
    return found


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _sources_hash(root: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for folder in CODE_FOLDERS for path in (root / folder).rglob("*.py")):
        total.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return total.hexdigest()


def _unreadable(path: Path, got: str) -> SettingsError:
    return SettingsError(
        expected=f"a YAML file of named settings at {path}",
        got=got,
        remedy="See training/recipes/ for examples.",
    )


def _not_a_pair(pair: str) -> SettingsError:
    return SettingsError(
        expected="name=value after --set",
        got=repr(pair),
        remedy="Write it as in --set steps=10, or see `python -m training train --help`.",
    )
