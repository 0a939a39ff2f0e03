"""Review and agreement: several people on one item, and one who judges."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Bool
from sqlalchemy import func, select

from sayo_app.core.attention.steps import answer_text
from sayo_app.core.geometry.cells import looked_at
from sayo_app.core.geometry.region import mask_iou, rasterise
from sayo_app.errors import CorrectionError
from storage.base.database import Database
from storage.base.models import WorkEntry
from storage.base.pictures import Pictures
from storage.base.records import COUNTED_STATES, CorrectionRecord
from storage.work.corrections import Corrections
from storage.work.items import Items
from storage.work.work_records import Agreement, PairAgreement

VERDICTS = {"accept": "accepted", "reject": "rejected"}


class Reviews:
    """Judging corrections, and how far those who made them agree."""

    def __init__(
        self, database: Database, pictures: Pictures, items: Items, corrections: Corrections
    ) -> None:
        self._database = database
        self._pictures = pictures
        self._items = items
        self._corrections = corrections

    def judge(
        self,
        correction_id: int,
        verdict: str,
        comment: str = "",
        author: str = "",
        expected_revision: int | None = None,
    ) -> CorrectionRecord:
        """Accepts or rejects a correction, as a revision with the comment.

        A rejected one is found by its annotator (`WorkQuery(states=("rejected",), annotator=...)`);
        once they change it, it is submitted again.

        Args:
            verdict: a key of `VERDICTS`.
            expected_revision: the revision that was looked at.

        Raises:
            CorrectionError: another verdict, a rejection without a comment, or a correction that was
                not submitted.
            NotFoundError: no such correction.
            ConflictError: somebody revised it since `expected_revision`.
        """
        if verdict not in VERDICTS or (verdict == "reject" and not comment.strip()):
            raise CorrectionError(
                expected="to accept, or to reject with a comment",
                got=repr(verdict) if verdict not in VERDICTS else "a rejection without a comment",
                remedy="Say what is to be changed: the annotator reads it.",
            )
        seen = self._corrections.get(correction_id)
        if seen.state not in ("submitted", *VERDICTS.values()):
            raise CorrectionError(
                expected="a correction that was submitted",
                got=f"correction {correction_id}, {seen.state}",
                remedy="Wait until its annotator has submitted it.",
            )
        # What was checked is what is judged, whoever comes in between.
        return self._corrections.revise(
            correction_id,
            author,
            comment=comment,
            expected_revision=seen.revision if expected_revision is None else expected_revision,
            state=VERDICTS[verdict],
        )

    def shared_items(self, limit: int) -> list[int]:
        """Items with corrections of two people or more that count, the one changed last first."""
        shared = (
            select(WorkEntry.item_id)
            .where(WorkEntry.state.in_(COUNTED_STATES))
            .group_by(WorkEntry.item_id)
            .having(func.count(WorkEntry.annotator.distinct()) > 1)
            .order_by(func.max(WorkEntry.updated_at).desc(), WorkEntry.item_id.desc())
        )
        with self._database.read() as session:
            return list(session.scalars(shared.limit(limit)))

    def agreement(self, item_id: int) -> Agreement:
        """How far those who corrected the item agree: of each person the newest correction that counts.

        Regions are compared as pixels, those to look at together; answers without regard to case and
        blanks, where no right answer means that the one shown is right.

        Raises:
            NotFoundError: no such item.
        """
        item = self._items.get(item_id)
        counted = {c.annotator: c for c in self._corrections.of_item(item_id) if c.state in COUNTED_STATES}
        image_wh = self._pictures.get(item.picture_id).image_wh
        people = sorted(counted)
        masks = {name: _mask(counted[name], image_wh) for name in people} if len(people) > 1 else {}
        pairs = tuple(
            PairAgreement(
                annotators=(one, other),
                correction_ids=(counted[one].id, counted[other].id),
                iou=_iou(masks[one], masks[other]),
                same_answer=_answer(counted[one]) == _answer(counted[other]),
            )
            for one, other in combinations(people, 2)
        )
        ious = [pair.iou for pair in pairs if pair.iou is not None]
        return Agreement(
            item_id=item_id,
            annotators=tuple(people),
            mean_iou=sum(ious) / len(ious) if ious else None,
            same_answers=sum(pair.same_answer for pair in pairs) / len(pairs) if pairs else None,
            pairs=pairs,
        )


def _mask(correction: CorrectionRecord, image_wh: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    mask = np.zeros(image_wh[::-1], dtype=bool)
    for region in looked_at(correction.regions):
        mask |= rasterise(region, image_wh)
    return mask


def _iou(one: Bool[np.ndarray, "height width"], other: Bool[np.ndarray, "height width"]) -> float | None:
    return mask_iou(one, other) if one.any() or other.any() else None


def _answer(correction: CorrectionRecord) -> str:
    answer = correction.corrected_answer or answer_text(correction.answer_shown) or ""
    return " ".join(answer.casefold().split())
