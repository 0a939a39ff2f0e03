"""`python -m tests.robustness.child MODULE NAME FOLDER`: one scenario; figures go to FOLDER/figures.json."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path


def main(module: str, name: str, folder: str) -> None:
    scenarios = importlib.import_module(module).SCENARIOS
    scenario = next(it for it in scenarios if it.name == name)
    figures = dict(scenario.measure(Path(folder)))
    (Path(folder) / "figures.json").write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
