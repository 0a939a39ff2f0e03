"""One item of the work list: what the model answers to it, and what a person says about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sayo_app.access.current import author_name, current
from sayo_app.access.rights import require
from sayo_app.errors import CorrectionError
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.handlers import typed
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer import view_ids
from sayo_app.ui.viewer.autosave import KeptDrafts
from sayo_app.ui.viewer.page_state import PageState, fitted
from sayo_app.ui.viewer.streaming import streamed
from sayo_app.ui.viewer.values import answer_value
from sayo_app.ui.viewer.view_ids import CorrectionView, read_view
from sayo_app.ui.worklist.opened import Desk, Opened, work_picture
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.shown_reward import shown_reward


def ask(studio: Studio, session: Session, opened: Opened, page: PageState) -> Iterator[dict[str, Any]]:
    """Values of the viewer while the model answers the item's question; what was drawn stays.

    It ends early where the person opens something else.

    Raises:
        SayoError: boxes of something else, or the model cannot answer.
    """
    _check_page(opened, page)
    store = studio.store
    if opened.correction_id is None:
        item = store.items.get(opened.item_id)
        picture_id, question = item.picture_id, item.question
    else:
        record = store.corrections.get(opened.correction_id)
        picture_id, question = record.picture_id, record.question
    picture = studio.hold_stored(picture_id)
    regions = fitted(page.regions, picture.size)
    shown = work_picture(studio, picture_id, opened.view)
    adapter_id = studio.active_id()
    answer_id = view_ids.new_answer_to(opened.view)
    desk = session.room(Desk)
    chunks = studio.answer([picture], question, adapter_id)
    for value, trace in streamed(chunks, shown, answer_id):
        if desk.view != opened.view:
            return
        if trace is None:
            yield value | {"regions": [region.to_dict() for region in regions]}
            continue
        answered = Answered(
            answer_id,
            (picture,),
            question,
            trace,
            model=studio.settings.model,
            adapter_id=adapter_id,
            revises=opened.correction_id,
        )
        yield answer_value(shown, session.answers.remember(answered), regions)


def submit(
    studio: Studio,
    session: Session,
    opened: Opened,
    page: PageState,
    answer: str | None,
    author: str | None,
    **more: Any,
) -> CorrectionRecord:
    """Stores what was drawn and typed: a new correction of the item, or a revision of the one that is open.

    Args:
        more: `state`, `comment` and `flagged`, where they are not those of a correction to be judged.

    Raises:
        CorrectionError, RegionError, StorageError
        AccessError: somebody else's correction, which not everybody may change.
        ConflictError: somebody else changed the correction since it was opened.
    """
    store = studio.store
    if opened.correction_id is not None:
        record = store.corrections.get(opened.correction_id)
        _require_own(record)
        if record.state in ("draft", "skipped"):
            more = {"state": "submitted"} | more
        more["expected_revision"] = opened.revision
        shown = session.answers.get(str(opened.view))
        saved = save_changes(studio, record, page, answer, author, shown, **more)
        _settle(store, session, opened, saved)
        return saved
    _check_page(opened, page)
    item = store.items.get(opened.item_id)
    # The model was asked, or it was not: both are corrections.
    answered = None if page.id == str(opened.view) else session.answers.find(page.id)
    regions = tuple(fitted(page.regions, studio.hold_stored(item.picture_id).size))
    saved = store.corrections.add(
        picture_id=item.picture_id,
        question=item.question,
        model="" if answered is None else answered.model,
        adapter_id=None if answered is None else answered.adapter_id,
        answer_shown="" if answered is None else answered.trace.text,
        trace_id=None if answered is None else studio.keep_trace(answered.trace),
        regions=regions,
        corrected_answer=typed(answer) or None,
        author=author_name(author),
        reward=None if answered is None else shown_reward(answered.trace, regions),
        family=item.family,
        item_id=item.id,
        **more,
    )
    _settle(store, session, opened, saved)
    return saved


def _settle(store: Store, session: Session, opened: Opened, saved: CorrectionRecord) -> None:
    kept = session.room(KeptDrafts)
    kept.settled.add(opened.view)
    kept.discard(store, saved, opened.correction_id)


def save_changes(
    studio: Studio,
    record: CorrectionRecord,
    page: PageState,
    answer: str | None,
    author: str | None,
    shown: Answered | None = None,
    **more: Any,
) -> CorrectionRecord:
    """A new revision with the boxes on the page and what was typed.

    Args:
        shown: the answer that is corrected, where the tab has it: its trace need not be read again.
        more: further arguments of `Corrections.revise`.

    Raises:
        CorrectionError, RegionError, StorageError
    """
    view = read_view(page.id)
    if not isinstance(view, CorrectionView) or view.correction_id != record.id:
        raise _other(f"correction {record.id}")
    regions = tuple(fitted(page.regions, studio.hold_stored(record.picture_id).size))
    return studio.store.corrections.revise(
        record.id,
        author=author_name(author),
        regions=regions,
        corrected_answer=typed(answer) or None,
        reward=None if shown is None else shown_reward(shown.trace, regions),
        **more,
    )


def skip(
    studio: Studio, session: Session, opened: Opened, reason: str | None, author: str | None
) -> CorrectionRecord:
    """Says that it cannot be corrected, and why; what was drawn is not kept.

    Raises:
        CorrectionError: no reason.
        AccessError: as `submit`.
    """
    if opened.correction_id is not None:
        _require_own(studio.store.corrections.get(opened.correction_id))
        return studio.store.corrections.revise(
            opened.correction_id,
            author=author_name(author),
            comment=typed(reason),
            state="skipped",
            expected_revision=opened.revision,
        )
    nothing = PageState(str(opened.view))
    return submit(studio, session, opened, nothing, None, author, state="skipped", comment=typed(reason))


def flag(
    studio: Studio, session: Session, opened: Opened, page: PageState, answer: str | None, author: str | None
) -> CorrectionRecord:
    """Marks it to be looked at again, or takes the mark away.

    An item that nobody has corrected becomes this person's draft, with what is drawn so far.

    Raises:
        SayoError: it is gone, or somebody else changed it.
    """
    if opened.correction_id is None:
        return submit(studio, session, opened, page, answer, author, state="draft", flagged=True)
    record = studio.store.corrections.get(opened.correction_id)
    return studio.store.corrections.revise(
        record.id, author=author_name(author), flagged=not record.flagged, expected_revision=opened.revision
    )


def _require_own(record: CorrectionRecord) -> None:
    """Raises AccessError where it is somebody else's and this person may not change that."""
    person = current()
    if not person.signed_in or record.annotator != person.name:
        require(person, "corrections.change")


def _check_page(opened: Opened, page: PageState) -> None:
    """Raises CorrectionError where the page shows something else than what is open."""
    if read_view(page.id) != opened.view:
        raise _other("the item that is open")


def _other(expected: str) -> CorrectionError:
    return CorrectionError(
        expected=f"the boxes of {expected}", got="those of another one", remedy="Open it again."
    )
