"""What a run has written so far: progress events and log."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from storage.base.records import RunRecord

_TAIL_BYTES = 64 * 1024
_RECENT_STEPS = 5


def read_progress(run: RunRecord) -> list[dict[str, Any]]:
    """All whole events of progress.jsonl, oldest first.

    The last line may be half written, and a killed process may have left one in the middle: such lines
    are passed over. No file yet means no events.
    """
    try:
        data = run.progress_path.read_bytes()
    except FileNotFoundError:
        return []
    events = []
    for line in data.split(b"\n"):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            events.append(event)
    return events


def without_redone(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events as if no step had been made twice: a run that goes on from a checkpoint repeats some."""
    kept: list[dict[str, Any]] = []
    for event in events:
        step = event.get("step")
        if event.get("kind") == "step" and isinstance(step, int):
            kept = [one for one in kept if not _reaches(one, step)]
        kept.append(event)
    return kept


def _reaches(event: dict[str, Any], step: int) -> bool:
    measured = event.get("kind") in ("step", "evaluation")
    return measured and isinstance(event.get("step"), int) and event["step"] >= step


def log_tail(run: RunRecord, lines: int = 20) -> str:
    """The last lines of log.txt; empty where there is none."""
    try:
        with run.log_path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def remaining_seconds(events: list[dict[str, Any]]) -> float | None:
    """Time left: as the last step says, or else its steps left times the mean of the latest steps' seconds.

    None where no step has said enough.
    """
    steps = [event for event in events if event.get("kind") == "step"]
    if not steps:
        return None
    if isinstance(steps[-1].get("remaining_s"), int | float):
        return float(steps[-1]["remaining_s"])
    seconds = [event["seconds"] for event in steps[-_RECENT_STEPS:] if "seconds" in event]
    step, total = steps[-1].get("step"), steps[-1].get("steps")
    if not seconds or not isinstance(step, int) or not isinstance(total, int):
        return None
    return max(0, total - step) * sum(seconds) / len(seconds)


def file_size(path: Path) -> int:
    """Bytes; 0 of what is not there."""
    try:
        return int(path.stat().st_size)
    except OSError:
        return 0
