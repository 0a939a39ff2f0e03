"""Several people on one item in a browser: agreement, review, sent back to the author, history, conflicts."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from storage.store import Store
from tests.ui.driving import drag
from tests.ui.worklist.working import (
    CARDS,
    HOSTILE,
    LAYER,
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


def signed(page: Page, name: str) -> None:
    expect(page.locator(CARDS).first).to_be_visible()
    author = field(page, "corrections-author")
    author.fill(name)
    author.press("Escape")


def test_two_people_on_one_item_and_how_far_they_agree(
    work_url: str, open_page: OpenPage, work_store: Store
) -> None:
    one = work_store.pictures.add(picture(1)).id
    work_store.items.add(picture_id=one, question="Which?", wanted=2)
    page = work_list(open_page, work_url)
    signed(page, "Ada")
    page.keyboard.press("n")
    expect(page.locator(TITLE)).to_contain_text("Which?")
    drag(page, LAYER, (0, 0), (100, 100))
    page.keyboard.press("t")
    page.keyboard.type("cat")
    page.keyboard.press("Control+Enter")
    badges = page.locator("#corrections-gallery .sc-badge")
    expect(badges).to_have_text(["to review · Ada", "to do"])

    other = work_list(open_page, work_url)
    signed(other, "Bo")
    other.locator("#corrections-others input").check()
    expect(other.locator(CARDS)).to_have_count(2)
    other.locator(CARDS).filter(has_text="to do").click()
    expect(other.locator(TITLE)).to_contain_text("To correct")
    # Nothing of what Ada said is shown.
    assert boxes(other) == []
    expect(other.locator("#corrections-people")).to_be_empty()
    drag(other, LAYER, (0, 0), (100, 50))
    other.keyboard.press("t")
    other.keyboard.type(" CAT ")
    other.keyboard.press("Control+Enter")
    expect(other.locator("#corrections-gallery")).to_contain_text("Nothing in the list is like that")
    expect(other.locator(TITLE)).to_contain_text("by Bo")
    people = other.locator("#corrections-people")
    expect(people).to_contain_text("Ada and Bo")
    expect(people).to_contain_text("0.50")
    expect(people).to_contain_text("100 %")
    unfold(other, "agreement")
    other.locator("#agreement-button").click()
    rows = other.locator("#agreement-table tr")
    expect(rows).to_have_text(
        [
            "AnnotatorsMet onMean IoU of regionsEqual answers",
            "Ada and Bo1 item0.50100 %",
            "All1 item0.50100 %",
        ]
    )


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
    assert [it.annotator for it in work_store.corrections.all()] == ["Bo", "Ada"]


def test_review_goes_back_to_the_author_and_comes_again(
    work_url: str, open_page: OpenPage, work_store: Store
) -> None:
    for number in (1, 2):
        correct(work_store, number, "Ada", (0, 0, 100, 50))
    page = work_list(open_page, work_url)
    signed(page, "Cy")
    keys = page.keyboard
    keys.press("n")
    expect(page.locator(TITLE)).to_contain_text("Question 2?")
    keys.press("w")
    keys.press("Enter")
    expect(page.locator(".toast-body").last).to_contain_text("what is to be changed")
    keys.press("w")
    keys.type(f"too small {HOSTILE}")
    keys.press("Enter")
    expect(page.locator(TITLE)).to_contain_text("Question 1?")
    keys.press("y")
    expect(page.locator("#corrections-gallery .sc-badge-accepted")).to_have_count(1)

    signed(page, "Ada")
    choose(page, "corrections-states", "sent back")
    expect(page.locator(CARDS)).to_have_count(1)
    expect(page.locator(CARDS)).to_contain_text(f"Sent back: too small {HOSTILE}")
    page.locator(CARDS).click()
    expect(page.locator(TITLE)).to_contain_text(f"sent back, Cy too small {HOSTILE}")
    drag(page, LAYER, (0, 60), (100, 100))
    page.locator("#corrections-save").click()
    expect(page.locator(TITLE)).to_contain_text("to review")
    expect(page.locator(CARDS)).to_have_count(0)
    again = next(it for it in work_store.corrections.all() if it.question == "Question 2?")
    assert (again.state, len(again.regions), again.annotator) == ("submitted", 2, "Ada")


def test_history_says_who_and_what_and_restores(
    work_url: str, open_page: OpenPage, work_store: Store
) -> None:
    number = correct(work_store, 1, "Ada", (0, 0, 100, 50))
    work_store.reviews.judge(number, "reject", HOSTILE, "Cy")
    work_store.corrections.revise(number, "Ada", corrected_answer="dog")
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
    assert [it.state for it in work_store.corrections.history(number)] == [
        "submitted", "rejected", "submitted", "submitted", "deleted", "submitted",
    ]  # fmt: skip


def test_what_somebody_else_changed_meanwhile_is_not_written_over(
    work_url: str, open_page: OpenPage, work_store: Store
) -> None:
    number = correct(work_store, 1, "Ada", (0, 0, 100, 50))
    page = work_list(open_page, work_url)
    page.locator(CARDS).click()
    expect(page.locator(TITLE)).to_contain_text("by Ada")
    work_store.corrections.revise(number, "Ada", corrected_answer="dog")
    drag(page, LAYER, (200, 20), (300, 100))
    page.keyboard.press("Control+Enter")
    expect(page.locator(".toast-body").last).to_contain_text("revision 1")
    # What was drawn is still there.
    assert boxes(page) == [[0, 0, 100, 50], [200, 20, 300, 100]]
    record = work_store.corrections.get(number)
    assert (record.revision, record.state, record.corrected_answer) == (2, "submitted", "dog")
