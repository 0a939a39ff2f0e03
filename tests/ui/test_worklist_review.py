"""Several people on one item in a browser: agreement, history, and nothing written over unseen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from storage.store import Store
from tests.ui.driving import drag
from tests.ui.work import (
    CARDS,
    HOSTILE,
    LAYER,
    TITLE,
    boxes,
    choose,
    correct,
    field,
    unfold,
    work_list,
)

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]


def signed(page: Page, name: str) -> None:
    author = field(page, "corrections-author")
    author.fill(name)
    author.press("Escape")


def test_a_third_person_corrects_what_is_done(work_url: str, open_page: OpenPage, work_store: Store) -> None:
    correct(work_store, 1, "Ada", (0, 0, 100, 100))
    page = work_list(open_page, work_url)
    signed(page, "Bo")
    page.locator(CARDS).click()
    expect(page.locator(TITLE)).to_contain_text("by Ada")
    page.locator("#corrections-another").click()
    expect(page.locator(TITLE)).to_contain_text("To correct")
    expect(page.locator("#corrections-viewer .sv-box")).to_have_count(0)
    drag(page, LAYER, (0, 0), (100, 25))
    page.keyboard.press("Control+Enter")
    expect(page.locator("#corrections-people")).to_contain_text("0.25")
    assert [it.annotator for it in work_store.list_corrections()] == ["Bo", "Ada"]


def test_history_says_who_and_what_and_restores(
    work_url: str, open_page: OpenPage, work_store: Store
) -> None:
    number = correct(work_store, 1, "Ada", (0, 0, 100, 50))
    work_store.review(number, "reject", HOSTILE, "Cy")
    work_store.revise_correction(number, "Ada", corrected_answer="dog")
    page = work_list(open_page, work_url)
    page.locator(CARDS).click()
    unfold(page, "corrections-history-box")
    lines = page.locator("#corrections-history tr")
    expect(lines).to_have_count(4)
    expect(lines.nth(2)).to_contain_text("Cy")
    expect(lines.nth(2)).to_contain_text(HOSTILE)
    signed(page, "Bo")
    choose(page, "corrections-revision", "Revision 1")
    page.locator("#corrections-restore").click()
    expect(field(page, "corrections-answer")).to_have_value("cat")
    expect(lines).to_have_count(5)
    expect(lines.nth(4)).to_contain_text("Bo")
    page.locator("#corrections-delete").click()
    expect(page.locator(CARDS)).to_have_count(0)
    choose(page, "corrections-revision", "Revision 4")
    page.locator("#corrections-restore").click()
    expect(page.locator(CARDS)).to_have_count(1)
    assert [it.state for it in work_store.correction_history(number)] == [
        "submitted", "rejected", "submitted", "submitted", "deleted", "submitted",
    ]  # fmt: skip


def test_what_somebody_else_changed_meanwhile_is_not_written_over(
    work_url: str, open_page: OpenPage, work_store: Store
) -> None:
    number = correct(work_store, 1, "Ada", (0, 0, 100, 50))
    page = work_list(open_page, work_url)
    page.locator(CARDS).click()
    expect(page.locator(TITLE)).to_contain_text("by Ada")
    work_store.revise_correction(number, "Ada", corrected_answer="dog")
    drag(page, LAYER, (200, 20), (300, 100))
    page.keyboard.press("Control+Enter")
    expect(page.locator(".toast-body").last).to_contain_text("revision 1")
    # What was drawn is still there.
    assert boxes(page) == [[0, 0, 100, 50], [200, 20, 300, 100]]
    record = work_store.get_correction(number)
    assert (record.revision, record.state, record.corrected_answer) == (2, "submitted", "dog")
