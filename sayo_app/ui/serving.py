"""How the page is served: where, what it may be sent, and nothing that is fetched from elsewhere."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from sayo_app.core.memory import give_back_large_blocks
from sayo_app.jobs.keeper import keep_queue
from sayo_app.settings import DEFAULTS, Settings
from sayo_app.ui.page import build_page
from sayo_app.ui.shared.pulse import Beats, Pulse, mark_of
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.signin.wiring import SignIn
from sayo_app.ui.theme import head, theme
from sayo_app.ui.web.addresses import Addresses
from sayo_app.ui.web.bodies import Bodies, look_at_uploads
from sayo_app.ui.web.fences import put_up
from sayo_app.ui.web.health import Figures, Health
from sayo_app.ui.web.logs import take_over
from sayo_app.ui.web.places import Places
from sayo_app.ui.web.queue import open_queue
from sayo_app.ui.web.rates import Calm, Rates
from sayo_app.ui.web.sessions import keep_little
from sayo_app.ui.web.shield import Shield
from sayo_app.ui.web.uploads import Uploads


def serve(studio: Studio) -> tuple[gr.Blocks, str]:
    """Serve the page without blocking; the page and its address.

    Everything that Gradio writes goes into the data folder.
    """
    settings = studio.settings
    uploads_dir = _uploads_dir(settings)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads_dir)
    sign_in = SignIn(settings, studio.store)
    # What cannot be is told before anything is begun.
    before = before_the_page(studio, sign_in)
    keep_queue(studio.store, settings)
    studio.load_in_background()
    give_back_large_blocks()
    put_up()
    keep_little(settings)
    look_at_uploads()
    places, figures = Places.of(settings), Figures(studio, lambda: len(page._queue))
    page = build_page(studio, sign_in.who)
    around = [
        Middleware(Health, figures=figures, metrics=settings.metrics),
        Middleware(Shield, places=places, told=figures.count),
        *before,
        Middleware(Bodies, settings=settings, uploads=Uploads(settings, uploads_dir, sign_in.people.person)),
        Middleware(Addresses, folder=uploads_dir),
    ]
    open_queue(page, settings)
    _, url, _ = page.launch(**launch_options(settings, around))
    take_over()
    return page, url


def before_the_page(studio: Studio, sign_in: SignIn) -> list[Middleware]:
    """Whatever answers or refuses a request before the page does, outermost first."""
    return [
        *sign_in.middleware(),
        Middleware(Calm, rates=Rates(studio.settings.max_requests_each)),
        Middleware(Beats, pulse=Pulse(lambda: mark_of(studio))),
    ]


def launch_options(settings: Settings, middleware: Sequence[Middleware] = ()) -> dict[str, Any]:
    """Args: middleware: what stands before the page, outermost first."""
    return {
        "app_kwargs": {"middleware": [*middleware]},
        "server_name": settings.host,
        "server_port": _port(settings.port),
        "state_session_capacity": settings.max_sessions,
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
    """A folder for uploads: in the data folder, or a temporary one where that can only be read.

    A demo's is gone when the app ends, or else at a later start: see `storage/leftovers`.
    """
    if settings.public_demo:
        folder = tempfile.mkdtemp(prefix="sayo-uploads-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)
    uploads = settings.data_dir / "uploads"
    try:
        uploads.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="sayo-uploads-"))
    return uploads if os.access(uploads, os.W_OK) else Path(tempfile.mkdtemp(prefix="sayo-uploads-"))


def _port(port: int) -> int | None:
    """Gradio's None: the usual port, or the next one that is free."""
    if port:
        return None if port == DEFAULTS.port else port
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
