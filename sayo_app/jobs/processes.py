"""Processes by pid and identity: a pid alone may by now belong to someone else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path

import psutil

from storage.runs.process_identity import identity_of

# Where there is no identity: the start time is worked out from the boot time, which a set clock shifts.
_START_TOLERANCE_S = 2.0


def spawn(command: list[str], *, environment: dict[str, str], log: Path) -> psutil.Process:
    """Starts a process in a session of its own, output appended to `log`: it outlives this one.

    Raises:
        OSError: the command cannot be started or the log cannot be written.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Looked at before its exit status can be fetched: it may be over at once.
    looked_at = psutil.Process(process.pid)
    # Unless someone fetches that status, it stays as a zombie while this process lives.
    threading.Thread(target=process.wait, name=f"wait-{process.pid}", daemon=True).start()
    return looked_at


def find(pid: int | None, started_at: float | None, identity: str | None = None) -> psutil.Process | None:
    """The living process of that pid and identity, or start time where it has none; a zombie is dead."""
    if pid is None or started_at is None:
        return None
    try:
        process = psutil.Process(pid)
        if identity is not None:
            same = identity_of(pid) == identity
        else:
            same = abs(process.create_time() - started_at) <= _START_TOLERANCE_S
        return process if same and process.status() not in _DEAD else None
    except psutil.NoSuchProcess:
        return None


_DEAD = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def stop(process: psutil.Process, *, force: bool = False) -> None:
    """SIGTERM (SIGKILL with `force`) to the whole process group; nothing if it is gone already."""
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        if hasattr(os, "killpg") and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)
        elif force:
            process.kill()
        else:
            process.terminate()
