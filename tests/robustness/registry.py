"""What a scenario is, and where scenarios are found: every module of `scenarios` has a tuple `SCENARIOS`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Value = float | int | str | bool
PACKAGE = "tests.robustness.scenarios"


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        name: the key under which `measure` returns it.
        what: in words, with the unit.
        most, least: what must hold; None where the figure is only told.
        before: of version 0.1 as it was reported; empty where nobody measured it.
    """

    name: str
    what: str
    most: float | None = None
    least: float | None = None
    before: str = ""

    def wanted(self) -> str:
        if self.most is not None and self.most == self.least:
            return f"{self.most:,g}"
        bounds = [
            f"{word} {bound:,g}"
            for word, bound in (("at least", self.least), ("at most", self.most))
            if bound is not None
        ]
        return ", ".join(bounds)

    def holds(self, value: Value | None) -> bool:
        if self.most is None and self.least is None:
            return value is not None
        if value is None or isinstance(value, str):
            return False
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


def none(name: str, what: str, before: str = "") -> Figure:
    """A figure that has to be 0."""
    return Figure(name, what, most=0, least=0, before=before)


@dataclass(frozen=True)
class Scenario:
    """One thing that is tried.

    Attributes:
        name: for `--only`; lower case, hyphens.
        tried: what is done, in a sentence.
        figures: what is told of it; `measure` returns a value for each, and for nothing else.
        measure: does it, in a process group and a data folder of its own (`SAYO_DATA_DIR` names it, the
            argument is its parent, for whatever else needs room). An error fails the scenario.
        limit_s: when it is ended and told as failed.
    """

    name: str
    tried: str
    figures: tuple[Figure, ...]
    measure: Callable[[Path], Mapping[str, Value]]
    limit_s: float = 300.0


def find(package: str = PACKAGE) -> dict[str, tuple[str, Scenario]]:
    """By name, in the order of the modules' names: the module that a scenario is in, and itself."""
    folders = importlib.import_module(package).__path__
    modules = sorted({path.stem for folder in folders for path in Path(folder).glob("[a-z]*.py")})
    found: dict[str, tuple[str, Scenario]] = {}
    for name in modules:
        module = f"{package}.{name}"
        for scenario in getattr(importlib.import_module(module), "SCENARIOS", ()):
            if scenario.name in found:
                raise ValueError(
                    f"{found[scenario.name][0]} and {module} both have a scenario {scenario.name}"
                )
            found[scenario.name] = (module, scenario)
    return found
