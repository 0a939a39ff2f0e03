"""Drafts in the real app: they outlive the server, and two tabs do not write over each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.ui.driving import App, drag

pytestmark = pytest.mark.browser
LAYER = "#ask-viewer [data-testid=layer]"


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


def part(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.locator(f"#ask-viewer [data-testid={name}]")


def boxes(page: Page) -> list[list[float]]:
    return page.evaluate("sayo.viewers['ask-viewer'].editor.regions.map((it) => it.box_xyxy)")


def test_draft_outlives_the_server_and_two_tabs_are_told(app: App, open_page: Callable[..., Page]) -> None:
    page = asked(open_page(app.start()))
    drag(page, LAYER, (10, 20), (60, 70))
    drag(page, LAYER, (80, 20), (120, 70))
    expect(part(page, "draft-note")).to_have_text("Draft saved")
    page.context.close()
    assert app.process is not None
    app.process.kill()
    app.stop()

    url = app.start()
    page = asked(open_page(url))
    assert boxes(page) == []
    expect(part(page, "draft")).to_contain_text("2 regions")
    other = asked(open_page(url))
    part(page, "draft-take").click()
    assert boxes(page) == [[10, 20, 60, 70], [80, 20, 120, 70]]
    expect(part(page, "draft-note")).to_have_text("Draft saved")

    drag(other, LAYER, (5, 90), (50, 130))
    expect(part(other, "draft")).to_contain_text("in another tab")
    part(other, "draft-take").click()
    assert boxes(other) == boxes(page)
    expect(part(other, "draft-note")).to_have_text("Draft saved")
    page.get_by_role("tab", name="Correct", exact=True).click()
    page.locator("#correct-save").click()
    expect(page.locator("#correct-status")).to_contain_text("saved")
    again = asked(open_page(url))
    drag(again, LAYER, (5, 90), (50, 130))
    expect(part(again, "draft-note")).to_have_text("Draft saved")
    expect(part(again, "draft-take")).to_have_count(0)
