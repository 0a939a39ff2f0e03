"""What one call costs in a process of its own: memory beyond what was there, CPU seconds, how it ended."""

from __future__ import annotations

import multiprocessing
import re
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from sayo_app.errors import SayoError

# What a call may take before it is stopped: code that fails must not take the machine along.
CAP_MB = 6_000


class Cost(NamedTuple):
    """What became of a call.

    Attributes:
        peak_mb: the most memory in use beyond what was there, or asked for where it was more than the cap;
            the cap where it was killed.
        cpu_s: seconds of CPU time.
        value: what it returned; None where it raised or was killed.
        refused: the message of an error of ours, "" where there was none.
        broke: any other end, "" where there was none.
    """

    peak_mb: float
    cpu_s: float
    value: Any
    refused: str
    broke: str


def cost(
    function: Callable[..., Any],
    *args: Any,
    warm: Callable[[], object] | None = None,
    limit_s: float = 120.0,
    cap_mb: float = CAP_MB,
) -> Cost:
    """Call it in a fork of this process, which should have imported and has to have no threads at work.

    Args:
        warm: called in the fork before anything is measured: the same on something harmless, so that what
            everybody pays once is not counted.
        limit_s: then it is killed.
        cap_mb: beyond what was there it gets none, and raises MemoryError.
    """
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, function, args, warm, cap_mb), daemon=True)
    process.start()
    there.close()
    try:
        if here.poll(limit_s):
            return here.recv()
        grown = (memory("VmHWM", process.pid) - memory("VmRSS")) / 1e6
        return Cost(round(grown, 1), limit_s, None, "", f"took longer than {limit_s:g} s")
    except EOFError:
        process.join()
        return Cost(cap_mb, 0.0, None, "", f"ended with {process.exitcode}")
    finally:
        process.kill()
        process.join()


def _serve(
    pipe: Connection,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    warm: Callable[[], object] | None,
    cap_mb: float,
) -> None:
    if warm is not None:
        warm()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak
    before, began = memory("VmRSS"), time.process_time()
    value, refused, broke = None, "", ""
    most = int(memory("VmSize") + cap_mb * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        value = function(*args)
    except SayoError as error:
        refused = str(error)
    except BaseException as error:
        broke = f"{type(error).__name__}: {error}"[:300]
    seconds = time.process_time() - began
    # What the cap refused would have been taken.
    asked = max((int(it) for it in re.findall(r"tried to allocate (\d+) bytes", refused + broke)), default=0)
    peak = max(memory("VmHWM") - before, asked) / 1e6
    pipe.send(Cost(round(peak, 1), round(seconds, 2), value, refused, broke))


def memory(name: str, pid: int | str = "self") -> int:
    """Bytes of a process, by the name of the line of /proc/PID/status: VmRSS, VmHWM, VmSize."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
