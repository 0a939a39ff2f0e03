"""Corrections in and out by file: import with its report and its undo, export with what it lost."""

from __future__ import annotations

import html
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr

from sayo_app.errors import InputError
from sayo_app.ui.shared.downloads import Download, export_folder
from sayo_app.ui.shared.handlers import PRIVATE, guarded, say, typed
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.worklist.agreement import table
from sayo_app.ui.worklist.words import STATES
from storage.formats.catalogue import FORMATS, find_format
from storage.formats.common.grids import GridRule
from storage.formats.common.rows import DEFAULT_QUESTION, ReadOptions, WriteOptions
from storage.formats.exporter import export_file
from storage.formats.importer import ImportReport
from storage.formats.kinds.pictures import PICTURE_QUESTION
from storage.formats.uploads import import_upload
from storage.work.work_records import ImportRecord

_GRIDS = {
    "Qwen3-VL (32 px)": GridRule(token_px=32),
    "Qwen2.5-VL (28 px)": GridRule(token_px=28),
    "As it was published (448 × 448)": GridRule(squash_wh=(448, 448)),
}
_QWEN3 = next(iter(_GRIDS))
_STATES_IN = ("submitted", "accepted", "draft", "todo")
_ASKING = ("coco", "pictures")  # have no questions of their own
_MOST_LISTED = 50


def build(studio: Studio, changed: gr.State, tab: gr.Tab, author: gr.Textbox) -> None:
    """Lay out the panels below the work list and wire them; `author` is the person's name."""
    with gr.Row(equal_height=False):
        with (
            gr.Column(min_width=320),
            gr.Accordion("Import questions and corrections", open=False, elem_id="import"),
        ):
            _build_import(studio, changed, tab, author)
        with gr.Column(min_width=320), gr.Accordion("Export", open=False, elem_id="data-export"):
            _build_export(studio)


def _build_import(studio: Studio, changed: gr.State, tab: gr.Tab, author: gr.Textbox) -> None:
    kind, state, grid, question = _lay_out_options()
    allowed = studio.settings.import_dir is not None
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
    report = gr.HTML("", elem_id="import-report", apply_default_css=False)
    batches = gr.Dropdown([], label="Imports", elem_id="import-list")
    undo = gr.Button("Undo this import", size="sm", elem_id="import-undo", scale=0, min_width=160)

    def importing(found: Any) -> Any:
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
            options = ReadOptions(
                settings=studio.settings, question=typed(question) or DEFAULT_QUESTION, grid=_rule(grid)
            )
            taken = import_upload(studio.store, kind, found(given), options, typed(author), state)
            return report_html(taken), _batches(studio), changed + 1

        return on_import

    fields = [kind, state, grid, question, author, changed]
    outputs = [report, batches, changed]
    upload.upload(
        importing(lambda paths: [Path(path) for path in paths]), [upload, *fields], outputs, **PRIVATE
    )
    take.click(
        importing(lambda name: [server_path(studio, typed(name))]), [folder, *fields], outputs, **PRIVATE
    )
    _wire_undo(studio, changed, tab, author, (report, batches, undo))


def _lay_out_options() -> tuple[gr.Dropdown, gr.Dropdown, gr.Dropdown, gr.Textbox]:
    """What the files do not say themselves; only what the chosen format needs is shown."""
    gr.Markdown(
        "A file by itself, a ZIP of it and its `pictures`, or all of them chosen together. Every row that "
        "can be used is taken, or nothing is. Rows without region and answer become questions to do.",
        elem_classes="hint",
    )
    kind = gr.Dropdown(_named(list(FORMATS)), value="jsonl", label="Format", elem_id="import-format")
    with gr.Row(elem_classes="tight"):
        state = gr.Dropdown(
            [(STATES[name], name) for name in _STATES_IN],
            value="submitted",
            label="State, where the file has none",
            info="to do: what has no region becomes a question, with its answer known",
            elem_id="import-state",
            min_width=160,
        )
        grid = _grid("import-grid")
    question = gr.Textbox(
        label="Question about each",
        placeholder=f"{DEFAULT_QUESTION} Of pictures alone: {PICTURE_QUESTION}",
        visible=False,
        elem_id="import-question",
    )

    def on_kind(kind: str) -> Any:
        return gr.Dropdown(visible=kind == "sayo"), gr.Textbox(visible=kind in _ASKING)

    kind.change(on_kind, kind, [grid, question], **PRIVATE)
    return kind, state, grid, question


