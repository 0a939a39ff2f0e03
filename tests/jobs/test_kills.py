"""SIGKILL at random moments: no run stuck, none lost, each resumed to its end.

Here a stand-in for the training, which does with store and files what the training does, is killed 5 times.
`SAYO_KILLS=20 python -m pytest tests/jobs/test_kills.py` kills `python -m training` on a tiny model as often.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from sayo_app.jobs import keep_queue, reconcile, training_command
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.base.records import RunRecord
from storage.store import Store
from tests.jobs.conftest import script, wait_until

KILLS = int(os.environ.get("SAYO_KILLS", "0"))
STEPS = 40
STAND_IN = f"""
import json, sys, time
from sayo_app.core.files import write_text
from sayo_app.settings import Settings
from storage.store import Store

store = Store(Settings.from_environment())
run = store.runs.claim(int(sys.argv[1]))
checkpoint = run.folder / "checkpoint.json"
run.progress_path.open("a").write(json.dumps({{"kind": "status"}}) + "\\n")
step = json.loads(checkpoint.read_text()) if checkpoint.exists() else 0
while step < {STEPS}:
    time.sleep(0.02)
    step += 1
    with run.progress_path.open("a") as file:
        file.write(json.dumps({{"kind": "step", "step": step, "steps": {STEPS}}}) + "\\n")
    write_text(checkpoint, json.dumps(step))
adapter = store.adapters.add(name="a", path=run.folder, base_model="bundled", run_id=run.id)
store.runs.update(run.id, state="finished", adapter_id=adapter.id)
"""


@pytest.mark.processes
def test_runs_killed_at_random_moments_all_finish(
    store: Store, settings: Settings, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = training_command if KILLS else script(STAND_IN)
    config = RunConfig(
        model=str(tiny_model_dir), steps=STEPS, num_generations=2, max_new_tokens=4, eval_every=5
    )
    dice = random.Random(7)
    runs = [store.runs.create(RunConfig.from_dict(config.to_dict() | {"seed": seed})) for seed in range(3)]
    stop = keep_queue(store, settings, every_s=0.05, command=command)
    try:
        for _ in range(KILLS or 5):
            kill_one(store, dice.uniform(0, 15 if KILLS else 1.5))
        for run in runs:
            wait_until(lambda run=run: over(store, run), 600 if KILLS else 120)
    finally:
        stop.set()
    for run in store.runs.all():
        assert (run.state, run.error) == ("finished", None)
        steps = [event["step"] for event in events(run) if event["kind"] == "step"]
        # Steps after the last checkpoint are made again; none is left out, and the last is reached.
        assert steps[-1] == STEPS
        assert all(later <= earlier + 1 for earlier, later in pairwise(steps))
        assert set(steps) == set(range(1, STEPS + 1))
        assert run.adapter_id is not None
    assert len(store.runs.all()) == 3
    assert reconcile(store) is None


def kill_one(store: Store, seconds: float) -> None:
    """Kill the running process after a while, whatever it is doing then, and see its run failed."""
    running = None
    deadline = time.monotonic() + seconds
    while running is None or time.monotonic() < deadline:
        active = store.runs.current()
        if active is None:
            return
        running = active if active.state == "running" and active.pid is not None else running
        time.sleep(0.01)
    assert running.pid is not None
    try:
        os.kill(running.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_until(lambda: store.runs.get(running.id).state in ("failed", "finished"))


def over(store: Store, run: RunRecord) -> bool:
    """Resume the run where it failed; True once it is finished."""
    now = store.runs.get(run.id)
    if now.resumable:
        store.runs.requeue(run.id)
    return now.state == "finished"


def events(run: RunRecord) -> list[dict[str, object]]:
    found = []
    for line in run.progress_path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # the process was killed amid this line
    return found
