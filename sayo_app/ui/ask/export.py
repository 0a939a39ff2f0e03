"""Take an answer away as a file, and open one that was saved."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from sayo_app.core.attention.heatmap import METHODS, TRACE_METHODS
from sayo_app.core.bundles.bundle import Bundle, read_bundle, trace_json, write_bundle
from sayo_app.core.files import whole_file
from sayo_app.core.geometry.region import Region
from sayo_app.core.rendering.animate import frames, view, write_gif, write_mp4, write_png
from sayo_app.core.rendering.offline_page import offline_page
from sayo_app.errors import InputError, StorageError
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.charts import token_chart
from sayo_app.ui.shared.handlers import PRIVATE, guarded, say
from sayo_app.ui.shared.studio import Session, Studio, model_label
from sayo_app.ui.viewer.component import (
    SCRIPTS,
    UI_DIR,
    answer_value,
    pictures_value,
    script_text,
    viewer_options,
)
from sayo_app.ui.viewer.page_state import READ_STATE, PageState
from sayo_app.ui.viewer.payload import pooled, region_numbers, scope_of
from sayo_app.ui.viewer.queries import selected

_OPENED = "This answer was opened from a file. Ask again to run the model."
_KEPT_SECONDS = 3600
_LINE_RGB = (255, 61, 110)
_PRESS = "() => document.querySelector('#export-file').click()"


def build(studio: Studio, session: gr.State, ask_viewer: str, outputs: list[Any]) -> None:
    """Lay out the panel below the viewer of Ask, and wire it.

    Args:
        outputs: viewer, viewer of Correct, question and chart, which a file that is opened fills.
    """
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
        file = gr.DownloadButton(visible="hidden", elem_id="export-file")
        state = gr.Textbox(visible="hidden")

    @guarded
    def on_export(state: str, session: Session, kind: str) -> Any:
        return str(export(studio, session, PageState.read(state), kind))

    go.click(
        on_export, [state, session, kind], file, js=READ_STATE.format(viewer=ask_viewer), **PRIVATE
    ).success(None, None, None, js=_PRESS)

    @guarded
    def on_open(path: str | None, session: Session) -> Any:
        return gr.skip() if not path else open_saved(studio, session, Path(path))

    opened.upload(on_open, [opened, session], outputs, **PRIVATE)


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
    folder = export_folder()
    name = re.sub(r"[^a-z0-9]+", "-", answered.question.lower()).strip("-")[:40] or "answer"
    path = folder / f"{name}{ending}"
    write(studio, session, answered, state, path)
    return path


def open_saved(studio: Studio, session: Session, path: Path) -> tuple[Any, ...]:
    """(viewer, viewer of Correct, question, chart) of an answer that was saved.

    Raises:
        TraceFileError: it is not such a file, or damaged, or too large. What is shown stays.
    """
    limits = studio.settings
    bundle = read_bundle(path, max_bytes=limits.max_trace_bytes, max_pixels=limits.max_picture_pixels)
    shown = pictures_value([(picture, uuid.uuid4().hex) for picture in bundle.pictures])
    session.look_at(bundle.pictures, shown)
    answered = Answered(
        f"opened-{uuid.uuid4().hex}",
        bundle.pictures,
        bundle.question,
        bundle.trace,
        model=bundle.model,
        recorded=_OPENED,
    )
    session.answers.remember(answered)
    session.current = answered.id
    value = answer_value(shown, answered)
    value["regions"] = [
        region.to_dict() | ({"picture": number} if number else {})
        for number, regions in enumerate(bundle.regions)
        for region in regions
    ]
    say(f"An answer of {bundle.model} was opened.")
    return value, value, bundle.question, gr.Plot(token_chart(bundle.trace), visible=True)


def _picture(studio: Studio, session: Session, answered: Answered, state: PageState, path: Path) -> None:
    values = shown_map(answered, state)
    pictures = [
        _outlined(picture, regions)
        for picture, regions in zip(answered.pictures, state.fitted(answered), strict=True)
    ]
    write_png(path, view(pictures, answered.trace.grids, values, state.strength))


def _film(write: Callable[..., None]) -> Callable[..., None]:
    def film(studio: Studio, session: Session, answered: Answered, state: PageState, path: Path) -> None:
        maps = answered.token_maps(state.view)
        if not len(answered.trace.attention):
            raise InputError(
                expected="an answer of two words or more", got="a single one", remedy="Ask something else."
            )
        if scope_of(state.view) == "answer":
            maps = np.repeat(maps, len(answered.trace.attention), axis=0)
        trace = answered.trace
        write(path, frames(answered.pictures, trace.grids, maps, trace.tokens, state.strength))

    return film


def _bundle(studio: Studio, answered: Answered, state: PageState) -> Bundle:
    record = None if answered.adapter_id is None else studio.adapter(answered.adapter_id)
    return Bundle(
        pictures=tuple(picture.convert("RGB") for picture in answered.pictures),
        question=answered.question,
        model=model_label(answered.model or studio.settings.model),
        adapter=None if record is None else record.name,
        trace=answered.trace,
        regions=tuple(tuple(regions) for regions in state.fitted(answered)),
    )


def _trace(studio: Studio, session: Session, answered: Answered, state: PageState, path: Path) -> None:
    write_bundle(path, _bundle(studio, answered, state))


def _json(studio: Studio, session: Session, answered: Answered, state: PageState, path: Path) -> None:
    _write(path, trace_json(_bundle(studio, answered, state)))


def _page(studio: Studio, session: Session, answered: Answered, state: PageState, path: Path) -> None:
    views = [name for name in TRACE_METHODS if answered.why_not(name) is None]
    views += [name for name in answered.maps if name not in views]
    value = answer_value(session.shown, answered, views=views)
    [first, *_] = state.fitted(answered)
    value["regions"] = [region.to_dict() for region in first]
    value["measured"] = _measured(answered, first, views) if first else {}
    value["unavailable"] |= {
        name: "It was not shown before this page was saved." for name in METHODS if name not in views
    }
    options = viewer_options("offline", editable=False)
    styles = (UI_DIR / "viewer.css").read_text("utf-8")
    note = f"Answered by {model_label(answered.model or studio.settings.model)}; saved by SAYO Studio."
    text = offline_page(value, options, [script_text(*SCRIPTS)], styles, title=answered.question, note=note)
    _write(path, text)


def _measured(answered: Answered, regions: list[Region], views: list[str]) -> dict[str, Any]:
    """By view: the figures for the boxes of the first picture, which no server will be there to give."""
    trace = answered.trace.of_picture(0)
    own = slice(0, trace.grid.n_tokens)
    return {
        name: region_numbers(trace, answered.token_maps(name)[:, own], regions, scope_of(name))
        for name in views
    }


# name on the page, ending, and what writes it
KINDS: dict[str, tuple[str, str, Callable[..., None]]] = {
    "png": ("Picture of what is shown (PNG)", ".png", _picture),
    "gif": ("Animation over the words (GIF)", ".gif", _film(write_gif)),
    "mp4": ("Film over the words (MP4)", ".mp4", _film(write_mp4)),
    "zip": ("Whole answer, to open again (ZIP: JSON + NPZ)", ".zip", _trace),
    "json": ("Words and figures without arrays (JSON)", ".json", _json),
    "html": ("Page that steps without a server (HTML)", ".html", _page),
}


def shown_map(answered: Answered, state: PageState) -> Float[np.ndarray, " image"]:
    """The map that the page shows: of a token, a step or the answer, in the view that is chosen.

    Raises:
        InputError: there is no such map.
    """
    maps, scope = answered.token_maps(state.view), scope_of(state.view)
    rows, _ = selected(answered.trace, state.selection)
    return pooled(maps, rows.start, rows.stop, scope)


def _outlined(picture: Image.Image, regions: list[Region]) -> Image.Image:
    """The picture with its boxes and polygons drawn in."""
    drawn = picture.convert("RGB").copy()
    pen = ImageDraw.Draw(drawn)
    width = max(2, round(max(picture.size) / 300))
    for region in regions:
        if region.points_xy:
            pen.polygon(region.points_xy, outline=_LINE_RGB, width=width)
        else:
            pen.rectangle(region.box_xyxy, outline=_LINE_RGB, width=width)
    return drawn


def export_folder() -> Path:
    """A fresh folder for one file; those of an hour ago are gone then.

    Gradio hands out files of the temporary folder only, which app.py has put into the data folder.

    Raises:
        StorageError: it cannot be written.
    """
    root = Path(tempfile.gettempdir()) / "sayo-exports"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for old in root.iterdir():
            if old.is_dir() and time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        folder = root / uuid.uuid4().hex
        folder.mkdir()
        return folder
    except OSError as error:
        raise StorageError(
            expected=f"to write into {root}",
            got=str(error),
            remedy="Check that the data folder is writable and has room.",
        ) from error


def _write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
