from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sayo_app.jobs import processes
from storage.runs.process_identity import identity_of
from tests.jobs.conftest import wait_until


def test_this_process_is_found_and_its_pid_alone_is_not_enough() -> None:
    me = psutil.Process()
    assert processes.find(me.pid, me.create_time()) == me
    assert processes.find(me.pid, me.create_time() - 60) is None
    assert processes.find(me.pid, None) is None
    assert processes.find(None, None) is None


def test_a_clock_that_is_set_changes_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """What psutil calls the start time follows the clock; another boot or start is another process."""
    me = psutil.Process()
    started_at, identity = me.create_time(), identity_of(me.pid)
    assert identity is not None and identity_of(2**22 + 1) is None
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: started_at + 3600)
    assert processes.find(me.pid, started_at, identity) == me
    assert processes.find(me.pid, started_at) is None
    boot, _, ticks = identity.partition(":")
    monkeypatch.undo()
    assert processes.find(me.pid, started_at, f"{boot}:{int(ticks) + 1}") is None
    assert processes.find(me.pid, started_at, f"another boot:{ticks}") is None


def test_a_name_with_brackets_and_blanks_is_passed_over(tmp_path: Path) -> None:
    program = tmp_path / "a) 7 (b"
    shutil.copy("/bin/sleep", program)
    child = subprocess.Popen([program, "600"])
    try:
        by_name = psutil.Process(child.pid)
        wait_until(lambda: by_name.name() == program.name)
        ticks = int(str(identity_of(child.pid)).rpartition(":")[2])
        mine = int(str(identity_of(os.getpid())).rpartition(":")[2])
        assert mine <= ticks < mine + 10_000_000
    finally:
        child.kill()
        child.wait()


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    seen = psutil.Process(child.pid)
    wait_until(lambda: seen.status() == psutil.STATUS_ZOMBIE)
    assert psutil.pid_exists(child.pid)
    assert processes.find(child.pid, seen.create_time()) is None
    processes.stop(seen)
    child.wait()
    processes.stop(seen)
    assert processes.find(child.pid, seen.create_time()) is None


def test_a_spawned_process_leads_its_session_and_leaves_no_zombie(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    code = "import os, sys; print(os.getsid(0) == os.getpid()); print(os.environ['X'], file=sys.stderr)"
    spawned = processes.spawn([sys.executable, "-c", code], environment=os.environ | {"X": "yes"}, log=log)
    wait_until(lambda: not psutil.pid_exists(spawned.pid))
    assert sorted(log.read_text().splitlines()) == ["True", "before", "yes"]


def test_stopping_reaches_the_whole_group(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    code = (
        "import subprocess, sys, time;"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True);"
        "time.sleep(600)"
    )
    spawned = processes.spawn([sys.executable, "-c", code], environment=dict(os.environ), log=log)
    wait_until(lambda: log.read_text().endswith("\n"))
    grandchild = psutil.Process(int(log.read_text()))
    processes.stop(spawned)
    for process in (spawned, grandchild):
        wait_until(lambda process=process: processes.find(process.pid, process.create_time()) is None)
