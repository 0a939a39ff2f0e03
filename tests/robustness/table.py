"""The table of figures before and after, and the JSON beside it that it is made of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value

HEAD = """# Robustness

What was tried to break the app, and what came of it. Printed by

```bash
python -m tests.robustness --out assets/benchmarks/robustness.md
```

Each scenario runs in a process group and a data folder of its own, without a network and without a GPU.
*Before* is version 0.1 as it was reported when it was tried by hand, or, where it says *measured*, the same
scenario run on the code as it was before this work ({before}); it is empty where nobody measured it.
Figures of now are in [robustness.json](robustness.json), each with its machine. Memory is the most that a
process takes beyond what it had before; one that wants more than 6 GB is not given it, and what it asked
for is told; one that takes two minutes is ended. Seconds are of CPU time where it says so, and otherwise of
a machine that other work shared.
"""


def read(path: Path) -> dict[str, Any]:
    """What an earlier run has kept; empty where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def write(path: Path, scenarios: Iterable[Scenario], outcomes: dict[str, Any], before: str) -> None:
    """The table at the path, the JSON beside it.

    Args:
        outcomes: of now and of before: by "now" or "before", then by the scenario's name.
        before: what the revision is called that *measured* figures are of.
    """
    known = list(scenarios)
    path.write_text(text(known, outcomes, before), encoding="utf-8")
    names = [it.name for it in known]
    kept = {
        when: {name: outcomes[when][name] for name in names if name in outcomes.get(when, {})}
        for when in ("now", "before")
    }
    path.with_suffix(".json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def text(scenarios: Iterable[Scenario], outcomes: dict[str, Any], before: str) -> str:
    """The page in Markdown."""
    lines = [HEAD.format(before=before), "| tried | what | wanted | before | now |", "|---|---|---|---|---|"]
    for scenario in scenarios:
        now = outcomes.get("now", {}).get(scenario.name)
        former = outcomes.get("before", {}).get(scenario.name, {})
        if now is None:
            continue
        lead, why = f"**{scenario.name}**: {scenario.tried}", f": {now['failed']}".replace("|", "/")
        for figure in scenario.figures:
            cells = [lead, figure.what, figure.wanted(), _before(figure, former), _now(figure, now, why)]
            lines.append("| " + " | ".join(cells) + " |")
            lead = why = ""
    machines = sorted({_machine(it["machine"]) for it in outcomes.get("now", {}).values()})
    failed = [name for name, it in outcomes.get("now", {}).items() if it["failed"]]
    lines += [
        "",
        f"Machine: {'; '.join(machines)}. " + (f"Failed: {', '.join(failed)}." if failed else "All hold."),
    ]
    return "\n".join(lines) + "\n"


def shown(value: Value | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}"
    return "" if value is None else f"{value:,.0f}" if isinstance(value, int | float) else str(value)


def _now(figure: Figure, now: dict[str, Any], why: str) -> str:
    value = now["figures"].get(figure.name)
    if value is None:
        return f"**failed**{why}"
    return shown(value) if figure.holds(value) else f"**{shown(value)}**"


def _before(figure: Figure, former: dict[str, Any]) -> str:
    value = former.get("figures", {}).get(figure.name)
    measured = [] if value is None else [f"{shown(value)} (measured)"]
    return "; ".join(filter(None, [figure.before, *measured]))


def _machine(machine: dict[str, Any]) -> str:
    return (
        f"{machine['cores']} cores ({machine['device']}), {machine['memory_gb']} GB, {machine['system']}, "
        f"Python {machine['python']}"
    )
