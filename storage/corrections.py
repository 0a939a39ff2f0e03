"""Corrections and their history: nothing is overwritten, every change is a revision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from sayo_app.core.region import Region
from sayo_app.errors import CorrectionError
from storage.models import Adapter, Correction, CorrectionRevision, Picture, now
from storage.pictures import PictureStore, not_found
from storage.records import CORRECTION_STATES, ORIGINS, CorrectionRecord

REVISABLE = ("question", "regions", "corrected_answer", "state")


class CorrectionStore(PictureStore):
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
    ) -> CorrectionRecord:
        """Stores a correction as its first revision; regions are fitted to the picture.

        Raises:
            RegionError: a region outside the picture or of no area. Nothing is stored.
            CorrectionError: neither region nor answer, no question, or an unknown state or origin.
            NotFoundError: no such picture, adapter or trace.
        """
        _check_choice("origin", origin, ORIGINS)
        self.require_writable()
        if trace_id is not None and not self._trace_path(trace_id).exists():
            raise not_found("trace", trace_id)
        with self.write() as session:
            if adapter_id is not None and session.get(Adapter, adapter_id) is None:
                raise not_found("adapter", adapter_id)
            content = _content(session, picture_id, question, regions, corrected_answer, state)
            correction = Correction(
                picture_id=picture_id,
                model=model,
                adapter_id=adapter_id,
                answer_shown=answer_shown,
                trace_id=trace_id,
                origin=origin,
                family=family,
                revision=1,
            )
            session.add(correction)
            session.flush()
            return _record(
                correction, _add_revision(session, correction, content, author, correction.created_at)
            )

    def revise_correction(self, correction_id: int, author: str = "", **changes: Any) -> CorrectionRecord:
        """A new revision with the changes (any of `REVISABLE`); without a change, the one there is.

        Raises:
            NotFoundError: no such correction.
            CorrectionError: a field that cannot change, a deleted correction, or one left empty.
            RegionError: a region outside the picture or of no area. Nothing is stored.
        """
        for name in changes:
            _check_choice("a field to change", name, REVISABLE)
        with self.write() as session:
            correction, latest = _latest(session, correction_id, lock=True)
            if latest.state == "deleted" and "state" not in changes:
                raise CorrectionError(
                    expected="a correction that is not deleted",
                    got=f"correction {correction_id}, deleted",
                    remedy="Restore it first.",
                )
            content: dict[str, Any] = {name: getattr(latest, name) for name in REVISABLE}
            content["regions"] = _regions(latest)
            content = _content(session, correction.picture_id, **(content | changes))
            return _revise(session, correction, latest, content, author)

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
            content = {name: getattr(wanted, name) for name in REVISABLE}
            return _revise(session, correction, latest, content, author)

    def get_correction(self, correction_id: int) -> CorrectionRecord:
        """As it stands now, deleted or not. Raises NotFoundError."""
        with self.read() as session:
            return _record(*_latest(session, correction_id))

    def correction_history(self, correction_id: int) -> list[CorrectionRecord]:
        """All revisions, oldest first. Raises NotFoundError."""
        with self.read() as session:
            correction, _ = _latest(session, correction_id)
            rows = session.scalars(
                select(CorrectionRevision)
                .filter_by(correction_id=correction_id)
                .order_by(CorrectionRevision.revision)
            )
            return [_record(correction, row) for row in rows]

    def list_corrections(
        self, include_deleted: bool = False, origin: str | None = None
    ) -> list[CorrectionRecord]:
        """As they stand now, newest first."""
        query = _current(include_deleted, origin).order_by(Correction.id.desc())
        with self.read() as session:
            return [_record(*row) for row in session.execute(query)]

    def count_corrections(self, include_deleted: bool = False, origin: str | None = None) -> int:
        query = select(func.count()).select_from(_current(include_deleted, origin).subquery())
        with self.read() as session:
            return session.scalar(query) or 0


def _current(include_deleted: bool, origin: str | None) -> Select[Correction, CorrectionRevision]:
    query = select(Correction, CorrectionRevision).join(
        CorrectionRevision,
        (CorrectionRevision.correction_id == Correction.id)
        & (CorrectionRevision.revision == Correction.revision),
    )
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
) -> dict[str, Any]:
    """The checked content of a revision, as it goes into its row."""
    _check_choice("state", state, CORRECTION_STATES)
    picture = session.get(Picture, picture_id)
    if picture is None:
        raise not_found("picture", picture_id)
    if not question.strip():
        raise CorrectionError(
            expected="the question that was asked", got="an empty one", remedy="Type the question."
        )
    fitted = [region.fitted((picture.width, picture.height)) for region in regions]
    answer = (corrected_answer or "").strip() or None
    if not fitted and answer is None:
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
    }


def _revise(
    session: Session,
    correction: Correction,
    latest: CorrectionRevision,
    content: dict[str, Any],
    author: str,
) -> CorrectionRecord:
    """Adds the next revision, unless it would say the same as the latest."""
    if all(getattr(latest, name) == value for name, value in content.items()):
        return _record(correction, latest)
    correction.revision += 1
    return _record(correction, _add_revision(session, correction, content, author, now()))


def _add_revision(
    session: Session, correction: Correction, content: dict[str, Any], author: str, moment: datetime
) -> CorrectionRevision:
    row = CorrectionRevision(
        correction_id=correction.id,
        revision=correction.revision,
        author=author,
        created_at=moment,
        **content,
    )
    session.add(row)
    session.flush()
    return row


def _regions(row: CorrectionRevision) -> tuple[Region, ...]:
    return tuple(Region.from_dict(region) for region in row.regions)


def _record(correction: Correction, row: CorrectionRevision) -> CorrectionRecord:
    return CorrectionRecord(
        id=correction.id,
        picture_id=correction.picture_id,
        question=row.question,
        model=correction.model,
        adapter_id=correction.adapter_id,
        answer_shown=correction.answer_shown,
        trace_id=correction.trace_id,
        regions=_regions(row),
        corrected_answer=row.corrected_answer,
        author=row.author,
        state=row.state,
        origin=correction.origin,
        family=correction.family,
        revision=row.revision,
        created_at=correction.created_at,
        updated_at=row.created_at,
    )


def _check_choice(what: str, got: str, choices: tuple[str, ...]) -> None:
    if got not in choices:
        raise CorrectionError(
            expected=f"{what} to be one of {', '.join(choices)}",
            got=repr(got),
            remedy="Choose one of these.",
        )
