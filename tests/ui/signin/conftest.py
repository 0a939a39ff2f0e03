"""The real page behind its gate, and a browser's part of a session."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.middleware import Middleware

from sayo_app.settings import Settings
from sayo_app.ui.page import build_page
from sayo_app.ui.serving import before_the_page, launch_options
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.signin.wiring import SignIn
from sayo_app.ui.web.places import Places
from sayo_app.ui.web.shield import Shield
from storage.store import Store

PASSWORD = "four words in a row"


@dataclass(frozen=True)
class Served:
    url: str
    store: Store
    # Number of the page's function of that name.
    numbers: dict[str, int]


Serve = Callable[..., Served]


@pytest.fixture(scope="module")
def serve(
    tmp_path_factory: pytest.TempPathFactory, new_store: Callable[[Settings], Store]
) -> Iterator[Serve]:
    """Serves the page with these settings, without a model; each in a folder of its own.

    To lay it out takes seconds: one does for a module, and tests tell their people apart by name.
    """
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))

        def served(**options: Any) -> Served:
            folder = tmp_path_factory.mktemp("served") / "data"
            settings = Settings(**{"data_dir": folder, "port": 0} | options)
            store = stack.enter_context(new_store(settings))
            return stack.enter_context(_serving(Studio(settings, store)))

        yield served


@contextmanager
def _serving(studio: Studio) -> Iterator[Served]:
    sign_in = SignIn(studio.settings, studio.store)
    before = [Middleware(Shield, places=Places.of(studio.settings)), *before_the_page(studio, sign_in)]

    async def launched() -> Any:
        page = build_page(studio, sign_in.who)
        return page, page.launch(**launch_options(studio.settings, before))[1]

    with ThreadPoolExecutor(1) as thread:  # Gradio leaves an event loop open that it makes itself
        page, url = thread.submit(lambda: asyncio.run(launched())).result()
    try:
        numbers = {str(it.api_name): number for number, it in page.fns.items()}
        yield Served(url.rstrip("/"), studio.store, numbers)
    finally:
        page.close(verbose=False)


class Visitor(httpx.Client):
    """One browser: keeps cookies, follows nothing by itself."""

    def __init__(self, served: Served, **options: Any) -> None:
        super().__init__(base_url=served.url, timeout=60, **options)
        self.numbers = served.numbers

    def sign_in(self, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
        form = {"name": name, "password": password, "token": token_of(self.get("/sign-in"))}
        return self.post("/sign-in", data=form, headers=headers)

    def call(self, function: str, *data: Any) -> tuple[list[str], Any]:
        """(warnings and notes that the page would show, what came of it)."""
        body = {"fn_index": self.numbers[function], "data": [*data], "session_hash": "tab"}
        self.post("/gradio_api/queue/join", json=body).raise_for_status()
        said: list[str] = []
        with self.stream("GET", "/gradio_api/queue/data", params={"session_hash": "tab"}) as events:
            for line in events.iter_lines():
                event = json.loads(line.removeprefix("data:")) if line else {}
                if event.get("msg") == "log":
                    said.append(event["log"])
                if event.get("msg") == "process_completed":
                    return said, event
        raise AssertionError("the stream ended without a result")


def token_of(page: httpx.Response) -> str:
    [token] = re.findall(r'name="token" value="([^"]+)"', page.text)
    return token


@pytest.fixture
def visit() -> Iterator[Callable[..., Visitor]]:
    """Opens a browser of its own on a served page."""
    with ExitStack() as stack:
        yield lambda served, **options: stack.enter_context(Visitor(served, **options))
