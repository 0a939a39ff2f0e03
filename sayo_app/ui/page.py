"""The page: headline, five tabs, and how it is served."""

from __future__ import annotations

import html
import os
import socket
import warnings
from pathlib import Path
from typing import Any

import gradio as gr

from sayo_app.errors import SayoError
from sayo_app.jobs.runs import reconcile
from sayo_app.settings import Settings
from sayo_app.ui import ask, compare, correct, corrections, retrain
from sayo_app.ui.handlers import PRIVATE, guarded
from sayo_app.ui.studio import BASE_LABEL, Session, Studio
from sayo_app.ui.theme import head, theme
from sayo_app.ui.viewer import viewer

TITLE = "SAYO Studio"
_MASTHEAD = (
    f'<header class="masthead"><h1>{TITLE}</h1><p>Ask a multimodal model about a picture, see where it '
    "looked for every word, show it where it should have looked, and retrain it on that.</p></header>"
)
_TICK_SECONDS = 1.0
_MAX_WAITING = 32


def build_page(studio: Studio) -> gr.Blocks:
    """All of it, wired to the studio."""
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(3600, 86400), fill_width=False
    ) as page:
        session, changed, seen = gr.State(Session()), gr.State(0), gr.State("")
        timer = gr.Timer(_TICK_SECONDS)
        gr.HTML(_MASTHEAD, apply_default_css=False)
        status = gr.HTML(_status(studio), elem_id="status", apply_default_css=False)
        # It is shown what Ask is shown, so it must exist before Ask is wired; its tab renders it.
        correct_viewer = viewer(
            "correct-viewer", hint=ask.CORRECT_HINT, editable=True, group="current", render=False
        )
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Ask", elem_id="tab-ask"):
                asked = ask.build(studio, session, correct_viewer)
            with gr.Tab("Correct", elem_id="tab-correct"):
                correct.build(studio, session, correct_viewer, changed)
            with gr.Tab("Corrections", elem_id="tab-corrections") as corrections_tab:
                corrections.build(studio, changed, corrections_tab)
            with gr.Tab("Retrain", elem_id="tab-retrain") as retrain_tab:
                retrain.build(studio, changed, retrain_tab, timer)
            with gr.Tab("Compare", elem_id="tab-compare") as compare_tab:
                compare.build(studio, session, changed, compare_tab, asked.question)

        @guarded
        def on_tick(seen: str) -> Any:
            text = _status(studio)
            return gr.skip() if text == seen else (text, text)

        timer.tick(on_tick, seen, [status, seen], queue=False, **PRIVATE)
    return page


def serve(studio: Studio) -> tuple[gr.Blocks, str]:
    """Serve the page without blocking; the page and its address.

    Everything that Gradio writes goes into the data folder.
    """
    settings = studio.settings
    uploads = settings.data_dir / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    try:
        reconcile(studio.store)
    except SayoError as error:
        warnings.warn(str(error), stacklevel=1)
    studio.load_in_background()
    page = build_page(studio)
    page.queue(max_size=_MAX_WAITING, default_concurrency_limit=4)
    _, url, _ = page.launch(**launch_options(settings))
    return page, url


def launch_options(settings: Settings) -> dict[str, Any]:
    return {
        "server_name": settings.host,
        "server_port": _port(settings.port),
        "max_file_size": settings.max_file_bytes,
        "theme": theme(),
        "head": head(),
        "allowed_paths": [],
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "mcp_server": False,
        "share": False,
        "prevent_thread_lock": True,
        "quiet": True,
        "show_error": False,
    }


def _port(port: int) -> int | None:
    """Gradio's None: the usual port, or the next one that is free."""
    if port:
        return None if port == Settings.port else port
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _status(studio: Studio) -> str:
    """One line under the headline: which model, which adapter, and whether it is there."""
    state, sentence = studio.model_state
    try:
        record = studio.adapter(studio.active_id())
        adapter = record.name if record is not None else BASE_LABEL.lower()
    except SayoError as error:
        adapter = str(error)
    # A folder is shown by its name: its path is nobody's business but the operator's.
    model = (
        Path(studio.settings.model).name if Path(studio.settings.model).is_dir() else studio.settings.model
    )
    words = f"{html.escape(model)} · {html.escape(adapter)}"
    detail = "" if state == "ready" else f'<span class="status-detail">{html.escape(sentence)}</span>'
    return (
        f'<p class="model-status is-{state}" data-testid="model-status" data-state="{state}">'
        f"<span class='dot'></span><b>{words}</b> {detail}</p>"
    )
