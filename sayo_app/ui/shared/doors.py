"""Every function of the page behind one door: who is asking, and may they?"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from sayo_app.access.current import acting
from sayo_app.access.rights import require
from sayo_app.access.roles import Person
from sayo_app.errors import AccessError
from sayo_app.ui.shared.handlers import ACTION, QUIET, warn

Who = Callable[[gr.Request | None], Person]


def close_doors(page: gr.Blocks, who: Who) -> None:
    """Have every function of the page ask `who` it is that wants it, and refuse those who may not.

    It acts as that person. Whether a function is private to the page makes no difference: HTTP reaches all.

    Args:
        who: the person behind a request; None where a function is called without one.

    Raises:
        AccessError: a function that does not say which action it is.
    """
    for function in page.fns.values():
        if function.fn is not None:  # what only runs in the browser
            function.fn = _behind_a_door(function.fn, who)


def _behind_a_door(handler: Callable[..., Any], who: Who) -> Callable[..., Any]:
    action, name = getattr(handler, ACTION, None), f"{handler.__module__}.{handler.__qualname__}"
    if action is None:
        raise AccessError(
            expected="every function of the page to say which action it is",
            got=name,
            remedy="Put @does(...) on it, with an action of the table of rights.",
        )

    def person() -> Person:
        asking = who(LocalContext.request.get(None))
        require(asking, action)
        return asking

    def refused(error: AccessError) -> Any:
        # What the clock asks for is refused every second: not a word each time.
        if not getattr(handler, QUIET, False):
            warn(str(error))
        return gr.skip()

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                asking = person()
            except AccessError as error:
                yield refused(error)
                return
            yield from _as_person(asking, handler(*args, **kwargs))

        return stream

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            asking = person()
        except AccessError as error:
            return refused(error)
        with acting(asking):
            return handler(*args, **kwargs)

    return call


def _as_person(asking: Person, steps: Iterator[Any]) -> Iterator[Any]:
    """Each step is run as that person: Gradio takes every one in a context of its own."""
    try:
        while True:
            with acting(asking):
                try:
                    step = next(steps)
                except StopIteration:
                    return
            yield step
    finally:
        steps.close()  # type: ignore[attr-defined]
