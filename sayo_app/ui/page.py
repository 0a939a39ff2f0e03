"""The page: headline, five tabs, and how it is served."""

from __future__ import annotations

import html
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from sayo_app.errors import SayoError
from sayo_app.jobs.keeper import keep_queue
from sayo_app.settings import Settings
from sayo_app.ui.ask import tab as ask
from sayo_app.ui.compare import tab as compare
from sayo_app.ui.correct import tab as correct
from sayo_app.ui.retrain import tab as retrain
from sayo_app.ui.shared.handlers import PRIVATE, quiet
from sayo_app.ui.shared.studio import BASE_LABEL, Session, Studio, model_label
from sayo_app.ui.theme import head, theme
from sayo_app.ui.viewer import autosave
from sayo_app.ui.viewer.component import viewer
from sayo_app.ui.worklist import tab as corrections

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
            "correct-viewer",
            hint=ask.CORRECT_HINT,
            editable=True,
            group="current",
            fields=("correct-answer",),
            drafts=autosave.CORRECT_FIELDS,
            render=False,
        )
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Ask", elem_id="tab-ask"):
                asked = ask.build(studio, session, correct_viewer)
            with gr.Tab("Correct", elem_id="tab-correct"):
                correct.build(studio, session, correct_viewer, changed)
            with gr.Tab("Corrections", elem_id="tab-corrections") as corrections_tab:
                corrections.build(studio, session, changed, corrections_tab)
            with gr.Tab("Retrain", elem_id="tab-retrain") as retrain_tab:
                retrain.build(studio, changed, retrain_tab, timer)
            with gr.Tab("Compare", elem_id="tab-compare") as compare_tab:
                compare.build(studio, session, changed, compare_tab, asked.question)

        @quiet
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
    os.environ["GRADIO_TEMP_DIR"] = str(_uploads_dir(settings))
    keep_queue(studio.store, settings)
    studio.load_in_background()
    page = build_page(studio)
    page.queue(max_size=_MAX_WAITING, default_concurrency_limit=4)
    _, url, _ = page.launch(**launch_options(settings))
    return page, url


def launch_options(settings: Settings) -> dict[str, Any]:
    return {
        "server_name": settings.host,
        "server_port": _port(settings.port),
        # Of any upload; what is smaller for a kind of file is checked where that kind is opened.
        "max_file_size": max(
            settings.max_file_bytes,
            settings.max_trace_bytes,
            settings.max_import_bytes,
            settings.max_adapter_bytes,
        ),
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


def _uploads_dir(settings: Settings) -> Path:
    """A folder for uploads: in the data folder, or a temporary one where that can only be read."""
    uploads = settings.data_dir / "uploads"
    try:
        uploads.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="sayo-uploads-"))
    return uploads if os.access(uploads, os.W_OK) else Path(tempfile.mkdtemp(prefix="sayo-uploads-"))


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
    words = f"{html.escape(model_label(studio.settings.model))} · {html.escape(adapter)}"
    details = [] if state == "ready" else [sentence]
    if studio.store.read_only:
        details.append("The store can only be read: nothing can be saved.")
    detail = f'<span class="status-detail">{html.escape(" ".join(details))}</span>' if details else ""
    return (
        f'<p class="model-status is-{state}" data-testid="model-status" data-state="{state}">'
        f"<span class='dot'></span><b>{words}</b> {detail}</p>"
    )
