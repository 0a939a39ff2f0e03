"""Drafts in the real app: they outlive the server, and two tabs do not write over each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.driving import App, drag

LAYER = "#ask-viewer [data-testid=layer]"
OpenPage = Callable[..., Page]


@pytest.fixture
def app(data_dir: Path) -> Iterator[App]:
    running = App(data_dir)
    yield running
    running.stop()


def asked(page: Page) -> Page:
    """The page with the answer to the first example."""
    page.locator("#ask-examples .sc-card").first.click()
    question = page.locator("#ask-question textarea, #ask-question input")
    expect(question).not_to_have_value("")
    question.press("Enter")
    expect(page.locator("#ask-viewer [data-testid=token-0]")).to_be_enabled()
    return page


def part(page: Page, name: str) -> Locator:
    return page.locator(f"#ask-viewer [data-testid={name}]")


def boxes(page: Page) -> list[list[float]]:
    return page.evaluate("sayo.viewers['ask-viewer'].editor.regions.map((it) => it.box_xyxy)")


def test_draft_outlives_the_server_and_two_tabs_are_told(app: App, open_page: OpenPage) -> None:
    url = app.start()
    first = asked(open_page(url))
    drag(first, LAYER, (10, 20), (60, 70))
    drag(first, LAYER, (80, 20), (120, 70))
    expect(part(first, "draft-note")).to_have_text("Draft saved")
    first.close()
    app.kill()
    app.start(urlsplit(url).port or 0)

    page = asked(open_page(url, beside=first))
    assert boxes(page) == []
    expect(part(page, "draft")).to_contain_text("2 regions")
    other = asked(open_page(url, beside=first))
    part(page, "draft-take").click()
    assert boxes(page) == [[10, 20, 60, 70], [80, 20, 120, 70]]
    expect(part(page, "draft-note")).to_have_text("Draft saved")

    drag(other, LAYER, (5, 90), (50, 130))
    expect(part(other, "draft")).to_contain_text("by somebody without a name in another tab")
    part(other, "draft-take").click()
    assert boxes(other) == boxes(page)
    expect(part(other, "draft-note")).to_have_text("Draft saved")

    # Somebody else without a name, in a browser of their own, shares none of it.
    stranger = asked(open_page(url))
    drag(stranger, LAYER, (5, 90), (50, 130))
    expect(part(stranger, "draft-note")).to_have_text("Draft saved")
    expect(part(stranger, "draft-take")).to_have_count(0)

    page.get_by_role("tab", name="Correct", exact=True).click()
    page.locator("#correct-save").click()
    expect(page.locator("#correct-status")).to_contain_text("saved")
    later = asked(open_page(url, beside=first))
    drag(later, LAYER, (5, 90), (50, 130))
    expect(part(later, "draft-note")).to_have_text("Draft saved")
    expect(part(later, "draft-take")).to_have_count(0)


def test_a_server_that_comes_back_is_offered_what_was_drawn_meanwhile(app: App, open_page: OpenPage) -> None:
    url = app.start()
    page = asked(open_page(url, loses_server=True))
    app.kill()
    drag(page, LAYER, (80, 20), (120, 70))
    expect(part(page, "draft-note")).to_contain_text("This browser keeps what you draw")
    app.start(urlsplit(url).port or 0)
    expect(part(page, "kept-waiting")).to_contain_text("1 region")  # Gradio has loaded the page anew
    asked(page)
    drag(page, LAYER, (5, 90), (50, 130))  # beside the offer
    expect(part(page, "draft-note")).to_have_text("Draft saved")
    part(page, "kept-take").click()
    assert boxes(page) == [[5, 90, 50, 130], [80, 20, 120, 70]]
    page.keyboard.press("Control+z")
    assert boxes(page) == [[5, 90, 50, 130]]
