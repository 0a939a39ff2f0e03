"""Questions and corrections in by file: what was taken, what was skipped and why, and how to undo it."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.access.current import author_name
from sayo_app.errors import InputError
from sayo_app.ui.shared.handlers import ON_FILES, PRIVATE, does, guarded, say, typed
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.tables import table
from sayo_app.ui.worklist.file_choices import grid_choice, grid_rule, named
from sayo_app.ui.worklist.words import STATES
from storage.formats.catalogue import FORMATS
from storage.formats.common.rows import DEFAULT_QUESTION, ReadOptions
from storage.formats.importer import ImportReport
from storage.formats.kinds.pictures import PICTURE_QUESTION
from storage.formats.uploads import import_upload
from storage.work.work_records import ImportRecord

_STATES_IN = ("submitted", "accepted", "draft", "todo")
_ASKING = ("coco", "pictures")  # have no questions of their own
_MOST_LISTED = 50


class _Options(NamedTuple):
    kind: gr.Dropdown
    state: gr.Dropdown
    grid: gr.Dropdown
    question: gr.Textbox


class _Sources(NamedTuple):
    upload: gr.UploadButton
    folder: gr.Textbox
    take: gr.Button


class _Taken(NamedTuple):
    report: gr.HTML
    batches: gr.Dropdown
    undo: gr.Button


def build(studio: Studio, changed: gr.State, tab: gr.Tab, author: gr.Textbox) -> None:
    """Lay out the panel and wire it; `author` is the person's name."""
    options = _lay_out_options()
    sources = _lay_out_sources(allowed=studio.settings.import_dir is not None)
    taken = _lay_out_taken()
    _wire_import(studio, changed, author, options, sources, taken)
    _wire_undo(studio, changed, tab, author, taken)


def _lay_out_options() -> _Options:
    """What the files do not say themselves; only what the chosen format needs is shown."""
    gr.Markdown(
        "A file by itself, a ZIP of it and its `pictures`, or all of them chosen together. Every row that "
        "can be used is taken, or nothing is. Rows without region and answer become questions to do.",
        elem_classes="hint",
    )
    kind = gr.Dropdown(named(list(FORMATS)), value="jsonl", label="Format", elem_id="import-format")
    with gr.Row(elem_classes="tight"):
        state = gr.Dropdown(
            [(STATES[name], name) for name in _STATES_IN],
            value="submitted",
            label="State, where the file has none",
            info="to do: what has no region becomes a question, with its answer known",
            elem_id="import-state",
            min_width=160,
        )
        grid = grid_choice("import-grid")
    question = gr.Textbox(
        label="Question about each",
        placeholder=f"{DEFAULT_QUESTION} Of pictures alone: {PICTURE_QUESTION}",
        visible=False,
        elem_id="import-question",
    )

    @does("look")
    def on_kind(kind: str) -> Any:
        return gr.Dropdown(visible=kind == "sayo"), gr.Textbox(visible=kind in _ASKING)

    kind.change(on_kind, kind, [grid, question], **PRIVATE)
    return _Options(kind, state, grid, question)


def _lay_out_sources(allowed: bool) -> _Sources:
    """`allowed`: whether the operator named a folder of the server to import from."""
    folder = gr.Textbox(
        label="File or folder on the server",
        placeholder="relative to the import folder",
        visible=allowed,
        elem_id="import-path",
    )
    with gr.Row(elem_classes="tight"):
        upload = gr.UploadButton(
            "Upload and import", type="filepath", file_count="multiple", elem_id="import-upload"
        )
        take = gr.Button("Import from the server", visible=allowed, elem_id="import-take")
    return _Sources(upload, folder, take)


def _lay_out_taken() -> _Taken:
    report = gr.HTML("", elem_id="import-report", apply_default_css=False)
    batches = gr.Dropdown([], label="Imports", elem_id="import-list")
    undo = gr.Button("Undo this import", size="sm", elem_id="import-undo", scale=0, min_width=160)
    return _Taken(report, batches, undo)


def _wire_import(
    studio: Studio,
    changed: gr.State,
    author: gr.Textbox,
    options: _Options,
    sources: _Sources,
    taken: _Taken,
) -> None:
    def importing(found: Callable[[Any], list[Path]]) -> Callable[..., Any]:
        @does("corrections.import")
        @guarded
        def on_import(
            given: Any,
            kind: str,
            state: str,
            grid: str | None,
            question: str | None,
            author: str | None,
            changed: int,
        ) -> Any:
            if not given:
                return gr.skip()
            read = ReadOptions(
                settings=studio.settings, question=typed(question) or DEFAULT_QUESTION, grid=grid_rule(grid)
            )
            report = import_upload(studio.store, kind, found(given), read, author_name(author), state)
            return report_html(report), _batches(studio), changed + 1

        return on_import

    uploaded = importing(lambda paths: [Path(path) for path in paths])
    on_server = importing(lambda name: [server_path(studio, typed(name))])
    fields, outputs = [*options, author, changed], [taken.report, taken.batches, changed]
    sources.upload.upload(uploaded, [sources.upload, *fields], outputs, **ON_FILES)
    sources.take.click(on_server, [sources.folder, *fields], outputs, **ON_FILES)


def _wire_undo(studio: Studio, changed: gr.State, tab: gr.Tab, author: gr.Textbox, taken: _Taken) -> None:
    report, batches, undo = taken

    @does("imports.undo")
    @guarded
    def on_undo(batch: int | None, author: str | None, changed: int) -> Any:
        if batch is None:
            raise InputError(expected="an import", got="none", remedy="Choose one in the list first.")
        studio.store.imports.undo(int(batch), author_name(author))
        say(f"Import {batch} is undone. What people have corrected since stays.")
        return "", _batches(studio), changed + 1

    @does("look")
    @guarded
    def on_select() -> Any:
        return _batches(studio)

    undo.click(on_undo, [batches, author, changed], [report, batches, changed], **PRIVATE)
    tab.select(on_select, None, batches, **PRIVATE)


def server_path(studio: Studio, name: str) -> Path:
    """A file or folder within the folder that the operator lets the page import from.

    Raises:
        InputError: there is none, or it lies elsewhere.
    """
    root = studio.settings.import_dir
    path = None if root is None else (root / name).resolve()
    if root is None or path is None or not path.is_relative_to(root) or not path.exists():
        raise InputError(
            expected="a file or folder in the server's import folder"
            if root
            else "an upload, as the operator named no import folder",
            got=repr(name)[:120],
            remedy="Upload it, or have it put there (python app.py --import-dir FOLDER).",
        )
    return path


def report_html(report: ImportReport) -> str:
    """What was taken, and what was skipped and why."""
    head, *_ = report.lines()
    text = f'<p class="note" data-testid="import-taken">{html.escape(head)}</p>'
    rows = [
        (
            str(it.count),
            ", ".join(map(str, it.numbers)) + (", …" if it.count > len(it.numbers) else ""),
            it.expected,
            it.example,
        )
        for it in report.skipped
    ]
    return text + (table(("Skipped", "Rows", "Expected", "Got"), rows) if rows else "")


def _batches(studio: Studio) -> Any:
    """The imports that can be undone, newest first."""
    held = [it for it in studio.store.imports.all() if it.undone_at is None][:_MOST_LISTED]
    return gr.Dropdown(choices=[(_batch(it), it.id) for it in held], value=held[0].id if held else None)


def _batch(record: ImportRecord) -> str:
    taken = record.summary.get("corrections", 0) + record.summary.get("questions", 0)
    return f"{record.id}: {record.source}, {taken} taken, {record.created_at:%Y-%m-%d %H:%M} UTC"
