"""A clock that is set while a run goes on, and a run's process that comes back after it was given up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from tests.robustness.registry import Figure, Scenario, Value, none

HOUR = 3600.0
STEPS_S = (3.0, -3.0, 60.0, -60.0, HOUR, -HOUR, 24 * HOUR, -24 * HOUR, 365 * 24 * HOUR, -365 * 24 * HOUR)


def clocks(folder: Path) -> Mapping[str, Value]:
    """What psutil calls a start time is the boot time, which follows the clock, and the ticks since."""
    import psutil

    from sayo_app.jobs import reconcile, start_next
    from sayo_app.run_config import RunConfig
    from sayo_app.settings import Settings
    from storage.store import Store
    from tests.jobs.conftest import SLEEPER, script, wait_until

    settings = Settings.from_environment()
    store = Store(settings)
    started = psutil.Process.create_time
    ended = second = 0
    for number, step in enumerate(STEPS_S):
        run = store.runs.create(RunConfig(seed=number))
        waiting = store.runs.create(RunConfig(seed=1000 + number))
        assert start_next(store, settings, command=script(SLEEPER)) is not None
        wait_until(lambda run=run: store.runs.get(run.id).pid is not None)
        process = psutil.Process(store.runs.get(run.id).pid)
        with set_clock(step, started):
            reconcile(store)
            start_next(store, settings, command=script(SLEEPER))
            ended += store.runs.get(run.id).state != "running"
            second += store.runs.get(waiting.id).state == "running" and process.is_running()
        for one in store.runs.active():
            if one.pid is not None:
                psutil.Process(one.pid).kill()
                wait_until(lambda one=one: not psutil.pid_exists(one.pid))
            store.runs.update(one.id, state="cancelled")
    return {"steps": len(STEPS_S), "ended": ended, "second": second}


def set_clock(step: float, started: Any) -> Any:
    """The clock and all start times, moved; monotonic time is not."""
    wall = time.time
    return _both(
        mock.patch("time.time", lambda: wall() + step),
        mock.patch("psutil.Process.create_time", lambda self: started(self) + step),
    )


def _both(*patches: Any) -> Any:
    from contextlib import ExitStack

    stack = ExitStack()
    for patch in patches:
        stack.enter_context(patch)
    return stack


SCENARIOS = (
    Scenario(
        name="clock-steps",
        tried="the clock is set by 3 seconds to a year, forwards and back, while a run trains and another "
        "waits",
        figures=(
            Figure("steps", "steps of the clock", least=10),
            none("ended", "runs that were told failed though they went on"),
            none("second", "second runs started beside the first"),
        ),
        measure=clocks,
    ),
)
