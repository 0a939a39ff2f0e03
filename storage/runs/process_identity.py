"""Which process a row means, whatever the clock says: a process id alone may by now be somebody else's."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import psutil

from sayo_app.errors import LostRunError
from storage.base.models import Run
from storage.base.records import FINAL_RUN_STATES

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Field 22 of /proc/PID/stat, counted from the one after the name, which is the third.
_START_TICKS = 22 - 3


def this_host() -> str:
    """This machine's name: a process id means nothing on another one."""
    return platform.node()


def identity_of(pid: int) -> str | None:
    """The boot that the process was started in and the clock ticks since then.

    None where there is no such process, or the system does not tell (no /proc): then its start time has
    to do, which moves when the clock is set.
    """
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
        # The name, in brackets, may hold blanks and brackets.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return f"{boot}:{int(fields[_START_TICKS])}"


def named(process: psutil.Process) -> dict[str, Any]:
    """The columns of a run's row that name a process of this machine."""
    return {
        "pid": process.pid,
        "process_started_at": process.create_time(),
        "process_identity": identity_of(process.pid),
        "host": this_host(),
    }


def require_mine(row: Run) -> None:
    """Raises LostRunError unless the run is going on, in this process."""
    mine = this_process()
    same = (row.host, row.pid, row.process_identity) == (mine["host"], mine["pid"], mine["process_identity"])
    if row.state in FINAL_RUN_STATES or not same:
        raise LostRunError(
            expected=f"run {row.id} to be going on in this process ({mine['pid']})",
            got=f"one that is {row.state}" + ("" if same else ", and not in this process"),
            remedy="Nothing of this process was kept. Resume the run, or start a new one.",
        )


def someone_elses(row: Run) -> bool:
    """Whether another process of this machine, which is alive, carries the run out."""
    if row.pid in (None, os.getpid()) or row.host != this_host() or row.process_identity is None:
        return False
    return identity_of(row.pid) == row.process_identity


def this_process() -> dict[str, Any]:
    """`named` of the one that runs this."""
    return named(psutil.Process(os.getpid()))
