"""Corrections out by file: one file to hand out, and what its format could not hold."""

from __future__ import annotations

import html
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr

from sayo_app.ui.shared.downloads import Download, export_folder
from sayo_app.ui.shared.handlers import ON_FILES, PRIVATE, does, guarded
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.worklist.file_choices import grid_choice, grid_rule, named
from sayo_app.ui.worklist.words import STATES
from storage.formats.catalogue import FORMATS, find_format
from storage.formats.common.rows import WriteOptions
from storage.formats.exporter import export_file


def build(studio: Studio) -> None:
    """Lay out the panel and wire it."""
    writable = [name for name, it in FORMATS.items() if it.write is not None]
    gr.Markdown("One file: a ZIP with the pictures, or Parquet that holds all.", elem_classes="hint")
    kind = gr.Dropdown(named(writable), value="jsonl", label="Format", elem_id="data-format")
    with gr.Row(elem_classes="tight"):
        states = gr.Dropdown(
            [(label, name) for name, label in STATES.items() if name not in ("todo", "deleted")],
            multiselect=True,
            value=[],
            label="State (none: all)",
            elem_id="data-states",
            min_width=160,
        )
        grid = grid_choice("data-grid")
    predictions = gr.Checkbox(
        label="As predictions, to be corrected in Label Studio",
        container=False,
        visible=False,
        elem_id="data-predictions",
    )
    go = gr.Button("Export", elem_id="data-button")
    download = Download("data-file")
    report = gr.HTML("", elem_id="data-report", apply_default_css=False)

    @does("corrections.export")
    @guarded
    def on_export(kind: str, states: list[str] | None, grid: str | None, predictions: bool | None) -> Any:
        path, lines = export_zip(
            studio, kind, tuple(states or ()), WriteOptions(grid_rule(grid), bool(predictions))
        )
        studio.store.audit.note("corrections.export", path.name)
        return str(path), _lines_html(lines)

    @does("look")
    def on_kind(kind: str) -> Any:
        return gr.Dropdown(visible=kind == "sayo"), gr.Checkbox(visible=kind == "labelstudio")

    kind.change(on_kind, kind, [grid, predictions], **PRIVATE)
    fields = [kind, states, grid, predictions]
    download.follow(go.click(on_export, fields, [download.component, report], **ON_FILES))


def export_zip(
    studio: Studio, format_name: str, states: tuple[str, ...], options: WriteOptions
) -> tuple[Path, list[str]]:
    """(the one file to hand out, what it holds and what it could not).

    Raises:
        ImportFileError, ExportFileError, StorageError
    """
    chosen = find_format(format_name)
    name = f"sayo-{format_name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder = export_folder(studio.settings)
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


def _lines_html(lines: list[str]) -> str:
    head, *losses = map(html.escape, lines)
    listed = "".join(f"<li>{loss}</li>" for loss in losses)
    return f'<p class="note" data-testid="exported">{head}</p>' + (
        f'<p class="hint">What this format cannot hold:</p><ul class="hint">{listed}</ul>' if losses else ""
    )
