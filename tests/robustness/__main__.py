"""`python -m tests.robustness`: try to break the app, and print the table of what came of it.

A benchmark, not a test: it takes minutes. Ends with 1 where something does not hold. See the README here.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import torch

from sayo_app.mllm.machine import machine
from sayo_app.settings import REPOSITORY_DIR
from tests.robustness import registry, table
from tests.robustness.running import outcome

# The last commit before strangers were thought of.
BEFORE = "60541d6"


def main(words: Sequence[str] | None = None, package: str = registry.PACKAGE) -> int:
    options = _parser().parse_args(words)
    known = registry.find(package)
    unknown = sorted({*(options.only or ()), *options.without} - set(known))
    if unknown:
        sys.stderr.write(f"No scenario is called {', '.join(unknown)}; there are {', '.join(known)}\n")
        return 2
    chosen = [name for name in known if name in (options.only or known) and name not in options.without]
    if options.list:
        sys.stdout.write("".join(f"{name}: {known[name][1].tried}\n" for name in chosen))
        return 0
    kept: dict[str, Any] = table.read(options.out.with_suffix(".json")) if options.out else {}
    when = "before" if options.before else "now"
    if options.before:
        found = _of_before(chosen)
    else:
        found = {name: _told(name, outcome(*known[name])) | {"machine": _machine()} for name in chosen}
    outcomes = kept | {when: kept.get(when, {}) | found}
    scenarios = [scenario for _, scenario in known.values()]
    if options.out:
        table.write(options.out, scenarios, outcomes, BEFORE)
    else:
        sys.stdout.write(table.text(scenarios, outcomes, BEFORE))
    return int(any(it["failed"] for it in found.values()) and not options.before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.robustness", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these scenarios")
    parser.add_argument("--without", nargs="+", metavar="NAME", default=[], help="all but these")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument(
        "--out", type=Path, help="write the table there and JSON beside it; what that has of others is kept"
    )
    parser.add_argument(
        "--before",
        action="store_true",
        help=f"measure the code as it was ({BEFORE}, needs git) with today's scenarios",
    )
    return parser


def _told(name: str, found: dict[str, Any]) -> dict[str, Any]:
    sys.stderr.write(f"{name}: {found['failed'] or 'holds'} ({found['seconds']} s)\n")
    return found


def _machine() -> dict[str, Any]:
    gigabytes = round(psutil.virtual_memory().total / 2**30)
    return machine(torch.device("cpu")) | {"memory_gb": gigabytes, "system": platform.system()}


def _of_before(names: Sequence[str]) -> dict[str, Any]:
    """Today's scenarios on the code of before, in a working tree of its own that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="sayo-before-") as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(REPOSITORY_DIR), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), BEFORE], check=True)
        try:
            shutil.rmtree(tree / "tests")
            shutil.copytree(REPOSITORY_DIR / "tests", tree / "tests")
            out = Path(folder) / "table.md"
            command = [sys.executable, "-m", "tests.robustness", "--out", str(out), "--only", *names]
            subprocess.run(command, cwd=tree, check=False)
            found = table.read(out.with_suffix(".json")).get("now", {})
            # One that has no figures could not be run there at all: names in the code were others.
            return {name: it for name, it in found.items() if it["figures"]}
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


if __name__ == "__main__":
    # As for Ctrl+C: what runs is ended, too, and its folder goes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
