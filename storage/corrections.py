"""Corrections and their history: nothing is overwritten, every change is a revision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from sayo_app.core.region import Region
from sayo_app.errors import ConflictError, CorrectionError
from storage.drafts import DraftStore, close_draft
from storage.entries import newest_revision, put_correction_entry
from storage.items import put_item, require_item
from storage.models import Adapter, Correction, CorrectionRevision, Picture, WorkItem, now
from storage.pictures import not_found
from storage.records import CORRECTION_STATES, ORIGINS, CorrectionRecord
from storage.rewards import shown_reward
from storage.texts import clean, short
from storage.work_records import NewCorrection

REVISABLE = ("question", "regions", "corrected_answer", "state", "flagged")
# A draft may still be empty, and so may what it becomes; a skip says why instead.
_MAY_BE_EMPTY = ("draft", "skipped", "deleted")
# Other content than was judged or skipped is a new submission.
_JUDGED = ("accepted", "rejected", "skipped")
_MARKS = ("state", "flagged")


class CorrectionStore(DraftStore):
    """What people (or composed scenes) said about answers."""

    def add_correction(
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
                reason of a skip; `flagged`; `reward` of the answer shown in the regions, which is
                otherwise worked out from the stored trace.

        Raises:
            RegionError: a region outside the picture or of no area. Nothing is stored.
            CorrectionError: neither region nor answer (but for a draft), no question, a skip without a
                reason, an item on another picture, or an unknown state or origin.
            NotFoundError: no such picture, adapter, trace or item.
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
        self.require_writable()
        if trace_id is not None and not self._trace_path(trace_id).exists():
            raise not_found("trace", trace_id)
        # Reading a trace takes a while: not while others wait for the lock.
        reward = shown_reward(self, trace_id, regions) if new.reward is None else new.reward
        with self.write() as session:
            return insert_correction(session, new, reward)

    def revise_correction(
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
            _check_choice("a field to change", name, REVISABLE)
        if "regions" in changes and reward is None:
            reward = shown_reward(self, self.get_correction(correction_id).trace_id, changes["regions"])
        with self.write() as session:
            correction, latest = _latest(session, correction_id, lock=True)
            _require_revision(latest, expected_revision)
            if latest.state == "deleted" and "state" not in changes:
                raise CorrectionError(
                    expected="a correction that is not deleted",
                    got=f"correction {correction_id}, deleted",
                    remedy="Restore it first.",
                )
            content: dict[str, Any] = {name: getattr(latest, name) for name in REVISABLE}
            content["regions"] = _regions(latest)
            content = _content(session, correction.picture_id, **(content | changes))
            if changes.get("state") == "skipped" != latest.state:
                _require_reason(comment)
            if "state" not in changes and latest.state in _JUDGED and _differs(latest, content, *_MARKS):
                content["state"] = "submitted"
            content["reward"] = reward if "regions" in changes else latest.reward
            return _revise(session, correction, latest, content, author, comment)

    def delete_correction(self, correction_id: int, author: str = "") -> CorrectionRecord:
        """Marks it deleted, as a revision: its history stays. Deleting twice changes nothing."""
        return self.revise_correction(correction_id, author, state="deleted")

    def restore_correction(self, correction_id: int, revision: int, author: str = "") -> CorrectionRecord:
        """A new revision with the content of an earlier one.

        Raises:
            NotFoundError: no such correction or revision.
        """
        with self.write() as session:
            correction, latest = _latest(session, correction_id, lock=True)
            wanted = session.scalar(
                select(CorrectionRevision).filter_by(correction_id=correction_id, revision=revision)
            )
            if wanted is None:
                raise not_found(f"revision of correction {correction_id}", revision)
            content = {name: getattr(wanted, name) for name in (*REVISABLE, "reward")}
            return _revise(session, correction, latest, content, author)

    def get_correction(self, correction_id: int) -> CorrectionRecord:
        """As it stands now, deleted or not. Raises NotFoundError."""
        with self.read() as session:
            return correction_record(*_latest(session, correction_id))

    def correction_history(self, correction_id: int) -> list[CorrectionRecord]:
        """All revisions, oldest first. Raises NotFoundError."""
        with self.read() as session:
            correction, _ = _latest(session, correction_id)
            rows = session.scalars(
                select(CorrectionRevision)
                .filter_by(correction_id=correction_id)
                .order_by(CorrectionRevision.revision)
            )
            return [correction_record(correction, row) for row in rows]

    def item_corrections(self, item_id: int, include_deleted: bool = False) -> list[CorrectionRecord]:
        """Everybody's corrections of one item as they stand now, oldest first. Raises NotFoundError."""
        query = _current(include_deleted, None).where(Correction.item_id == item_id)
        with self.read() as session:
            require_item(session, item_id)
            return [correction_record(*row) for row in session.execute(query.order_by(Correction.id))]

    def list_corrections(
        self, include_deleted: bool = False, origin: str | None = None
    ) -> list[CorrectionRecord]:
        """As they stand now, newest first."""
        query = _current(include_deleted, origin).order_by(Correction.id.desc())
        with self.read() as session:
            return [correction_record(*row) for row in session.execute(query)]

    def count_corrections(self, include_deleted: bool = False, origin: str | None = None) -> int:
        query = select(func.count()).select_from(_current(include_deleted, origin).subquery())
        with self.read() as session:
            return session.scalar(query) or 0


