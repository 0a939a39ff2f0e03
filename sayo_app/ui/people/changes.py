"""Who changed what: page by page, and as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr

from sayo_app.core.files import whole_file
from sayo_app.ui.shared.downloads import Download, export_folder
from sayo_app.ui.shared.handlers import PRIVATE, does, guarded, quiet, typed
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.tables import table
from storage.people.audit_log import FORMATS, AuditQuery, Change, changes_text

_PAGE = 50
_MOST_CHARS = 200
_NONE = '<p class="hint">No change is like that.</p>'


@dataclass(frozen=True)
class _Shown:
    """The page that is shown.

    Attributes:
        places: the numbers before which it and those newer begin, the first page's None first.
        before: where the next one begins; None at the end.
    """

    places: tuple[int | None, ...] = (None,)
    before: int | None = None


def build(studio: Studio, changed: gr.State, tab: gr.Tab) -> None:
    """Lay out the panel and wire it; `changed` counts changes of the store."""
    gr.Markdown("#### Who changed what", elem_classes="step-title")
    with gr.Row(elem_classes="tight", equal_height=False):
        who = gr.Textbox(label="Who", placeholder="part of a name", elem_id="audit-who", min_width=160)
        what = gr.Textbox(
            label="What", placeholder="such as delete, or run 12", elem_id="audit-what", min_width=200
        )
        kind = gr.Dropdown(
            [("CSV", "csv"), ("JSON lines", "jsonl")],
            value=FORMATS[0],
            label="Format",
            elem_id="audit-format",
            min_width=120,
        )
        export = gr.Button("Export", elem_id="audit-export", scale=0, min_width=120)
    listed = gr.HTML("", elem_id="audit-list", apply_default_css=False)
    with gr.Row(elem_classes="tight"):
        newer = gr.Button("‹ Newer", size="sm", elem_id="audit-newer", scale=0, min_width=110)
        older = gr.Button("Older ›", size="sm", elem_id="audit-older", scale=0, min_width=110)
    shown, download = gr.State(_Shown()), Download("audit-file")

    def turned(turn: Any, said: Any = guarded) -> Any:
        @does("audit.read")
        @said
        def on_audit(who: str | None, what: str | None, shown: _Shown) -> Any:
            return _page(studio, _query(who, what), turn(shown))

        return on_audit

    inputs, outputs = [who, what, shown], [listed, newer, older, shown]
    always: dict[str, Any] = {"trigger_mode": "always_last", **PRIVATE}
    # Quiet: a change of the store is everybody's, and this list an owner's.
    gr.on([tab.select, changed.change], turned(_first, quiet), inputs, outputs, **always)
    gr.on([who.submit, who.blur, what.submit, what.blur], turned(_first), inputs, outputs, **always)
    newer.click(turned(lambda it: it.places[:-1] or (None,)), inputs, outputs, **PRIVATE)
    older.click(turned(_next), inputs, outputs, **PRIVATE)

    @does("audit.read")
    @guarded
    def on_audit_export(who: str | None, what: str | None, kind: str) -> str:
        return str(_written(studio, _query(who, what), kind))

    download.follow(export.click(on_audit_export, [who, what, kind], download.component, **PRIVATE))


def _first(_: _Shown) -> tuple[int | None, ...]:
    return (None,)


def _next(shown: _Shown) -> tuple[int | None, ...]:
    return shown.places if shown.before is None else (*shown.places, shown.before)


def _query(who: str | None, what: str | None) -> AuditQuery:
    return AuditQuery(typed(who)[:_MOST_CHARS], typed(what)[:_MOST_CHARS])


def _page(studio: Studio, query: AuditQuery, places: tuple[int | None, ...]) -> tuple[Any, ...]:
    page = studio.store.audit.page(query, before=places[-1], limit=_PAGE)
    heads = ("When (UTC)", "Who", "Did", "To", "Before", "After")
    return (
        table(heads, list(map(_row, page.changes))) if page.changes else _NONE,
        gr.Button(visible=len(places) > 1),
        gr.Button(visible=page.before is not None),
        _Shown(places, page.before),
    )


def _row(change: Change) -> tuple[str, ...]:
    who = change.who or "–"
    return (
        f"{change.created_at:%Y-%m-%d %H:%M:%S}",
        who if change.account_id is not None or not change.who else f"{who} (typed)",
        change.action,
        change.subject,
        _values(change.before),
        _values(change.after),
    )


def _values(said: Mapping[str, Any]) -> str:
    """`{"state": "accepted", "flagged": True}` -> `state accepted, flagged true`."""
    parts = (
        f"{name} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in said.items()
    )
    return ", ".join(parts) or "–"


def _written(studio: Studio, query: AuditQuery, kind: str) -> Path:
    kind = kind if kind in FORMATS else FORMATS[0]
    path = export_folder(studio.settings) / f"sayo-changes-{datetime.now(UTC):%Y%m%d-%H%M%S}.{kind}"
    with whole_file(path) as made, made.open("w", encoding="utf-8", newline="") as file:
        file.writelines(changes_text(studio.store.audit.all(query), kind))
    # Afterwards: what is taken away does not tell of itself.
    studio.store.audit.note("audit.read", path.name)
    return path
