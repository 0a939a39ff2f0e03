"""What a run tells the world while it goes on, and how the world tells it to stop."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from types import FrameType
from typing import Any


class Cancelled(Exception):  # noqa: N818 - not an error: the run was asked to stop
    """The run was asked to stop and has come to a place where it can."""


class Progress:
    """Events appended to `progress.jsonl`, one JSON object a line, each written at once and whole."""

    def __init__(self, path: Path | None) -> None:
        """Args: path: None writes nowhere (all processes of a run but the first)."""
        self.path = path

    def write(self, kind: str, **fields: Any) -> None:
        if self.path is None:
            return
        line = json.dumps({"kind": kind, **fields}, allow_nan=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class StopSignal:
    """SIGTERM and SIGINT ask; the run stops at its next `check`, never amid an update or a write."""

    def __init__(self) -> None:
        self.asked = False

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def check(self) -> None:
        """Raises: Cancelled: a signal has come."""
        if self.asked:
            raise Cancelled

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