def insert_correction(session: Session, new: NewCorrection, reward: float | None) -> CorrectionRecord:
    """`CorrectionStore.add_correction` within a session."""
    _check_choice("origin", new.origin, ORIGINS)
    if new.adapter_id is not None and session.get(Adapter, new.adapter_id) is None:
        raise not_found("adapter", new.adapter_id)
    content = _content(
        session,
        new.picture_id,
        new.question,
        new.regions,
        new.corrected_answer,
        new.state,
        new.flagged,
    )
    if new.state == "skipped":
        _require_reason(new.comment)
    author = short("the author's name", new.author, 200)
    item = _item(session, new, content["question"])
    correction = Correction(
        item_id=item.id,
        picture_id=new.picture_id,
        annotator=author,
        model=new.model,
        adapter_id=new.adapter_id,
        answer_shown=clean(new.answer_shown),
        trace_id=new.trace_id,
        origin=new.origin,
        family=new.family,
        batch_id=new.batch_id,
        revision=1,
        created_at=now(),
    )
    session.add(correction)
    session.flush()
    close_draft(session, item.id, author)
    return _add_revision(session, correction, content | {"reward": reward}, author, new.comment)


def _item(session: Session, new: NewCorrection, question: str) -> WorkItem:
    if new.item_id is None:
        return put_item(session, new.picture_id, question, family=new.family, batch_id=new.batch_id)
    item = require_item(session, new.item_id)
    if item.picture_id != new.picture_id:
        raise CorrectionError(
            expected=f"a correction on the picture of item {item.id}",
            got="one on another picture",
            remedy="Open the item again from the work list.",
        )
    return item


def _current(include_deleted: bool, origin: str | None) -> Select[Correction, CorrectionRevision]:
    query = select(Correction, CorrectionRevision).join(CorrectionRevision, newest_revision())
    if not include_deleted:
        query = query.where(CorrectionRevision.state != "deleted")
    return query if origin is None else query.where(Correction.origin == origin)


def _latest(
    session: Session, correction_id: int, lock: bool = False
) -> tuple[Correction, CorrectionRevision]:
    """The correction and its newest revision; with `lock`, revisers take turns on PostgreSQL too."""
    # The lock comes first: a join would be judged by the revision from before the wait for it.
    correction = session.get(Correction, correction_id, with_for_update=lock)
    if correction is None:
        raise not_found("correction", correction_id)
    row = session.scalars(
        select(CorrectionRevision).filter_by(correction_id=correction_id, revision=correction.revision)
    )
    return correction, row.one()


