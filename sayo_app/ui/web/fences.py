"""What Gradio would do by itself and must not here; its own settings have no word for it."""

from __future__ import annotations

import html
import os
from typing import Any, NoReturn

import gradio as gr
from gradio import networking, processing_utils, queueing, utils
from gradio.route_utils import CustomCORSMiddleware
from starlette.datastructures import Headers

from sayo_app.errors import InputError, SayoError
from sayo_app.ui.shared.words import without_paths


def put_up() -> None:
    """For this process, before the page is served: nothing is fetched, and no origin is reflected."""
    # Whom to believe is the settings' business, see `places`: the server itself believes nobody.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    for name in ("ssrf_protected_download", "save_url_to_cache"):
        setattr(processing_utils, name, no_fetch)
    for name in ("async_ssrf_protected_download", "async_ssrf_protected_get"):
        setattr(processing_utils, name, no_fetch_async)
    # Of an error that nobody expected it tells the page nothing.
    utils.error_payload = error_in_words
    setattr(queueing, "error_payload", error_in_words)  # noqa: B010
    # Gradio asks its own address for three seconds and gives up: a busy machine takes longer to answer.
    networking.url_ok = _reachable
    # By name, as the type of a method takes no other.
    setattr(CustomCORSMiddleware, "is_valid_origin", _same_origin)  # noqa: B010


def error_in_words(error: BaseException | None, show_error: bool) -> dict[str, Any]:
    """What a page is told of an error that no handler has put into words: never a path or a trace."""
    if isinstance(error, gr.Error):
        words = error.message
    elif isinstance(error, SayoError):
        words = str(error)
    else:
        words = (
            "Expected what this page sends, got something else, or a fault of the app's own. Reload the page "
            "and try again; the server's log says more."
        )
    words = html.escape(without_paths(words))
    return {"error": words, "duration": 15, "visible": True, "title": "Error"}


def _reachable(url: str) -> bool:
    """The server is there before it is asked: a port that cannot be had has failed by then."""
    return bool(url)


def no_fetch(*_: Any, **__: Any) -> NoReturn:
    """Raises InputError: a file that is an address of the web."""
    raise InputError(
        expected="a file that was uploaded",
        got="an address of the web",
        remedy="Nothing is fetched from elsewhere: download it and upload the file.",
    )


async def no_fetch_async(*_: Any, **__: Any) -> NoReturn:
    no_fetch()


def _same_origin(_: CustomCORSMiddleware, headers: Headers) -> bool:
    """Of one page with itself there is nothing to allow."""
    return headers["origin"].partition("://")[2] == headers.get("host")
