"""One scenario in a process group and a folder of its own, and nothing of it left afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from sayo_app.settings import REPOSITORY_DIR
from tests.robustness.registry import Scenario, Value

# In the environment of all that a scenario starts, whatever session it moves to.
MARK = "ROBUSTNESS_RUN"
_TOLD_LINES = 15


def outcome(module: str, scenario: Scenario) -> dict[str, Any]:
    """The figures, and why it failed in words ("" where it holds).

    Returns:
        figures: by name; empty where there are none.
        failed: what did not hold, or the last line of the error.
        seconds: wall time, to plan with.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"sayo-{scenario.name}-"))
    began = time.monotonic()
    try:
        figures, error = _measured(module, scenario, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "figures": figures,
        "failed": error or missed(scenario, figures),
        "seconds": round(time.monotonic() - began, 1),
    }


def missed(scenario: Scenario, figures: dict[str, Value]) -> str:
    """What does not hold, in words; "" where all does."""
    known = {figure.name for figure in scenario.figures}
    strange = [f"no figure is called {name}" for name in figures if name not in known]
    wrong = [
        f"{figure.what}: wanted {figure.wanted() or 'a value'}, got {figures.get(figure.name)}"
        for figure in scenario.figures
        if not figure.holds(figures.get(figure.name))
    ]
    return "; ".join(wrong + strange)


def _measured(module: str, scenario: Scenario, folder: Path) -> tuple[dict[str, Value], str]:
    mark = uuid.uuid4().hex
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.robustness.child", module, scenario.name, str(folder)],
            cwd=REPOSITORY_DIR,
            env=_environment(folder, mark),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(scenario.limit_s)
            error = "" if process.returncode == 0 else f"ended with {process.returncode}"
        except subprocess.TimeoutExpired:
            error = f"took longer than {scenario.limit_s:g} s"
        finally:
            _end(process, mark)
    if error:
        told = (folder / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        sys.stderr.write("\n".join([f"{scenario.name} {error}:", *told[-_TOLD_LINES:], ""]))
        return {}, f"{error}: {told[-1][:200]}" if told else error
    return json.loads((folder / "figures.json").read_text(encoding="utf-8")), ""


def _environment(folder: Path, mark: str) -> dict[str, str]:
    """What whoever runs this has set must not steer it, but for where a browser or a database is."""
    kept = ("SAYO_CHROMIUM", "SAYO_TEST_DATABASE_URL")
    clean = {
        name: value for name, value in os.environ.items() if name in kept or not name.startswith("SAYO_")
    }
    return clean | {
        MARK: mark,
        "SAYO_DATA_DIR": str(folder / "data"),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "PYTHONUNBUFFERED": "1",
    }


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kills the group, and what has left it: whatever carries the mark of this run."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for one in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if one.environ().get(MARK) == mark:
                one.kill()
                one.wait(10)
