"""What the store hands out: plain frozen records, detached from the database. All times are UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sayo_app.core.geometry.region import Region
from sayo_app.run_config import RunConfig

CORRECTION_STATES = ("draft", "submitted", "accepted", "rejected", "skipped", "deleted")
# Those of corrections, and that of an item which still waits for one.
ENTRY_STATES = ("todo", *CORRECTION_STATES)
# Those that count as said: they are trained on, compared between people and shown as done.
COUNTED_STATES = ("submitted", "accepted")
ORIGINS = ("person", "generated")
ACTIVE_RUN_STATES = ("queued", "running")
FINAL_RUN_STATES = ("finished", "failed", "cancelled")
RESUMABLE_RUN_STATES = ("failed", "cancelled")
RUN_STATES = ACTIVE_RUN_STATES + FINAL_RUN_STATES


@dataclass(frozen=True)
class PictureRecord:
    """A stored picture.

    Attributes:
        id: sha256 of the decoded pixels.
        width, height: in pixels.
        path: the PNG file.
    """

    id: str
    width: int
    height: int
    path: Path

    @property
    def image_wh(self) -> tuple[int, int]:
        return self.width, self.height


@dataclass(frozen=True)
class CorrectionRecord:
    """A correction as it stands at one revision.

    Attributes:
        id: the same for all revisions.
        item_id: the work item: the question on this picture.
        annotator: who made the first revision.
        batch_id: the import that brought it.
        adapter_id: adapter that gave the answer shown; None is the base model.
        trace_id: stored attention trace of the answer shown.
        regions: in original-image pixels, fitted to the picture.
        corrected_answer: None where the answer shown was right.
        author: who made this revision.
        state: one of `CORRECTION_STATES`.
        comment: what was said with this revision: a reviewer's remark, the reason of a skip.
        flagged: marked by a person, to be looked at again.
        reward: SAYO reward of the answer shown in the regions, -1 to 1; None without a trace or a region.
        origin: `person`, or `generated` from a composed scene.
        family: question family of a generated correction.
        revision: from 1 upwards.
        created_at: time of the first revision.
        updated_at: time of this revision.
    """

    id: int
    item_id: int
    picture_id: str
    question: str
    annotator: str
    batch_id: int | None
    model: str
    adapter_id: int | None
    answer_shown: str
    trace_id: str | None
    regions: tuple[Region, ...]
    corrected_answer: str | None
    author: str
    state: str
    comment: str
    flagged: bool
    reward: float | None
    origin: str
    family: str | None
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class AdapterRecord:
    """A trained adapter: its folder and what is known about it."""

    id: int
    name: str
    path: Path
    base_model: str
    run_id: int | None
    created_at: datetime
    summary: dict[str, Any]


@dataclass(frozen=True)
class RunRecord:
    """A training run.

    Attributes:
        record: what it was made of: code, data, machine, libraries; empty until its process has looked.
        notes: what people wrote about it.
        pid, process_identity: together they name the process, whatever the clock says.
        process_started_at: in seconds since 1970; names it where there is no identity.
        host: the machine that it runs on.
        device: of that machine; one run at a time goes on there.
        error: why it failed.
        cancel_requested_at: when a person asked it to stop; it may still be writing its checkpoint.
        folder: config.json, log.txt, progress.jsonl.
    """

    id: int
    state: str
    config: dict[str, Any]
    record: dict[str, Any]
    notes: str
    pid: int | None
    process_started_at: float | None
    process_identity: str | None
    host: str | None
    device: str
    error: str | None
    created_at: datetime
    started_at: datetime | None
    cancel_requested_at: datetime | None
    finished_at: datetime | None
    adapter_id: int | None
    folder: Path

    @property
    def active(self) -> bool:
        return self.state in ACTIVE_RUN_STATES

    @property
    def resumable(self) -> bool:
        """Whether it can be queued again, to go on from its checkpoint or, without one, from the start."""
        return self.state in RESUMABLE_RUN_STATES

    @property
    def run_config(self) -> RunConfig:
        return RunConfig.stored(self.config)

    @property
    def log_path(self) -> Path:
        return self.folder / "log.txt"

    @property
    def progress_path(self) -> Path:
        return self.folder / "progress.jsonl"