def _content(
    session: Session,
    picture_id: str,
    question: str,
    regions: Sequence[Region],
    corrected_answer: str | None,
    state: str,
    flagged: bool,
) -> dict[str, Any]:
    """The checked content of a revision, as it goes into its row."""
    _check_choice("state", state, CORRECTION_STATES)
    picture = session.get(Picture, picture_id)
    if picture is None:
        raise not_found("picture", picture_id)
    question = clean(question)
    if not question.strip():
        raise CorrectionError(
            expected="the question that was asked", got="an empty one", remedy="Type the question."
        )
    fitted = [region.fitted((picture.width, picture.height)) for region in regions]
    answer = clean(corrected_answer or "").strip() or None
    if not fitted and answer is None and state not in _MAY_BE_EMPTY:
        raise CorrectionError(
            expected="a region, a right answer, or both",
            got="neither",
            remedy="Draw where the model should have looked, or type the right answer.",
        )
    return {
        "question": question,
        "regions": [region.to_dict() for region in fitted],
        "corrected_answer": answer,
        "state": state,
        "flagged": flagged,
    }


def _require_reason(comment: str) -> None:
    if not comment.strip():
        raise CorrectionError(
            expected="the reason of a skip", got="none", remedy="Say in a word why it cannot be corrected."
        )


def _differs(latest: CorrectionRevision, content: dict[str, Any], *but: str) -> bool:
    return any(getattr(latest, name) != value for name, value in content.items() if name not in but)


def _revise(
    session: Session,
    correction: Correction,
    latest: CorrectionRevision,
    content: dict[str, Any],
    author: str,
    comment: str = "",
) -> CorrectionRecord:
    """Adds the next revision, unless it would say the same as the latest."""
    author = short("the author's name", author, 200)
    close_draft(session, correction.item_id, author, revises=correction.id)
    if not comment.strip() and not _differs(latest, content, "reward"):
        return correction_record(correction, latest)
    correction.revision += 1
    return _add_revision(session, correction, content, author, comment)


def _add_revision(
    session: Session, correction: Correction, content: dict[str, Any], author: str, comment: str
) -> CorrectionRecord:
    row = CorrectionRevision(
        correction_id=correction.id,
        revision=correction.revision,
        author=author,
        comment=clean(comment).strip(),
        created_at=correction.created_at if correction.revision == 1 else now(),
        **content,
    )
    session.add(row)
    session.flush()
    put_correction_entry(session, require_item(session, correction.item_id), correction, row)
    return correction_record(correction, row)


def _require_revision(latest: CorrectionRevision, expected: int | None) -> None:
    if expected is not None and latest.revision != expected:
        raise ConflictError(
            expected=f"correction {latest.correction_id} at revision {expected}, where the changes began",
            got=f"revision {latest.revision} by {latest.author or 'somebody without a name'} "
            f"at {latest.created_at:%Y-%m-%d %H:%M:%S} UTC",
            remedy="Look at what they changed and make your changes on that. Yours are still in your draft.",
        )


def _regions(row: CorrectionRevision) -> tuple[Region, ...]:
    return tuple(Region.from_dict(region) for region in row.regions)


def correction_record(correction: Correction, row: CorrectionRevision) -> CorrectionRecord:
    return CorrectionRecord(
        id=correction.id,
        item_id=correction.item_id,
        picture_id=correction.picture_id,
        question=row.question,
        annotator=correction.annotator,
        batch_id=correction.batch_id,
        model=correction.model,
        adapter_id=correction.adapter_id,
        answer_shown=correction.answer_shown,
        trace_id=correction.trace_id,
        regions=_regions(row),
        corrected_answer=row.corrected_answer,
        author=row.author,
        state=row.state,
        comment=row.comment,
        flagged=row.flagged,
        reward=row.reward,
        origin=correction.origin,
        family=correction.family,
        revision=row.revision,
        created_at=correction.created_at,
        updated_at=row.created_at,
    )


def _check_choice(what: str, got: str, choices: Iterable[str]) -> None:
    if got not in choices:
        raise CorrectionError(
            expected=f"{what} to be one of {', '.join(choices)}",
            got=repr(got),
            remedy="Choose one of these.",
        )
