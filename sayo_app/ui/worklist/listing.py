"""The work list: page by page, and how far it is done. All of it asked of the store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.core.geometry.region import Region
from sayo_app.errors import StorageError
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer.cards import cards, cards_value, thumbnail
from sayo_app.ui.worklist import filters
from sayo_app.ui.worklist.words import STATES, label_of
from storage.base.records import CORRECTION_STATES, COUNTED_STATES, CorrectionRecord
from storage.work.work_records import WorkEntry, WorkQuery

_PAGE = 24
_EMPTY = (
    "No corrections yet. Ask a question, then draw in the Correct tab where the model should have looked. "
    "Or import questions below."
)
_NOTHING = "Nothing in the list is like that. Take a filter away."


class Listing(NamedTuple):
    filters: filters.Filters
    newer: gr.Button
    older: gr.Button
    progress: gr.HTML
    summary: gr.Markdown
    gallery: gr.HTML
    shown: gr.State

    @property
    def outputs(self) -> list[Any]:
        """What `listed` fills."""
        return [self.gallery, self.progress, self.summary, self.newer, self.older, self.shown]


@dataclass(frozen=True)
class Shown:
    """The page of the list that is shown.

    Attributes:
        entries: its lines.
        places: where this page and those before it began, the first page's None first.
        after: where the next one begins; None at the end.
    """

    entries: tuple[WorkEntry, ...] = ()
    places: tuple[str | None, ...] = (None,)
    after: str | None = None


def lay_out() -> Listing:
    progress = gr.HTML("", elem_id="corrections-progress", apply_default_css=False)
    narrowed = filters.lay_out()
    count = gr.Markdown("", elem_classes="hint", elem_id="corrections-count")
    gallery = cards("corrections-gallery", cards_value([], ""))
    with gr.Row(elem_classes="tight"):
        newer = gr.Button("‹ Page before", size="sm", elem_id="corrections-newer", scale=0, min_width=130)
        older = gr.Button("Page after ›", size="sm", elem_id="corrections-older", scale=0, min_width=130)
    # Here and not in what is opened: what is not shown yet has no script, and no keys.
    gr.HTML(
        html_template='<details class="work-keys"></details>',
        js_on_load="sayo.mountKeys(element);",
        apply_default_css=False,
        elem_id="corrections-keys",
    )
    return Listing(narrowed, newer, older, progress, count, gallery, gr.State(Shown()))


def listed(studio: Studio, query: WorkQuery, places: tuple[str | None, ...]) -> tuple[Any, ...]:
    """The page of the list that begins at the last of `places`."""
    page = studio.store.worklist.page(query, after=places[-1], limit=_PAGE)
    states = studio.store.worklist.count(query)
    numbers = [entry.correction_id for entry in page.entries if entry.correction_id is not None]
    records = studio.store.corrections.get_many(numbers)
    cards_shown = [_card(studio, entry, records.get(entry.correction_id or 0)) for entry in page.entries]
    empty = _EMPTY if query == WorkQuery(sort=query.sort) else _NOTHING
    return (
        cards_value(cards_shown, empty),
        progress_html(studio, query),
        _summary(sum(states.values()), len(places)),
        gr.Button(interactive=len(places) > 1),
        gr.Button(interactive=page.after is not None),
        Shown(page.entries, places, page.after),
    )


def _summary(count: int, page: int) -> str:
    pages = -(-count // _PAGE)
    text = f"{count:,} in the list"
    return f"{text}, page {page:,} of {pages:,}." if pages > 1 else f"{text}." if count else ""


def progress_html(studio: Studio, query: WorkQuery) -> str:
    """How far those are done that the filters name, whatever their state."""
    whole = replace(query, states=(), flagged=None, not_by=None)
    states = studio.store.worklist.count(whole)
    total = sum(states.values())
    if not total:
        return ""
    done = sum(states.get(state, 0) for state in COUNTED_STATES)
    parts = [f"{done:,} of {total:,} done"]
    parts += [f"{states[state]:,} {STATES[state]}" for state in ("rejected", "skipped") if states.get(state)]
    flagged = sum(studio.store.worklist.count(replace(whole, flagged=True)).values())
    parts += [f"{flagged:,} flagged"] if flagged else []
    bars = "".join(
        f'<span class="work-{state}" style="width:{100 * states[state] / total:.3f}%"></span>'
        for state in ("accepted", "submitted", "rejected", "skipped", "draft")
        if states.get(state)
    )
    return (
        f'<div class="work-progress" role="progressbar" aria-valuemin="0" aria-valuemax="{total}" '
        f'aria-valuenow="{done}">{bars}</div><p class="hint" data-testid="progress">{", ".join(parts)}</p>'
    )


def _card(studio: Studio, entry: WorkEntry, record: CorrectionRecord | None) -> dict[str, Any]:
    generated = entry.origin == "generated"
    kind = "generated" if generated else entry.state if entry.state in STATES else CORRECTION_STATES[0]
    words = ["generated" if generated else STATES[entry.state], entry.annotator, "⚑" if entry.flagged else ""]
    if generated and entry.state != "submitted":
        words.insert(1, STATES[entry.state])
    return {
        "id": entry.id,
        "src": _thumbnail(studio, entry.picture_id, record.regions if record else ()),
        "badge": {"kind": kind, "text": " · ".join(filter(None, words))},
        "title": entry.question,
        "lines": _lines(entry, record),
    }


def _lines(entry: WorkEntry, record: CorrectionRecord | None) -> list[str]:
    if record is None:
        return [f"Known answer: {entry.known_answer}"] if entry.known_answer else []
    if record.state == "skipped":
        return [f"Skipped: {record.comment}"]
    answer = record.corrected_answer
    lines = [f"Right answer: {answer}" if answer else f"The answer was right, {label_of(record.regions)}"]
    if entry.reward is not None:
        lines.append(f"Reward {entry.reward:.2f}".replace("-", "−"))
    if record.state == "rejected" and record.comment:
        lines.append(f"Sent back: {record.comment}")
    return lines


def _thumbnail(studio: Studio, picture_id: str, regions: tuple[Region, ...]) -> str:
    try:
        return _small(studio, picture_id, regions)
    except StorageError:
        return ""


@lru_cache(maxsize=500)
def _small(studio: Studio, picture_id: str, regions: tuple[Region, ...]) -> str:
    """Kept, as the same page of the list is shown after each change; some 30 kB each."""
    return thumbnail(studio.store.pictures.load(picture_id), regions)
