"""Corrections and their history: nothing is overwritten, every change is a revision."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import func, select

from sayo_app.core.geometry.cells import looked_at
from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError, SayoError
from storage.base.database import Database, not_found
from storage.base.limits import check_regions, check_texts
from storage.base.models import Correction, CorrectionRevision
from storage.base.records import CorrectionRecord
from storage.base.traces import Traces
from storage.work.entries import newest_revision
from storage.work.items import require_item
from storage.work.revisions import (
    REVISABLE,
    add_if_changed,
    check_choice,
    checked_content,
    correction_record,
    current_corrections,
    differs,
    in_states,
    insert_correction,
    latest_revision,
    require_reason,
    require_revision,
    stored_regions,
)
from storage.work.shown_reward import shown_reward
from storage.work.work_records import NewCorrection

logger = logging.getLogger(__name__)

# Other content than was judged or skipped is a new submission.
_JUDGED = ("accepted", "rejected", "skipped")
_MARKS = ("state", "flagged")


class Corrections:
    """What people (or composed scenes) said about answers, and every change of it."""

    def __init__(self, database: Database, traces: Traces) -> None:
        self._database = database
        self._traces = traces

    def add(
        self,
        *,
        picture_id: str,
        question: str,
        model: str,
        adapter_id: int | None,
        answer_shown: str,
        trace_id: str | None,
        regions: Sequence[Region],
        corrected_answer: str | None,
        author: str = "",
        origin: str = "person",
        family: str | None = None,
        state: str = "submitted",
        **more: Any,
    ) -> CorrectionRecord:
        """Stores a correction as its first revision; regions are fitted to the picture.

        It belongs to the work item of its picture and question, and closes the author's draft on it.

        Args:
            more: `item_id`, where it is not the item of the question (reworded, say); `comment`, the
                reason of a skip; `flagged`; `reward` of the answer shown in the regions
                (`shown_reward`), which is otherwise worked out from the stored trace; `batch_id` of the
                import that it belongs to.

        Raises:
            RegionError: a region outside the picture or of no area. Nothing is stored.
            QuestionError: no question.
            CorrectionError: neither region nor answer (but for a draft), a skip without a reason, an item on
                another picture, or an unknown state or origin.
            NotFoundError: no such picture, adapter, trace, item or import.
        """
        new = NewCorrection(
            picture_id=picture_id,
            question=question,
            model=model,
            adapter_id=adapter_id,
            answer_shown=answer_shown,
            trace_id=trace_id,
            regions=regions,
            corrected_answer=corrected_answer,
            author=author,
            origin=origin,
            family=family,
            state=state,
            **more,
        )
        self._database.require_writable()
        settings = self._database.settings
        check_regions(settings, regions)
        check_texts(settings, answer=corrected_answer, answer_shown=answer_shown, comment=new.comment)
        if trace_id is not None and not self._traces.path(trace_id).exists():
            raise not_found("trace", trace_id)
        # Reading a trace takes a while: not while others wait for the lock.
        reward = self._stored_reward(trace_id, regions) if new.reward is None else new.reward
        with self._database.write() as session:
            return insert_correction(session, new, reward)

    def revise(
        self,
        correction_id: int,
        author: str = "",
        *,
        comment: str = "",
        reward: float | None = None,
        expected_revision: int | None = None,
        **changes: Any,
    ) -> CorrectionRecord:
        """A new revision with the changes (any of `REVISABLE`); without a change, the one there is.

        Other regions, question or answer than were judged are submitted again. The author's draft of
        this revision is closed.

        Args:
            comment: what to say with this revision.
            reward: of the answer shown in the new regions; worked out from the stored trace if not given.
            expected_revision: the revision that the changes were made on.

        Raises:
            NotFoundError: no such correction.
            CorrectionError: a field that cannot change, a deleted correction, or one left empty.
            RegionError: a region outside the picture or of no area. Nothing is stored.
            ConflictError: somebody revised it since `expected_revision`.
        """
        for name in changes:
            check_choice("a field to change", name, REVISABLE)
        check_regions(self._database.settings, changes.get("regions", ()))
        check_texts(self._database.settings, answer=changes.get("corrected_answer"), comment=comment)
        if "regions" in changes and reward is None:
            reward = self._reward_in(self.get(correction_id), changes["regions"])
        with self._database.write() as session:
            correction, latest = latest_revision(session, correction_id, lock=True)
            require_revision(latest, expected_revision)
            if latest.state == "deleted" and "state" not in changes:
                raise CorrectionError(
                    expected="a correction that is not deleted",
                    got=f"correction {correction_id}, deleted",
                    remedy="Restore it first.",
                )
            content: dict[str, Any] = {name: getattr(latest, name) for name in REVISABLE}
            content["regions"] = stored_regions(latest)
            content = checked_content(session, correction.picture_id, **(content | changes))
            if changes.get("state") == "skipped" != latest.state:
                require_reason(comment)
            if "state" not in changes and latest.state in _JUDGED and differs(latest, content, *_MARKS):
                content["state"] = "submitted"
            content["reward"] = reward if "regions" in changes else latest.reward
            return add_if_changed(session, correction, latest, content, author, comment)

    def delete(self, correction_id: int, author: str = "") -> CorrectionRecord:
        """Marks it deleted, as a revision: its history stays. Deleting twice changes nothing."""
        return self.revise(correction_id, author, state="deleted")

    def restore(self, correction_id: int, revision: int, author: str = "") -> CorrectionRecord:
        """A new revision with the content of an earlier one.

        Raises:
            NotFoundError: no such correction or revision.
        """
        with self._database.write() as session:
            correction, latest = latest_revision(session, correction_id, lock=True)
            wanted = session.scalar(
                select(CorrectionRevision).filter_by(correction_id=correction_id, revision=revision)
            )
            if wanted is None:
                raise not_found(f"revision of correction {correction_id}", revision)
            content = {name: getattr(wanted, name) for name in (*REVISABLE, "reward")}
            return add_if_changed(session, correction, latest, content, author, action="corrections.restore")

    def get(self, correction_id: int) -> CorrectionRecord:
        """As it stands now, deleted or not. Raises NotFoundError."""
        with self._database.read() as session:
            return correction_record(*latest_revision(session, correction_id))

    def get_many(self, correction_ids: Collection[int]) -> dict[int, CorrectionRecord]:
        """As they stand now, deleted or not, in one query; those that there are."""
        query = current_corrections().where(Correction.id.in_(correction_ids))
        with self._database.read() as session:
            records = [correction_record(*row) for row in session.execute(query)]
        return {record.id: record for record in records}

    def history(self, correction_id: int) -> list[CorrectionRecord]:
        """All revisions, oldest first. Raises NotFoundError."""
        with self._database.read() as session:
            correction, _ = latest_revision(session, correction_id)
            rows = session.scalars(
                select(CorrectionRevision)
                .filter_by(correction_id=correction_id)
                .order_by(CorrectionRevision.revision)
            )
            return [correction_record(correction, row) for row in rows]

    def of_item(self, item_id: int) -> list[CorrectionRecord]:
        """Everybody's corrections of one item as they stand now, oldest first, without those deleted.

        Raises:
            NotFoundError: no such item.
        """
        query = current_corrections().where(Correction.item_id == item_id, in_states(()))
        with self._database.read() as session:
            require_item(session, item_id)
            return [correction_record(*row) for row in session.execute(query.order_by(Correction.id))]

    def all(
        self, states: Collection[str] = (), limit: int | None = None, batch_id: int | None = None
    ) -> list[CorrectionRecord]:
        """As they stand now in any of these states, newest first; without states, all but deleted ones.

        Args:
            batch_id: only those of this import.
        """
        query = current_corrections().where(in_states(states)).order_by(Correction.id.desc()).limit(limit)
        if batch_id is not None:
            query = query.where(Correction.batch_id == batch_id)
        with self._database.read() as session:
            return [correction_record(*row) for row in session.execute(query)]

    def count(self, states: Collection[str] = (), origin: str | None = None) -> int:
        """How many of them stand in any of these states; without states, all but deleted ones."""
        query = select(func.count(Correction.id)).join(CorrectionRevision, newest_revision())
        query = query.where(in_states(states))
        if origin is not None:
            query = query.where(Correction.origin == origin)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def count_pictures(self, states: Collection[str] = ()) -> int:
        """Pictures with a correction that stands in one of these states."""
        query = select(func.count(Correction.picture_id.distinct()))
        query = query.join(CorrectionRevision, newest_revision()).where(in_states(states))
        with self._database.read() as session:
            return session.scalar(query) or 0

    def picture_ids(self) -> set[str]:
        """Of all pictures that have ever been corrected, even where that is deleted."""
        with self._database.read() as session:
            return set(session.scalars(select(Correction.picture_id).distinct()))

    def _reward_in(self, record: CorrectionRecord, regions: Sequence[Region]) -> float | None:
        """Of the answer that was corrected, in what may be other regions."""
        if record.reward is not None and tuple(regions) == record.regions:
            return record.reward
        return self._stored_reward(record.trace_id, regions)

    def _stored_reward(self, trace_id: str | None, regions: Sequence[Region]) -> float | None:
        """None without a trace, and where it cannot be read: a correction is not lost over it."""
        if trace_id is None or not looked_at(regions):
            return None
        try:
            trace = self._traces.load(trace_id)
        except SayoError as error:
            logger.warning("The reward of trace %s is not known: %s", trace_id, error)
            return None
        return shown_reward(trace, regions)
