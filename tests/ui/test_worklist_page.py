"""The work list in a browser: keyboard alone, filters, review, import and undo, export and import again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from sayo_app.core.region import Region
from sayo_app.settings import Settings
from sayo_app.ui.page import build_page
from sayo_app.ui.studio import Studio
from storage.store import Store
from tests.ui.driving import SCREENSHOTS, drag

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"throw Error('script ran')\"> {{value}} ${7*7}"
CARDS = "#corrections-gallery .sc-card"
LAYER = "#corrections-viewer [data-testid=layer]"
TITLE = "#corrections-title"


def picture(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((320, 240))


def correct(store: Store, number: int, author: str, box: tuple[int, ...], **more: object) -> None:
    fields = {
        "model": "bundled", "adapter_id": None, "answer_shown": "A dog.", "trace_id": None,
        "corrected_answer": "cat", "author": author, "question": f"Question {number}?",
    }  # fmt: skip
    picture_id = store.add_picture(picture(number)).id
    store.add_correction(picture_id=picture_id, regions=[Region.box(*box)], **(fields | more))


@pytest.fixture
def store(data_dir: Path) -> Iterator[Store]:
    with Store(Settings(data_dir=data_dir)) as store:
        yield store


@pytest.fixture
def url(store: Store, serve_page: Callable[..., Any]) -> Iterator[str]:
    """The page without a model, which nothing here asks, served from this process."""
    with serve_page(build_page(Studio(store.settings, store))) as url:
        yield url


def work_list(open_page: Callable[..., Page], url: str, **options: object) -> Page:
    page = open_page(url, **options)
    page.get_by_role("tab", name="Corrections", exact=True).click()
    expect(page.locator("#corrections-gallery .sc")).to_be_visible()
    return page


def field(page: Page, name: str) -> object:
    return page.locator(f"#{name} textarea, #{name} input").first


def choose(page: Page, name: str, label: str) -> None:
    page.locator(f"#{name} input").first.click()
    page.get_by_role("option", name=label, exact=True).click()


def questions_zip(path: Path, *questions: str) -> Path:
    """Label Studio tasks that nobody has annotated."""
    with zipfile.ZipFile(path, "w") as archive:
        tasks = []
        for number, question in enumerate(questions):
            data = io.BytesIO()
            picture(number).save(data, "PNG")
            archive.writestr(f"pictures/{number}.png", data.getvalue())
            tasks.append({"data": {"image": f"{number}.png", "question": question}})
        archive.writestr("tasks.json", json.dumps(tasks))
    return path


def test_three_items_by_keyboard_alone(url: str, open_page: Callable[..., Page], store: Store) -> None:
    one = store.add_picture(picture(0)).id
    for number in (1, 2, 3):
        store.add_item(picture_id=one, question=f"Question {number}? {HOSTILE}")
    page = work_list(open_page, url)
    expect(page.locator(CARDS)).to_have_count(3)
    expect(page.locator("[data-testid=progress]")).to_have_text("0 of 3 done")
    field(page, "corrections-author").fill("Ada")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator(TITLE)).to_contain_text(f"Question 3? {HOSTILE}")
    drag(page, LAYER, (20, 30), (120, 130))
    page.keyboard.press("Alt+t")
    page.keyboard.type("red")
    page.keyboard.press("Control+Enter")
    expect(page.locator(TITLE)).to_contain_text("Question 2?")
    # The next question is about the same picture: the box of the one before is not its.
    expect(page.locator("#corrections-viewer .sv-box")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.keyboard.type("too blurred")
    page.keyboard.press("Enter")
    expect(page.locator(TITLE)).to_contain_text("Question 1?")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    expect(page.locator(TITLE)).to_contain_text("flagged")
    expect(page.locator("[data-testid=progress]")).to_have_text("1 of 3 done, 1 skipped, 1 flagged")
    drag(page, LAYER, (10, 10), (50, 60))
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-testid=progress]")).to_have_text("2 of 3 done, 1 skipped, 1 flagged")
    stored = sorted(store.list_corrections(), key=lambda it: it.question, reverse=True)
    assert [it.state for it in stored] == ["submitted", "skipped", "submitted"]
    assert [it.annotator for it in stored] == ["Ada"] * 3
    assert stored[0].regions[0].box_xyxy == (20, 30, 120, 130)
    assert (stored[0].corrected_answer, stored[1].comment, stored[2].flagged) == ("red", "too blurred", True)


def test_filters_search_sort_and_pages(url: str, open_page: Callable[..., Page], store: Store) -> None:
    for number in range(30):
        author = "Ada" if number % 2 else "Bo"
        correct(store, number, author, (10, 10, 60, 60), reward=number / 100 - 0.1, flagged=number == 7)
    page = work_list(open_page, url)
    titles = page.locator("#corrections-gallery .sc-title")
    expect(titles.first).to_have_text("Question 29?")
    expect(titles).to_have_count(24)
    page.locator("#corrections-older").click()
    expect(titles).to_have_count(6)
    page.locator("#corrections-newer").click()
    expect(titles).to_have_count(24)
    choose(page, "corrections-sort", "Looked most wrong first")
    expect(titles.first).to_have_text("Question 0?")
    page.locator("#corrections-more > button, #corrections-more .label-wrap").first.click()
    choose(page, "corrections-annotator", "Ada")
    expect(titles).to_have_count(15)
    expect(titles.first).to_have_text("Question 1?")
    below = field(page, "corrections-below")
    below.fill("0")
    below.press("Enter")
    expect(titles).to_have_count(5)
    choose(page, "corrections-flagged", "Flagged")
    expect(titles).to_have_text(["Question 7?"])
    search = field(page, "corrections-text")
    search.fill("nowhere")
    search.press("Enter")
    expect(page.locator("#corrections-gallery")).to_contain_text("Nothing in the list is like that")


def test_review_with_a_comment_and_agreement(url: str, open_page: Callable[..., Page], store: Store) -> None:
    correct(store, 1, "Ada", (0, 0, 100, 100))
    correct(store, 1, "Bo", (0, 0, 100, 50), corrected_answer="dog")
    page = work_list(open_page, url)
    page.locator(CARDS).first.click()
    expect(page.locator(TITLE)).to_contain_text("by Bo")
    people = page.locator("#corrections-people")
    expect(people).to_contain_text("Ada and Bo")
    expect(people).to_contain_text("0.50")
    expect(people).to_contain_text("0 %")
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    expect(page.locator(".toast-body").last).to_contain_text("what is to be changed")
    page.keyboard.type(f"too small {HOSTILE}")
    page.keyboard.press("Enter")
    expect(page.locator(TITLE)).to_contain_text("by Ada")
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    expect(page.locator("#corrections-gallery .sc-badge-accepted")).to_have_count(1)
    rejected = page.locator(CARDS).filter(has_text="sent back")
    expect(rejected).to_contain_text(f"too small {HOSTILE}")
    rejected.click()
    expect(page.locator(TITLE)).to_contain_text(f"too small {HOSTILE}")
    page.locator("#corrections-history-box button").first.click()
    expect(page.locator("#corrections-history")).to_contain_text(f"too small {HOSTILE}")
    drag(page, LAYER, (0, 60), (100, 100))
    page.locator("#corrections-save").click()
    expect(page.locator(TITLE)).to_contain_text("to review")
    page.locator("#agreement button").first.click()
    page.locator("#agreement-button").click()
    expect(page.locator("#agreement-table")).to_contain_text("0.90")


def test_import_and_undo_then_export_and_import_again(
    url: str, open_page: Callable[..., Page], store: Store, tmp_path: Path
) -> None:
    page = work_list(open_page, url)
    page.locator("#import button").first.click()
    choose(page, "import-format", "Label Studio")
    upload = page.locator("#import-upload input, input#import-upload, input[type=file]").last
    upload.set_input_files(questions_zip(tmp_path / "in.zip", HOSTILE, "Second?", HOSTILE.upper()))
    expect(page.locator("[data-testid=import-taken]")).to_contain_text("3 open questions taken")
    expect(page.locator(CARDS)).to_have_count(3)
    expect(page.locator("#corrections-gallery")).to_contain_text(HOSTILE)
    page.locator("#import-undo").click()
    expect(page.locator(CARDS)).to_have_count(0)
    correct(store, 5, "Ada", (10, 10, 60, 60))
    before = store.list_corrections()[0]
    page.locator("#data-export button").first.click()
    with page.expect_download() as download:
        page.locator("#data-button").click()
    saved = tmp_path / "out.zip"
    download.value.save_as(saved)
    expect(page.locator("[data-testid=exported]")).to_contain_text("1 corrections")
    store.delete_correction(before.id)
    choose(page, "import-format", "SAYO Studio")
    upload.set_input_files(saved)
    expect(page.locator("[data-testid=import-taken]")).to_contain_text("1 corrections and 0 open")
    again = store.list_corrections()[0]
    assert again.id != before.id
    assert (again.regions, again.corrected_answer, again.annotator) == (before.regions, "cat", "Ada")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_it_is_seen_whole(
    url: str, open_page: Callable[..., Page], store: Store, scheme: str, width: int
) -> None:
    states = ["submitted", "draft", "skipped"]
    for number in range(6):
        state = states[number % 3]
        correct(store, number, "Ada", (40, 50, 160, 170), state=state, comment="blurred", reward=-0.2)
    correct(store, 0, "Bo", (50, 60, 150, 180))
    store.add_item(picture_id=store.add_picture(picture(9)).id, question="What is left of the dog?")
    page = work_list(open_page, url, color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.locator(CARDS).nth(1).click()
    expect(page.locator(TITLE)).to_contain_text("by Bo")
    page.locator("#import button").first.click()
    page.locator("#corrections-keys summary").click()
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"worklist-{scheme}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
