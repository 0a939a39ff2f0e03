"""The work list in a browser: by keyboard alone, filtered, searched, sorted; narrow and dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, event

from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.worklist import listing
from storage.store import Store
from storage.work.work_records import WorkQuery
from tests.storage.examples import corrected
from tests.ui.driving import SCREENSHOTS, drag
from tests.ui.worklist.working import (
    CARDS,
    HOSTILE,
    LAYER,
    PROGRESS,
    TITLE,
    boxes,
    choose,
    correct,
    field,
    picture,
    unfold,
    work_list,
)

OpenPage = Callable[..., Page]


def test_a_list_by_keyboard_alone(work_url: str, open_page: OpenPage, work_store: Store) -> None:
    one = work_store.pictures.add(picture(0)).id
    for number in (1, 2, 3):
        work_store.items.add(picture_id=one, question=f"Question {number}? {HOSTILE}")
    page = work_list(open_page, work_url)
    keys = page.keyboard
    expect(page.locator(CARDS)).to_have_count(3)
    expect(page.locator(PROGRESS)).to_have_text("0 of 3 done")
    field(page, "corrections-author").fill("Ada")
    keys.press("Escape")
    keys.press("n")
    expect(page.locator(TITLE)).to_contain_text(f"Question 3? {HOSTILE}")
    keys.press("n")
    expect(page.locator(TITLE)).to_contain_text("Question 2?")
    keys.press("Shift+N")
    expect(page.locator(TITLE)).to_contain_text("Question 3?")
    expect(page.locator(f"{CARDS}.is-active")).to_contain_text("Question 3?")
    drag(page, LAYER, (20, 30), (120, 130))
    keys.press("t")
    keys.type("red n")
    keys.press("Control+Enter")
    expect(page.locator(TITLE)).to_contain_text("Question 2?")
    # The next question is about the same picture: the box and the answer of the one before are not its.
    expect(page.locator("#corrections-viewer .sv-box")).to_have_count(0)
    expect(field(page, "corrections-answer")).to_have_value("")
    keys.press("u")
    keys.press("Enter")
    expect(page.locator(".toast-body").last).to_contain_text("reason")
    keys.press("u")
    keys.type("too blurred")
    keys.press("Enter")
    expect(page.locator(TITLE)).to_contain_text("Question 1?")
    # Where the reason was typed, letters are keys again.
    keys.press("i")
    expect(page.locator(TITLE)).to_contain_text("flagged")
    expect(page.locator(PROGRESS)).to_have_text("1 of 3 done, 1 skipped, 1 flagged")
    drag(page, LAYER, (10, 10), (50, 60))
    keys.press("Control+Enter")
    expect(page.locator(PROGRESS)).to_have_text("2 of 3 done, 1 skipped, 1 flagged")
    stored = sorted(work_store.corrections.all(), key=lambda it: it.question, reverse=True)
    assert [it.state for it in stored] == ["submitted", "skipped", "submitted"]
    assert [it.annotator for it in stored] == ["Ada"] * 3
    assert stored[0].regions[0].box_xyxy == (20, 30, 120, 130)
    assert (stored[0].corrected_answer, stored[1].comment) == ("red n", "too blurred")
    assert [it.flagged for it in stored] == [False, False, True]


def test_no_key_of_the_list_is_one_of_the_editor(
    work_url: str, open_page: OpenPage, work_store: Store
) -> None:
    work_store.items.add(picture_id=work_store.pictures.add(picture(1)).id, question="Last?")
    work_store.items.add(picture_id=work_store.pictures.add(picture(0)).id, question="First?")
    page = work_list(open_page, work_url)
    page.locator(CARDS).first.click()
    expect(page.locator(TITLE)).to_contain_text("First?")
    drag(page, LAYER, (20, 30), (120, 130))
    # With the focus on the picture, letters of the editor draw and those of the list move on.
    page.keyboard.press("p")
    assert page.evaluate("sayo.viewers['corrections-viewer'].editor.tool.name") == "polygon"
    page.keyboard.press("s")
    page.keyboard.press("g")
    expect(page.locator(TITLE)).not_to_contain_text("flagged")
    page.keyboard.press("n")
    expect(page.locator(TITLE)).to_contain_text("Last?")
    assert work_store.corrections.all() == []


def test_filters_search_sort_and_pages(work_url: str, open_page: OpenPage, work_store: Store) -> None:
    for number in range(30):
        author, box = ("Ada", "Bo")[number % 2 == 0], (10, 10, 60, 60)
        more = {"model": "other" if number == 9 else "bundled", "family": "colour" if number == 3 else None}
        correct(work_store, number, author, box, reward=number / 100 - 0.1, flagged=number == 7, **more)
    page = work_list(open_page, work_url)
    titles = page.locator("#corrections-gallery .sc-title")
    expect(titles.first).to_have_text("Question 29?")
    expect(titles).to_have_count(24)
    page.locator("#corrections-older").click()
    expect(titles).to_have_count(6)
    page.locator("#corrections-newer").click()
    expect(titles).to_have_count(24)
    choose(page, "corrections-sort", "Looked most wrong first")
    expect(titles.first).to_have_text("Question 0?")
    unfold(page, "corrections-more")
    choose(page, "corrections-annotator", "Ada")
    expect(titles).to_have_count(15)
    expect(titles.first).to_have_text("Question 1?")
    below = field(page, "corrections-below")
    below.fill("low")
    below.press("Enter")
    expect(page.locator(".toast-body").last).to_contain_text("a number from -1 to 1")
    below.fill("0")
    below.press("Enter")
    expect(titles).to_have_count(5)
    choose(page, "corrections-model", "other")
    expect(titles).to_have_text(["Question 9?"])
    choose(page, "corrections-model", "Any")
    choose(page, "corrections-family", "colour")
    expect(titles).to_have_text(["Question 3?"])
    choose(page, "corrections-family", "Any")
    choose(page, "corrections-flagged", "Flagged")
    expect(titles).to_have_text(["Question 7?"])
    search = field(page, "corrections-text")
    search.fill("question CAT 7")
    search.press("Enter")
    expect(titles).to_have_text(["Question 7?"])
    search.fill("nowhere")
    search.press("Enter")
    expect(page.locator("#corrections-gallery")).to_contain_text("Nothing in the list is like that")
    search.fill("")
    search.press("Enter")
    choose(page, "corrections-states", "accepted")
    expect(titles).to_have_count(0)


def test_an_item_with_a_known_answer(work_url: str, open_page: OpenPage, work_store: Store) -> None:
    one = work_store.pictures.add(picture(0)).id
    work_store.items.add(picture_id=one, question="What is it?", answer=HOSTILE)
    page = work_list(open_page, work_url)
    card = page.locator(CARDS)
    expect(card).to_contain_text(f"Known answer: {HOSTILE}")
    expect(card).to_contain_text("to do")
    card.click()
    expect(page.locator(TITLE)).to_contain_text(f"Known answer {HOSTILE}")
    expect(field(page, "corrections-answer")).to_have_value(HOSTILE)
    expect(page.locator("#corrections-delete")).to_have_count(0)
    expect(page.locator("#corrections-accept")).to_have_count(0)
    drag(page, LAYER, (20, 30), (120, 130))
    page.locator("#corrections-submit").click()
    expect(page.locator(PROGRESS)).to_have_text("1 of 1 done")
    [stored] = work_store.corrections.all()
    assert (stored.corrected_answer, stored.regions[0].box_xyxy) == (HOSTILE, (20, 30, 120, 130))


def test_a_page_of_the_list_asks_the_store_no_more_for_more_lines(work_store: Store) -> None:
    studio = Studio(work_store.settings, work_store)

    def asked() -> int:
        statements: list[str] = []

        def note(*arguments: object) -> None:
            statements.append(str(arguments[2]))

        event.listen(Engine, "before_cursor_execute", note)
        listing.listed(studio, WorkQuery(), (None,))
        event.remove(Engine, "before_cursor_execute", note)
        return len([it for it in statements if it.lstrip().upper().startswith(("SELECT", "WITH"))])

    correct(work_store, 0, "Ada", (10, 10, 60, 60))
    listing.listed(studio, WorkQuery(), (None,))
    few = asked()
    picture_id = work_store.corrections.all()[0].picture_id
    for number in range(1, 20):
        corrected(work_store, picture_id=picture_id, question=f"Question {number}?", corrected_answer="cat")
    listing.listed(studio, WorkQuery(), (None,))
    assert asked() == few


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390), ("light", 390)])
def test_it_is_seen_whole(
    work_url: str, open_page: OpenPage, work_store: Store, scheme: str, width: int
) -> None:
    states = ["submitted", "draft", "skipped"]
    for number in range(6):
        more = {"state": states[number % 3], "comment": "blurred", "reward": -0.2}
        correct(work_store, number, "Ada", (40, 50, 160, 170), **more)
    correct(work_store, 0, "Bo", (50, 60, 150, 180))
    one = work_store.pictures.add(picture(9)).id
    work_store.items.add(picture_id=one, question="What is left of the dog?", answer="a bone")
    page = work_list(open_page, work_url, color_scheme=scheme, width=width)
    expect(page.locator(CARDS)).to_have_count(8)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"worklist-list-{scheme}-{width}.png", full_page=True)
    unfold(page, "corrections-more")
    page.locator("#corrections-keys summary").click()
    page.locator(CARDS).nth(1).click()
    expect(page.locator(TITLE)).to_contain_text("by Bo")
    expect(page.locator(f"{CARDS}.is-active")).to_be_visible()
    for name in ("corrections-history-box", "import", "data-export"):
        unfold(page, name)
    expect(page.locator("#data-button")).to_be_visible()
    page.screenshot(path=SCREENSHOTS / f"worklist-{scheme}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What there is to press lies within the page.
    out = page.evaluate(
        """(width) => [...document.querySelectorAll("#tab-corrections button, #tab-corrections textarea")]
            .filter((it) => it.offsetParent && !it.closest(".sc-lane") && !it.closest(".plain-scroll"))
            .filter((it) => it.getBoundingClientRect().right > width || it.getBoundingClientRect().left < 0)
            .map((it) => it.id || it.textContent)""",
        width,
    )
    assert out == []
    drag(page, LAYER, (200, 20), (300, 100))
    assert boxes(page)[-1] == [200, 20, 300, 100]
