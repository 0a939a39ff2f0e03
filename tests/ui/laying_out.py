"""Components laid out without a page being served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import gradio as gr

Made = TypeVar("Made")


def laid_out(make: Callable[[], Made]) -> tuple[gr.Blocks, Made]:
    """(the page, what `make` laid out on it)."""
    import gradio as gr

    def lay_out() -> tuple[gr.Blocks, Made]:
        with gr.Blocks(analytics_enabled=False) as page:
            return page, make()

    return in_a_loop(lay_out)


def in_a_loop(make: Callable[[], Made]) -> Made:
    """What `make` makes, such as a whole page.

    Where no event loop runs, Gradio makes one and leaves it open; and where browser tests ran before, this
    thread has one that is running. So it is done in a loop of its own in a thread of its own.
    """

    async def run() -> Made:
        return make()

    return in_own_loop(run)


def in_own_loop(story: Callable[[], Coroutine[Any, Any, Made]]) -> Made:
    """What comes of it, wherever other loops run."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(story())).result()
