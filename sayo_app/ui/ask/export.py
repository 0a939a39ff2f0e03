"""Take an answer away as a file, and open one that was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from sayo_app.core.bundles.bundle import read_bundle
from sayo_app.errors import InputError
from sayo_app.ui.ask.state import Shown
from sayo_app.ui.ask.writers import KINDS, Taken
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.downloads import Download, export_folder, file_stem
from sayo_app.ui.shared.handlers import ON_FILES, PRIVATE, does, guarded, say
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer import view_ids
from sayo_app.ui.viewer.chart import token_chart
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.viewer.values import answer_value, pictures_value
from sayo_app.ui.viewer.viewer import Viewer

_OPENED = "This answer was opened from a file. Ask again to run the model."


def build(studio: Studio, session: gr.State, ask_viewer: Viewer, shown: Shown) -> None:
    """Lay out the panel below the viewer of Ask, and wire it; a file that is opened fills `shown`."""
    with gr.Accordion("Export, or open a saved answer", open=False, elem_id="export"):
        with gr.Row(equal_height=False, elem_classes="tight"):
            kind = gr.Dropdown(
                [(label, name) for name, (label, _, _) in KINDS.items()],
                value="png",
                label="Export",
                elem_id="export-kind",
                min_width=280,
            )
            go = gr.Button("Export", elem_id="export-button", scale=0, min_width=140)
            opened = gr.UploadButton(
                "Open a saved answer (.zip)",
                type="filepath",
                file_types=[".zip"],
                elem_id="export-open",
                scale=0,
                min_width=240,
            )
        download = Download("export-file")
        state = gr.Textbox(visible="hidden")

    @does("answers.export")
    @guarded
    def on_export(state: str, session: Session, kind: str) -> Any:
        return str(export(studio, session, PageState.read(state), kind))

    @does("ask")
    @guarded
    def on_open(path: str | None, session: Session) -> Any:
        return gr.skip() if not path else open_saved(studio, session, Path(path))

    made = go.click(
        on_export, [state, session, kind], download.component, js=ask_viewer.read_state, **ON_FILES
    )
    download.follow(made)
    opened.upload(on_open, [opened, session], [*shown], **PRIVATE)


def export(studio: Studio, session: Session, state: PageState, kind: str) -> Path:
    """The file that was asked for, in a folder of its own.

    Raises:
        SayoError: no such answer, kind or map, or the file cannot be written.
    """
    if kind not in KINDS:
        raise InputError(
            expected=f"a kind out of {', '.join(KINDS)}", got=repr(kind)[:80], remedy="Choose one."
        )
    answered = session.answered(state.id)
    _, ending, write = KINDS[kind]
    path = export_folder(studio.settings) / f"{file_stem(answered.question, 'answer')}{ending}"
    write(Taken(studio, answered, state, session.shown), path)
    return path


def open_saved(studio: Studio, session: Session, path: Path) -> tuple[Any, ...]:
    """(viewer, viewer of Correct, question, chart) of an answer that was saved.

    Raises:
        TraceFileError: it is not such a file, or damaged, or too large. What is shown stays.
    """
    limits = studio.settings
    with studio.decoding:
        bundle = read_bundle(path, max_bytes=limits.max_trace_bytes, max_pixels=limits.max_picture_pixels)
        shown = pictures_value([(picture, view_ids.new_picture()) for picture in bundle.pictures])
        pictures = tuple(studio.hold(picture) for picture in bundle.pictures)
    session.look_at(pictures, shown)
    answered = Answered(
        view_ids.new_answer("opened"),
        pictures,
        bundle.question,
        bundle.trace,
        model=bundle.model,
        recorded=_OPENED,
    )
    value = answer_value(shown, session.show(answered))
    value["regions"] = [
        region.to_dict() | ({"picture": number} if number else {})
        for number, regions in enumerate(bundle.regions)
        for region in regions
    ]
    say(f"An answer of {bundle.model} was opened.")
    return value, value, bundle.question, gr.Plot(token_chart(bundle.trace), visible=True)
