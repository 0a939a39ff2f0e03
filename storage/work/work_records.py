"""Records of the work list: items, drafts, entries, agreement, imports. Plain, frozen, detached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sayo_app.core.geometry.region import Region


@dataclass(frozen=True)
class WorkItem:
    """A question on a picture; several people may correct the answers to it.

    Attributes:
        answer: the right answer, where it is known.
        batch_id: the import that brought it.
        priority: higher ones come first in the queue.
        wanted: how many corrections are asked for; 0 for a question that somebody just asked.
    """

    id: int
    picture_id: str
    question: str
    answer: str | None
    family: str | None
    batch_id: int | None
    priority: int
    wanted: int
    created_at: datetime


@dataclass(frozen=True)
class Draft:
    """What somebody has drawn on an item and not saved yet.

    Attributes:
        revises: the correction that is being changed; None for a new one.
        tab: which browser tab wrote it last.
        version: grows with each save; 0 where nothing was saved yet.
        content: whatever the editor keeps; None where nothing is open.
        updated_at: None where nothing was saved yet.
    """

    item_id: int
    author: str
    revises: int | None
    tab: str
    version: int
    content: dict[str, Any] | None
    updated_at: datetime | None


@dataclass(frozen=True)
class NewCorrection:
    """A correction that is to be stored; `Corrections.add` says what the fields mean."""

    picture_id: str
    question: str
    model: str
    answer_shown: str
    regions: Sequence[Region]
    corrected_answer: str | None
    adapter_id: int | None = None
    trace_id: str | None = None
    author: str = ""
    origin: str = "person"
    family: str | None = None
    state: str = "submitted"
    comment: str = ""
    flagged: bool = False
    reward: float | None = None
    item_id: int | None = None
    batch_id: int | None = None


@dataclass(frozen=True)
class ImportRecord:
    """One import.

    Attributes:
        source: the file or folder that it came from.
        summary: how many rows were taken, skipped and why.
        undone_at: when it was undone; None while it holds.
    """

    id: int
    source: str
    format: str
    author: str
    summary: dict[str, Any]
    created_at: datetime
    undone_at: datetime | None


@dataclass(frozen=True)
class WorkEntry:
    """A line of the work list: a correction as it stands, or an item that waits for one.

    Attributes:
        correction_id: None for an item that is still to do.
        known_answer: the right answer to the item, where it came with one.
        state: `todo`, or that of the correction.
        annotator: who made the correction; empty for an item to do.
        reward: SAYO reward of the answer shown in the regions; None where it is not known.
        updated_at: when the correction was last changed, or the item was added.
    """

    id: int
    item_id: int
    correction_id: int | None
    picture_id: str
    question: str
    known_answer: str | None
    state: str
    annotator: str
    model: str
    family: str
    origin: str
    flagged: bool
    reward: float | None
    priority: int
    updated_at: datetime


@dataclass(frozen=True)
class WorkQuery:
    """Which entries of the work list, and in which order. Everything given must hold.

    Attributes:
        states: any of these; empty means all but deleted ones.
        reward_below: only entries whose reward is known and below this.
        text: found in the question or the right answer, whatever its case.
        not_by: leaves out items that this person has already corrected.
        sort: a key of `storage.work.worklist.SORTS`.
    """

    states: tuple[str, ...] = ()
    annotator: str | None = None
    model: str | None = None
    family: str | None = None
    origin: str | None = None
    batch_id: int | None = None
    flagged: bool | None = None
    reward_below: float | None = None
    text: str = ""
    not_by: str | None = None
    sort: str = "wrong"


@dataclass(frozen=True)
class WorkPage:
    """Some entries, and where the next ones begin: None at the end."""

    entries: tuple[WorkEntry, ...]
    after: str | None


@dataclass(frozen=True)
class PairAgreement:
    """Two people's corrections of one item.

    Attributes:
        iou: of what their regions cover, pixel by pixel; None where neither drew any.
        same_answer: whether they hold the same answer for right.
    """

    annotators: tuple[str, str]
    correction_ids: tuple[int, int]
    iou: float | None
    same_answer: bool


@dataclass(frozen=True)
class Agreement:
    """How far the people who corrected one item agree.

    Attributes:
        annotators: those with a correction that counts.
        mean_iou: over the pairs that drew; None without one.
        same_answers: share of pairs with the same answer; None without a pair.
    """

    item_id: int
    annotators: tuple[str, ...]
    mean_iou: float | None
    same_answers: float | None
    pairs: tuple[PairAgreement, ...] = field(repr=False)
