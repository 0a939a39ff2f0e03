"""The study's results as they are kept: a JSONL file, a record a line, under former names or today's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# What arms, figures and fields were called before: results are found under either name.
FORMER_ARMS = {
    "averted": "attention-blocked",
    "averted, last layer": "attention-blocked, last layer",
    "drawing": "predicting",
    "drawing, middling": "predicting, middling",
    "drawing, steps": "predicting, steps",
}
_FORMER_FIELDS = {"pull": "steering", "drawing": "predicting"}
_SEED = " seed "


def record_key(arm: str, seed: int, corrections: int, spent: str) -> str:
    """What a result is found by. Args: spent: on training, as "60 s" or "20 steps"."""
    return f"{arm}{_SEED}{seed} corrections {corrections} {spent}"


def arm_of(result: dict[str, Any]) -> str:
    """The arm that a record is of."""
    return str(result["key"]).partition(_SEED)[0]


def read_results(path: Path) -> list[dict[str, Any]]:
    """All records, the oldest first, under today's names; none where there is no file."""
    if not path.exists():
        return []
    return [_renamed(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def append_result(path: Path, record: dict[str, Any]) -> None:
    """Add a record as soon as it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _renamed(record: dict[str, Any]) -> dict[str, Any]:
    arm, apart, rest = record["key"].partition(_SEED)
    renamed = _today(record) | {"key": FORMER_ARMS.get(arm, arm) + apart + rest}
    return {name: _today(value) if isinstance(value, dict) else value for name, value in renamed.items()}


def _today(fields: dict[str, Any]) -> dict[str, Any]:
    return {_FORMER_FIELDS.get(name, name): value for name, value in fields.items()}
