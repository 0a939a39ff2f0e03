from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from sayo_app.jobs import processes
from tests.jobs.conftest import wait_until


def test_this_process_is_found_and_its_pid_alone_is_not_enough() -> None:
    me = psutil.Process()
    assert processes.find(me.pid, me.create_time()) == me
    assert processes.find(me.pid, me.create_time() - 60) is None
    assert processes.find(me.pid, None) is None
    assert processes.find(None, None) is None


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
