"""How handlers speak, and what each does: a SayoError becomes a message, and nothing on the page is lost."""

from __future__ import annotations

import functools
import html
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from sayo_app.access.rights import least_role
from sayo_app.errors import SayoError
from sayo_app.ui.shared.words import without_paths

if TYPE_CHECKING:
    from sayo_app.ui.shared.studio import Studio

log = logging.getLogger(__name__)
_SECONDS = 15
# Every event of the page: not an API, and without Gradio's veil over its outputs.
PRIVATE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# Of those that use the model, which does one thing at a time.
ON_MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1, **PRIVATE}
# Of those that write and read large files, which take long.
ON_FILES: dict[str, Any] = {"concurrency_id": "files", "concurrency_limit": 2, **PRIVATE}
# What `does` and `quiet` write on a handler, for `sayo_app.ui.shared.doors` to read.
ACTION, QUIET = "sayo_action", "sayo_quiet"
# The class of fields for a name, which whoever has signed in has already.
TYPED_NAME = "typed-name"


def warn(message: str) -> None:
    """Show a warning. Messages may quote what people typed, and Gradio shows them as HTML."""
    log.info("%s", message)
    gr.Warning(html.escape(without_paths(message)), duration=_SECONDS)


def say(message: str) -> None:
    gr.Info(html.escape(message))


def say_if_loading(studio: Studio) -> None:
    """An event that needs the model waits for it: say so."""
    if studio.model_state[0] == "loading":
        say("The model is still being loaded. The answer comes as soon as it is there.")


def typed(value: str | None) -> str:
    """What stands in a text field, without outer blanks; a field that is not on the page yet sends None."""
    return (value or "").strip()


def does(action: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Says which action of the table of rights a handler is; without it the page is not built.

    Raises:
        AccessError: the table has no such action.
    """
    least_role(action)

    def marked(handler: Callable[..., Any]) -> Callable[..., Any]:
        setattr(handler, ACTION, action)
        return handler

    return marked


def needs(action: str) -> str:
    """The class of what is shown to those only who may do this.

    Raises:
        AccessError: the table has no such action.
    """
    least_role(action)
    return f"needs-{action.replace('.', '-')}"


def unless(action: str) -> str:
    """The class of what is shown to those only who may not do this, instead of it. Raises AccessError."""
    return needs(action).replace("needs", "unless", 1)


def guarded(handler: Callable[..., Any]) -> Callable[..., Any]:
    """On a SayoError: show its message and leave every output as it is."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from handler(*args, **kwargs)
            except SayoError as error:
                warn(str(error))
                yield gr.skip()

        return stream

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except SayoError as error:
            warn(str(error))
            return gr.skip()

    return call


def quiet(handler: Callable[..., Any]) -> Callable[..., Any]:
    """For what happens by the clock: on a SayoError log it, and leave every output as it is."""

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except SayoError as error:
            log.warning("%s", error)
            return gr.skip()

    setattr(call, QUIET, True)
    return call