def _wire_undo(
    studio: Studio, changed: gr.State, tab: gr.Tab, author: gr.Textbox, parts: tuple[Any, ...]
) -> None:
    report, batches, undo = parts

    @guarded
    def on_undo(batch: int | None, author: str | None, changed: int) -> Any:
        if batch is None:
            raise InputError(expected="an import", got="none", remedy="Choose one in the list first.")
        studio.store.imports.undo(int(batch), typed(author))
        say(f"Import {batch} is undone. What people have corrected since stays.")
        return "", _batches(studio), changed + 1

    @guarded
    def on_select() -> Any:
        return _batches(studio)

    undo.click(on_undo, [batches, author, changed], [report, batches, changed], **PRIVATE)
    tab.select(on_select, None, batches, **PRIVATE)


def _build_export(studio: Studio) -> None:
    writable = [name for name, it in FORMATS.items() if it.write is not None]
    gr.Markdown("One file: a ZIP with the pictures, or Parquet that holds all.", elem_classes="hint")
    kind = gr.Dropdown(_named(writable), value="jsonl", label="Format", elem_id="data-format")
    with gr.Row(elem_classes="tight"):
        states = gr.Dropdown(
            [(label, name) for name, label in STATES.items() if name not in ("todo", "deleted")],
            multiselect=True,
            value=[],
            label="State (none: all)",
            elem_id="data-states",
            min_width=160,
        )
        grid = _grid("data-grid")
    predictions = gr.Checkbox(
        label="As predictions, to be corrected in Label Studio",
        container=False,
        visible=False,
        elem_id="data-predictions",
    )
    go = gr.Button("Export", elem_id="data-button")
    download = Download("data-file")
    report = gr.HTML("", elem_id="data-report", apply_default_css=False)

    @guarded
    def on_export(kind: str, states: list[str] | None, grid: str | None, predictions: bool | None) -> Any:
        path, lines = export_zip(
            studio, kind, tuple(states or ()), WriteOptions(_rule(grid), bool(predictions))
        )
        return str(path), _lines_html(lines)

    def on_kind(kind: str) -> Any:
        return gr.Dropdown(visible=kind == "sayo"), gr.Checkbox(visible=kind == "labelstudio")

    kind.change(on_kind, kind, [grid, predictions], **PRIVATE)
    fields = [kind, states, grid, predictions]
    download.follow(go.click(on_export, fields, [download.component, report], **PRIVATE))


def export_zip(
    studio: Studio, format_name: str, states: tuple[str, ...], options: WriteOptions
) -> tuple[Path, list[str]]:
    """(the one file to hand out, what it holds and what it could not).

    Raises:
        ImportFileError, ExportFileError, StorageError
    """
    chosen = find_format(format_name)
    name = f"sayo-{format_name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder = export_folder()
    # A format that has no folder is the one that is a single file.
    made = folder / (name if chosen.file else f"{name}{chosen.suffix or ''}")
    report = export_file(studio.store, format_name, made, options, states)
    lines = [f"{report.corrections} corrections in {made.name}", *report.losses]
    return (_zipped(made) if made.is_dir() else made), lines


def _zipped(folder: Path) -> Path:
    """The folder's content as one file; pictures are packed already."""
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "x") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                packed = zipfile.ZIP_STORED if file.suffix == ".png" else zipfile.ZIP_DEFLATED
                archive.write(file, file.relative_to(folder), compress_type=packed)
    return path


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


def _lines_html(lines: list[str]) -> str:
    head, *losses = map(html.escape, lines)
    listed = "".join(f"<li>{loss}</li>" for loss in losses)
    return f'<p class="note" data-testid="exported">{head}</p>' + (
        f'<p class="hint">What this format cannot hold:</p><ul class="hint">{listed}</ul>' if losses else ""
    )


def _batches(studio: Studio) -> Any:
    """The imports that can be undone, newest first."""
    held = [it for it in studio.store.imports.all() if it.undone_at is None][:_MOST_LISTED]
    return gr.Dropdown(choices=[(_batch(it), it.id) for it in held], value=held[0].id if held else None)


def _batch(record: ImportRecord) -> str:
    taken = record.summary.get("corrections", 0) + record.summary.get("questions", 0)
    return f"{record.id}: {record.source}, {taken} taken, {record.created_at:%Y-%m-%d %H:%M} UTC"


def _named(names: list[str]) -> list[tuple[str, str]]:
    return [(FORMATS[name].title, name) for name in names]


def _grid(elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(
        list(_GRIDS), value=_QWEN3, label="Image tokens", visible=False, elem_id=elem_id, min_width=160
    )


def _rule(name: str | None) -> GridRule:
    """A field that is not on the page sends None."""
    return _GRIDS.get(name or _QWEN3, _GRIDS[_QWEN3])
