"""What is open below the work list, and what its viewer shows of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sayo_app.errors import CorrectionError, StorageError
from sayo_app.ui.shared.answers import Answered, Answers, draft_name
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer import view_ids
from sayo_app.ui.viewer.values import answer_value, picture_value
from sayo_app.ui.viewer.view_ids import CorrectionView, ItemView, WorkView
from storage.base.records import CorrectionRecord
from storage.work.work_records import WorkEntry

_OTHER_MODEL = "Another model gave this answer: start the app with that one."


@dataclass(frozen=True)
class Opened:
    """What is open below the list.

    Attributes:
        entry_id: its line in the list.
        view: what its viewer shows: a correction, or an item that this person has not corrected.
    """

    entry_id: int
    item_id: int
    view: WorkView

    @property
    def correction_id(self) -> int | None:
        """None for an item that this person has not corrected."""
        return self.view.correction_id if isinstance(self.view, CorrectionView) else None

    @property
    def revision(self) -> int | None:
        """Of the correction, as it was opened."""
        return self.view.revision if isinstance(self.view, CorrectionView) else None


@dataclass
class Desk:
    """Of a browser tab: what is open there now, whatever was when a handler began."""

    view: WorkView | None = None


def opened_entry(studio: Studio, entry: WorkEntry) -> Opened:
    """Raises NotFoundError: its correction is gone."""
    if entry.correction_id is None:
        return opened_item(entry.id, entry.item_id)
    return opened_correction(entry.id, studio.store.corrections.get(entry.correction_id))


def opened_item(entry_id: int, item_id: int) -> Opened:
    """To be corrected afresh, whoever has done so before."""
    return Opened(entry_id, item_id, ItemView.afresh(item_id))


def opened_correction(entry_id: int, record: CorrectionRecord) -> Opened:
    return Opened(entry_id, record.item_id, CorrectionView(record.id, record.revision))


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
    shown = work_picture(studio, item.picture_id, opened.view)
    return shown | {"id": str(opened.view), "regions": [], "draft": draft}


def correction_value(studio: Studio, answers: Answers, record: CorrectionRecord) -> dict[str, Any]:
    """What a viewer shows of a stored correction: with maps where its trace can still be read."""
    view = CorrectionView(record.id, record.revision)
    value = work_picture(studio, record.picture_id, view)
    if record.trace_id is not None:
        try:
            trace = studio.store.traces.load(record.trace_id)
        except StorageError:
            pass  # a lost trace takes the overlay away, not the correction
        else:
            answered = Answered(
                str(view),
                (studio.hold_stored(record.picture_id),),
                record.question,
                trace,
                adapter_id=record.adapter_id,
                recorded=None if record.model == studio.settings.model else _OTHER_MODEL,
                revises=record.id,
            )
            return answer_value(value, answers.remember(answered), record.regions)
    draft = draft_name(record.picture_id, record.question, record.id)
    regions = [region.to_dict() for region in record.regions]
    return value | {"id": str(view), "regions": regions, "draft": draft}


def work_picture(studio: Studio, picture_id: str, view: WorkView) -> dict[str, Any]:
    """What the viewer shows of the picture alone."""
    return picture_value(studio.store.pictures.load(picture_id), view_ids.picture_in(view, picture_id))


def needs_opened(opened: Opened | None) -> Opened:
    """Raises CorrectionError where nothing is open."""
    if opened is None:
        raise CorrectionError(expected="an open item", got="none", remedy="Choose one in the list.")
    return opened
