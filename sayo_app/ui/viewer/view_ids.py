"""What the page calls the things that its viewers show. Made and read here, and nowhere else.

correction-12-3               a stored correction, as it was at revision 3
item-5-0123456789ab           an item of the work list, opened to be corrected afresh
correction-12-3-answer-HEX    the model's answer to the one that is open, likewise of an item
answer-HEX                    an answer of the Ask tab; also first, steered, opened, compare and tour
picture-ID                    pictures that have no answer; ID is those of its pictures
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

AnswerKind = Literal["answer", "first", "steered", "opened", "compare", "tour"]
# As many digits as a number in the store can have.
_CORRECTION = re.compile(r"correction-([0-9]{1,18})-([0-9]{1,18})(?:-answer-[0-9a-f]+)?")
_ITEM = re.compile(r"item-([0-9]{1,18})-([0-9a-f]+)(?:-answer-[0-9a-f]+)?")


@dataclass(frozen=True)
class CorrectionView:
    """A stored correction, as it was opened."""

    correction_id: int
    revision: int

    def __str__(self) -> str:
        return f"correction-{self.correction_id}-{self.revision}"


@dataclass(frozen=True)
class ItemView:
    """An item of the work list that is corrected afresh; `opening` tells one time from another."""

    item_id: int
    opening: str

    def __str__(self) -> str:
        return f"item-{self.item_id}-{self.opening}"

    @classmethod
    def afresh(cls, item_id: int) -> ItemView:
        return cls(item_id, uuid.uuid4().hex[:12])


WorkView = CorrectionView | ItemView


def read_view(shown: Any) -> WorkView | None:
    """What of the work list a viewer shows that sends this id, or the model's answer to it.

    None for whatever else a page may send.
    """
    if not isinstance(shown, str):
        return None
    if found := _CORRECTION.fullmatch(shown):
        return CorrectionView(int(found[1]), int(found[2]))
    if found := _ITEM.fullmatch(shown):
        return ItemView(int(found[1]), found[2])
    return None


def new_answer(kind: AnswerKind) -> str:
    """The id of an answer that belongs to nothing in the work list."""
    return f"{kind}-{uuid.uuid4().hex}"


def new_answer_to(view: WorkView) -> str:
    """The id of the model's answer while this is open."""
    return f"{view}-answer-{uuid.uuid4().hex}"


def without_answer(picture_ids: Sequence[str]) -> str:
    """The id of pictures that nothing was asked about yet."""
    return f"picture-{'-'.join(picture_ids)}"


def new_picture() -> str:
    """The id of a picture that was uploaded: the same file once more begins afresh."""
    return uuid.uuid4().hex


def scene_picture(seed: int) -> str:
    """The id of the picture of a drawn scene."""
    return f"scene-{seed}"


def picture_in(view: WorkView, picture_id: str) -> str:
    """A stored picture under a name of its own: boxes of another item on it must not stay."""
    return f"{picture_id}-{view}"
