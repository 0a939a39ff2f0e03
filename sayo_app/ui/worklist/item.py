"""One item of the work list: what a viewer shows of it, and what a person says about it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError, StorageError
from sayo_app.ui.shared.answers import Answered, Answers, draft_name
from sayo_app.ui.shared.handlers import typed
from sayo_app.ui.shared.studio import Session, Studio, fitted
from sayo_app.ui.viewer.autosave import discard_drafts
from sayo_app.ui.viewer.component import answer_value, picture_value
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.viewer.streaming import streamed
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.work_records import WorkEntry

_OTHER_MODEL = "Another model gave this answer: start the app with that one."


@dataclass(frozen=True)
class Opened:
    """What is open below the list.

    Attributes:
        entry_id: its line in the list.
        correction_id: None for an item that this person has not corrected.
        revision: of the correction, as it was opened.
        view: how the ids of what its viewer shows begin.
    """

    entry_id: int
    item_id: int
    correction_id: int | None
    revision: int | None
    view: str


def opened_entry(studio: Studio, entry: WorkEntry) -> Opened:
    """Raises NotFoundError: its correction is gone."""
    if entry.correction_id is None:
        return opened_item(entry.id, entry.item_id)
    return opened_correction(entry.id, studio.store.corrections.get(entry.correction_id))


def opened_item(entry_id: int, item_id: int) -> Opened:
    """To be corrected afresh, whoever has done so before."""
    return Opened(entry_id, item_id, None, None, f"item-{item_id}-{uuid.uuid4().hex[:12]}")


def opened_correction(entry_id: int, record: CorrectionRecord) -> Opened:
    view = f"correction-{record.id}-{record.revision}"
    return Opened(entry_id, record.item_id, record.id, record.revision, view)


def entry_of(studio: Studio, record: CorrectionRecord) -> Opened:
    """A correction that was just stored, as opened from its line in the list."""
    entries = studio.store.worklist.of_item(record.item_id)
    entry_id = next(entry.id for entry in entries if entry.correction_id == record.id)
    return opened_correction(entry_id, record)


def item_value(studio: Studio, answers: Answers, opened: Opened) -> dict[str, Any]:
    """What the viewer shows of an opened entry, before the model is asked."""
    if opened.correction_id is not None:
        return correction_value(studio, answers, studio.store.corrections.get(opened.correction_id))
    item = studio.store.items.get(opened.item_id)
    draft = draft_name(item.picture_id, item.question)
    return _picture(studio, item.picture_id, opened.view) | {"id": opened.view, "regions": [], "draft": draft}


def correction_value(studio: Studio, answers: Answers, record: CorrectionRecord) -> dict[str, Any]:
    """What a viewer shows of a stored correction: with maps where its trace can still be read."""
    answer_id = f"correction-{record.id}-{record.revision}"
    value = _picture(studio, record.picture_id, answer_id)
    if record.trace_id is not None:
        try:
            trace = studio.store.traces.load(record.trace_id)
        except StorageError:
            pass  # a lost trace takes the overlay away, not the correction
        else:
            answered = Answered(
                answer_id,
                (studio.store.pictures.load(record.picture_id),),
                record.question,
                trace,
                adapter_id=record.adapter_id,
                recorded=None if record.model == studio.settings.model else _OTHER_MODEL,
                revises=record.id,
            )
            return answer_value(value, answers.remember(answered), record.regions)
    draft = draft_name(record.picture_id, record.question, record.id)
    regions = [region.to_dict() for region in record.regions]
    return value | {"id": answer_id, "regions": regions, "draft": draft}


def _picture(studio: Studio, picture_id: str, view: str) -> dict[str, Any]:
    """The picture under a name of its own: boxes of another item on the same picture must not stay."""
    return picture_value(studio.store.pictures.load(picture_id), f"{picture_id}-{view}")


def ask(studio: Studio, session: Session, opened: Opened, boxes: str) -> Iterator[dict[str, Any]]:
    """Values of the viewer while the model answers the item's question; what was drawn stays.

    It ends early where the person opens something else.

    Raises:
        SayoError: boxes of something else, or the model cannot answer.
    """
    state = _state(opened, boxes)
    store = studio.store
    if opened.correction_id is None:
        item = store.items.get(opened.item_id)
        picture_id, question = item.picture_id, item.question
    else:
        record = store.corrections.get(opened.correction_id)
        picture_id, question = record.picture_id, record.question
    picture = store.pictures.load(picture_id)
    regions = fitted([*state.regions], picture)
    shown = _picture(studio, picture_id, opened.view)
    adapter_id = studio.active_id()
    answer_id = f"{opened.view}-answer-{uuid.uuid4().hex}"
    chunks = studio.answer([picture], question, adapter_id)
    for value, trace in streamed(chunks, shown, answer_id):
        if session.work_view != opened.view:
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
    boxes: str,
    answer: str | None,
    author: str | None,
    **more: Any,
) -> CorrectionRecord:
    """Stores what was drawn and typed: a new correction of the item, or a revision of the one that is open.

    Args:
        more: `state`, `comment` and `flagged`, where they are not those of a correction to be judged.

    Raises:
        CorrectionError, RegionError, StorageError
        ConflictError: somebody else changed the correction since it was opened.
    """
    store = studio.store
    if opened.correction_id is not None:
        record = store.corrections.get(opened.correction_id)
        if record.state in ("draft", "skipped"):
            more = {"state": "submitted"} | more
        more["expected_revision"] = opened.revision
        saved = save_changes(studio, record, boxes, answer, author, **more)
        _settle(store, session, opened, saved)
        return saved
    state = _state(opened, boxes)
    item = store.items.get(opened.item_id)
    picture = store.pictures.load(item.picture_id)
    # The model was asked, or it was not: both are corrections.
    answered = None if state.id == opened.view else session.answers.find(state.id)
    saved = store.corrections.add(
        picture_id=item.picture_id,
        question=item.question,
        model="" if answered is None else answered.model,
        adapter_id=None if answered is None else answered.adapter_id,
        answer_shown="" if answered is None else answered.trace.text,
        trace_id=None if answered is None else store.traces.save(answered.trace),
        regions=tuple(fitted([*state.regions], picture)),
        corrected_answer=typed(answer) or None,
        author=typed(author),
        family=item.family,
        item_id=item.id,
        **more,
    )
    _settle(store, session, opened, saved)
    return saved


def _settle(store: Store, session: Session, opened: Opened, saved: CorrectionRecord) -> None:
    session.settled.add(opened.view)
    discard_drafts(store, session, saved, opened.correction_id)


def save_changes(
    studio: Studio,
    record: CorrectionRecord,
    boxes: str,
    answer: str | None,
    author: str | None,
    **more: Any,
) -> CorrectionRecord:
    """A new revision with the boxes on the page and what was typed.

    Args:
        more: further arguments of `Corrections.revise`.

    Raises:
        CorrectionError, RegionError, StorageError
    """
    state = PageState.read(boxes)
    if not state.id.startswith(f"correction-{record.id}-"):
        raise _other(f"correction {record.id}")
    picture = studio.store.pictures.load(record.picture_id)
    return studio.store.corrections.revise(
        record.id,
        author=typed(author),
        regions=tuple(fitted([*state.regions], picture)),
        corrected_answer=typed(answer) or None,
        **more,
    )


def skip(
    studio: Studio, session: Session, opened: Opened, reason: str | None, author: str | None
) -> CorrectionRecord:
    """Says that it cannot be corrected, and why; what was drawn is not kept.

    Raises:
        CorrectionError: no reason.
    """
    if opened.correction_id is not None:
        return studio.store.corrections.revise(
            opened.correction_id,
            author=typed(author),
            comment=typed(reason),
            state="skipped",
            expected_revision=opened.revision,
        )
    nothing = f'{{"id": "{opened.view}", "regions": []}}'
    return submit(studio, session, opened, nothing, None, author, state="skipped", comment=typed(reason))


def flag(
    studio: Studio, session: Session, opened: Opened, boxes: str, answer: str | None, author: str | None
) -> CorrectionRecord:
    """Marks it to be looked at again, or takes the mark away.

    An item that nobody has corrected becomes this person's draft, with what is drawn so far.

    Raises:
        SayoError: it is gone, or somebody else changed it.
    """
    if opened.correction_id is None:
        return submit(studio, session, opened, boxes, answer, author, state="draft", flagged=True)
    record = studio.store.corrections.get(opened.correction_id)
    return studio.store.corrections.revise(
        record.id, author=typed(author), flagged=not record.flagged, expected_revision=opened.revision
    )


def needs_opened(opened: Opened | None) -> Opened:
    """Raises CorrectionError where nothing is open."""
    if opened is None:
        raise CorrectionError(expected="an open item", got="none", remedy="Choose one in the list.")
    return opened


def _state(opened: Opened, boxes: str) -> PageState:
    state = PageState.read(boxes)
    if state.id != opened.view and not state.id.startswith(f"{opened.view}-"):
        raise _other("the item that is open")
    return state


def _other(expected: str) -> CorrectionError:
    return CorrectionError(
        expected=f"the boxes of {expected}", got="those of another one", remedy="Open it again."
    )


def label_of(regions: tuple[Region, ...]) -> str:
    """How many regions, in a word or two."""
    return f"{len(regions)} {'region' if len(regions) == 1 else 'regions'}" if regions else "no region"
