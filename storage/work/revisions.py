"""Rows of corrections and their revisions, within a session: what the stores are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from sayo_app.core.geometry.region import Region
from sayo_app.core.question import check_question
from sayo_app.errors import ConflictError, CorrectionError
from storage.base.audit import note_change
from storage.base.database import not_found
from storage.base.models import Adapter, Correction, CorrectionRevision, ImportBatch, Picture, WorkItem, now
from storage.base.records import CORRECTION_STATES, ORIGINS, CorrectionRecord
from storage.base.texts import clean, short
from storage.work.drafts import close_draft
from storage.work.entries import newest_revision, put_correction_entry
from storage.work.items import put_item, require_item
from storage.work.work_records import NewCorrection

REVISABLE = ("question", "regions", "corrected_answer", "state", "flagged")
# A draft may still be empty, and so may what it becomes; a skip says why instead.
# What the audit calls a change of the state to one of these.
_ACTIONS = {
    "accepted": "corrections.judge",
    "rejected": "corrections.judge",
    "skipped": "corrections.skip",
    "deleted": "corrections.delete",
}
_MAY_BE_EMPTY = ("draft", "skipped", "deleted")


def insert_correction(session: Session, new: NewCorrection, reward: float | None) -> CorrectionRecord:
    """`Corrections.add` within a session."""
    check_choice("origin", new.origin, ORIGINS)
    if new.batch_id is not None and session.get(ImportBatch, new.batch_id) is None:
        raise not_found("import", new.batch_id)
    if new.adapter_id is not None and session.get(Adapter, new.adapter_id) is None:
        raise not_found("adapter", new.adapter_id)
    content = checked_content(
        session,
        new.picture_id,
        new.question,
        new.regions,
        new.corrected_answer,
        new.state,
        new.flagged,
    )
    if new.state == "skipped":
        require_reason(new.comment)
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
    note_change(
        session,
        "corrections.skip" if new.state == "skipped" else "corrections.save",
        f"correction {correction.id}",
        after={"revision": 1, "state": new.state},
        typed=author,
    )
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


def current_corrections() -> Select[Correction, CorrectionRevision]:
    return select(Correction, CorrectionRevision).join(CorrectionRevision, newest_revision())


def in_states(states: Collection[str]) -> ColumnElement[bool]:
    """Where a revision is in one of these; empty is all but deleted."""
    state = CorrectionRevision.state
    return state.in_(states) if states else state != "deleted"


def latest_revision(
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


def checked_content(
    session: Session,
    picture_id: str,
    question: str,
    regions: Sequence[Region],
    corrected_answer: str | None,
    state: str,
    flagged: bool,
) -> dict[str, Any]:
    """The checked content of a revision, as it goes into its row."""
    check_choice("state", state, CORRECTION_STATES)
    picture = session.get(Picture, picture_id)
    if picture is None:
        raise not_found("picture", picture_id)
    question = clean(question)
    check_question(question)
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


def require_reason(comment: str) -> None:
    if not comment.strip():
        raise CorrectionError(
            expected="the reason of a skip", got="none", remedy="Say in a word why it cannot be corrected."
        )


def differs(latest: CorrectionRevision, content: dict[str, Any], *but: str) -> bool:
    return any(getattr(latest, name) != value for name, value in content.items() if name not in but)


def add_if_changed(
    session: Session,
    correction: Correction,
    latest: CorrectionRevision,
    content: dict[str, Any],
    author: str,
    comment: str = "",
    action: str | None = None,
) -> CorrectionRecord:
    """Adds the next revision, unless it would say the same as the latest.

    Args:
        action: what the audit calls it, where the change itself does not tell.
    """
    author = short("the author's name", author, 200)
    close_draft(session, correction.item_id, author, revises=correction.id)
    if not comment.strip() and not differs(latest, content, "reward"):
        return correction_record(correction, latest)
    correction.revision += 1
    note_change(
        session,
        action or _action(latest, content),
        f"correction {correction.id}",
        before={"revision": latest.revision, "state": latest.state, "flagged": latest.flagged},
        after={
            "revision": correction.revision,
            "state": content["state"],
            "flagged": content["flagged"],
        },
        typed=author,
    )
    return _add_revision(session, correction, content, author, comment)


def _action(latest: CorrectionRevision, content: dict[str, Any]) -> str:
    """What the audit calls such a change."""
    if content["state"] != latest.state and content["state"] in _ACTIONS:
        return _ACTIONS[content["state"]]
    flagged_only = content["flagged"] != latest.flagged and not differs(latest, content, "flagged", "reward")
    return "corrections.flag" if flagged_only else "corrections.save"


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


def require_revision(latest: CorrectionRevision, expected: int | None) -> None:
    if expected is not None and latest.revision != expected:
        raise ConflictError(
            expected=f"correction {latest.correction_id} at revision {expected}, where the changes began",
            got=f"revision {latest.revision} by {latest.author or 'somebody without a name'} "
            f"at {latest.created_at:%Y-%m-%d %H:%M:%S} UTC",
            remedy="Look at what they changed and make your changes on that. Yours are still in your draft.",
        )


def stored_regions(row: CorrectionRevision) -> tuple[Region, ...]:
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
        regions=stored_regions(row),
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


def check_choice(what: str, got: str, choices: Iterable[str]) -> None:
    if got not in choices:
        raise CorrectionError(
            expected=f"{what} to be one of {', '.join(choices)}",
            got=repr(got),
            remedy="Choose one of these.",
        )
