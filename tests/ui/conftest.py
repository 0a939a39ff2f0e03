"""A Chromium that fails the test on any page error, and pages for it to open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.ui.driving import PATIENCE_MS, App

if TYPE_CHECKING:
    import gradio as gr
    from playwright.sync_api import Browser, Page, Playwright
    from starlette.middleware import Middleware

    from sayo_app.core.attention.trace import AttentionTrace
    from sayo_app.settings import Settings
    from sayo_app.ui.shared.studio import Studio
    from storage.store import Store
    from tests.ui.demo import Demo

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_HOW_TO = (
    "No Chromium found. Install one (apt-get install chromium, or python -m playwright install chromium) "
    "or name it in SAYO_CHROMIUM."
)
ServePage = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=PATIENCE_MS)
    with sync_api.sync_playwright() as playwright:
        path = _chromium(playwright)
        if path is None:
            if os.environ.get("SAYO_REQUIRE_BROWSER") == "1":
                pytest.fail(_HOW_TO)
            pytest.skip(_HOW_TO)
        flags = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()


def _chromium(playwright: Playwright) -> str | None:
    own = Path(playwright.chromium.executable_path)
    candidates = [os.environ.get("SAYO_CHROMIUM"), str(own) if own.exists() else None]
    candidates += [shutil.which(name) for name in _NAMES]
    return next((path for path in candidates if path), None)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens an address; at the end of the test any error on any page opened fails it."""
    troubles: list[str] = []
    contexts = []

    def opened(
        url: str,
        *,
        width: int = 1280,
        height: int = 900,
        beside: Page | None = None,
        loses_server: bool = False,
        **options: Any,
    ) -> Page:
        if beside is None:  # a browser of its own, not a further tab
            contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        context = contexts[-1] if beside is None else beside.context
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on(
            "pageerror",
            # Gradio fetches parts of itself when they are first shown, which fails without a server.
            lambda error: (
                None
                if loses_server and "dynamically imported module" in str(error)
                else troubles.append(f"page error: {error}")
            ),
        )
        if not loses_server:  # which the browser and Gradio write to the console
            page.on(
                "console", lambda it: troubles.append(f"console: {it.text}") if it.type == "error" else None
            )
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not troubles, "\n".join(troubles)


@pytest.fixture(scope="session")
def app_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the app at `app_url`; what a test stores there is told apart by its own question."""
    return tmp_path_factory.mktemp("app") / "data"


@pytest.fixture(scope="session")
def app_url(app_data_dir: Path) -> Iterator[str]:
    """The real app on the bundled model: one for all tests that neither end it nor count what it stores."""
    app = App(app_data_dir)
    yield app.start()
    app.stop()


@pytest.fixture(scope="session")
def serve_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServePage]:
    """Serves a page of our components from this process."""
    folder = tmp_path_factory.mktemp("served")

    @contextmanager
    def serving(blocks: gr.Blocks, middleware: Sequence[Middleware] = ()) -> Iterator[str]:
        from sayo_app.settings import Settings
        from sayo_app.ui.serving import launch_options

        _, url, _ = blocks.launch(**launch_options(Settings(data_dir=folder, port=0), middleware))
        try:
            yield url
        finally:
            blocks.close(verbose=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        yield serving


@pytest.fixture(scope="session")
def demos(serve_page: ServePage) -> Iterator[Callable[..., tuple[Demo, str]]]:
    """The demo of these options and its address; served when it is first asked for."""
    from tests.ui.demo import Demo

    with ExitStack() as stack:

        @cache
        def served(**options: Any) -> tuple[Demo, str]:
            demo = Demo(**options)
            return demo, stack.enter_context(serve_page(demo.blocks))

        yield served


@pytest.fixture
def opened(open_page: Callable[..., Page], demos: Callable[..., tuple[Demo, str]]) -> Callable[..., Page]:
    """Opens a demo with the answer shown."""
    from playwright.sync_api import expect

    def start(
        trace: AttentionTrace,
        *,
        zoom: float = 1.0,
        second: bool = False,
        fields: tuple[str, ...] = (),
        **options: Any,
    ) -> Page:
        demo, url = demos(second=second, fields=fields)
        page = open_page(url + demo.add(trace), **options)
        expect(page.locator("#one [data-testid=token-0]")).to_be_enabled()
        page.evaluate(f"document.documentElement.style.zoom = {zoom}")
        return page

    return start


@pytest.fixture
def work_store(data_dir: Path, new_store: Callable[[Settings], Store]) -> Iterator[Store]:
    from sayo_app.settings import Settings

    with new_store(Settings(data_dir=data_dir)) as store:
        yield store


@pytest.fixture
def studio(work_store: Store) -> Studio:
    """The app on that store, without a page and a model."""
    from sayo_app.ui.shared.studio import Studio

    return Studio(work_store.settings, work_store)


@pytest.fixture
def tiny_studio(
    data_dir: Path, tiny_model_dir: Path, new_store: Callable[[Settings], Store]
) -> Iterator[Studio]:
    """The app without a page and with the tiny model, loaded when it is first asked for."""
    from sayo_app.settings import Settings
    from sayo_app.ui.shared.studio import Studio

    settings = Settings(data_dir=data_dir, model=str(tiny_model_dir), device="cpu", max_new_tokens=6)
    with new_store(settings) as store:
        studio = Studio(settings, store)
        studio.load_in_background()
        yield studio


@pytest.fixture
def work_url(studio: Studio, serve_page: ServePage) -> Iterator[str]:
    """Its page, served from this process."""
    from sayo_app.ui.page import build_page
    from sayo_app.ui.serving import before_the_page
    from sayo_app.ui.signin.wiring import SignIn

    with serve_page(
        build_page(studio), before_the_page(studio, SignIn(studio.settings, studio.store))
    ) as url:
        yield url
