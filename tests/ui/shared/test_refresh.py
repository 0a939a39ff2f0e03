"""One request refreshes all that changes by itself; what is wrong with a part leaves the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Page, expect
from starlette.middleware import Middleware

from sayo_app.errors import StorageError
from sayo_app.ui.shared.handlers import does
from sayo_app.ui.shared.pulse import Beats, Pulse
from sayo_app.ui.shared.refresh import Refresh, read_shown, shown_last


class Shop:
    """A page that shows a number, and a button that shows it as it was when it was pressed."""

    def __init__(self) -> None:
        self.number = 0
        self.broken = False
        self.refreshed = 0

    def page(self) -> gr.Blocks:
        with gr.Blocks() as page:
            refresh, seen = Refresh(), shown_last()
            number = gr.HTML("", elem_id="number")
            other = gr.HTML("", elem_id="other")
            old = gr.Button("Old", elem_id="old")

            def shown(seen: Any) -> Any:
                self.refreshed += 1
                if read_shown(seen).get("number") == str(self.number):
                    return gr.skip()
                return {"number": str(self.number)}, f"<p>{self.number}</p>"

            def fails() -> Any:
                if self.broken:
                    raise StorageError(expected="a store", got="none", remedy="Wait.")
                return [f"<p>{self.number}</p>"]

            @does("look")
            def on_old() -> Any:
                """As a handler whose answer is overtaken."""
                return {"number": "0"}, "<p>0</p>"

            refresh.add(fails, [], [other])
            refresh.add(shown, [seen], [seen, number])
            refresh.on(old.click(on_old, None, [seen, number]).then)
            refresh.wire()
        return page


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def url(shop: Shop, serve_page: Any) -> Iterator[str]:
    pulse = Pulse(lambda: f"m{shop.number}", every_s=0.05)
    with serve_page(shop.page(), [Middleware(Beats, pulse=pulse)]) as url:
        yield url


def test_the_page_follows_and_shows_what_was_overtaken_anew(
    shop: Shop, url: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(url)
    number, other = page.locator("#number"), page.locator("#other")
    expect(number).to_have_text("0")
    shop.broken, shop.number = True, 1
    expect(number).to_have_text("1")
    expect(other).to_have_text("0")
    before = shop.refreshed
    page.locator("#old").click()
    expect(number).to_have_text("1")
    assert shop.refreshed > before


def test_a_hidden_tab_asks_nothing_and_catches_up(
    shop: Shop, url: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(url)
    expect(page.locator("#number")).to_have_text("0")
    with page.expect_event("requestfailed"):  # the one that waits
        turn(page, hidden=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    shop.number = 7
    page.wait_for_timeout(500)  # ten marks
    assert asked == []
    turn(page, hidden=False)
    expect(page.locator("#number")).to_have_text("7")


def turn(page: Page, *, hidden: bool) -> None:
    """As another tab in front of this one, which a Chromium without a screen does not know."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_what_the_page_sends_back_may_be_anything() -> None:
    assert read_shown({"run": "1"}) == {"run": "1"}
    assert read_shown(None) == read_shown("run") == read_shown([1]) == {}
