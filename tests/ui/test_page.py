"""The page with bad input: a clear message, and nothing that was typed or shown is lost."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.ui.driving import App


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real app, told to use a model that there is none of: nothing here needs one."""
    folder = tmp_path_factory.mktemp("app")
    app = App(folder / "data", "--model", str(folder / "no-such-model"))
    yield app.start()
    app.stop()


@pytest.fixture
def page(open_page: Callable[..., Page], url: str) -> Page:
    page = open_page(url)
    expect(page.locator("#ask-examples .sc-card")).to_have_count(5)
    return page


def huge_png(width: int, height: int) -> bytes:
    """A small PNG file of very many pixels: one grey row, again and again."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + width // 8)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def upload(page: Page, path: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(path)


def last_toast(page: Page) -> Any:
    return page.locator(".toast-body").last


def question(page: Page) -> Any:
    return page.locator("#ask-question textarea, #ask-question input")


@pytest.mark.parametrize("kind", ["not a picture", "cut short", "150 megapixels"])
def test_bad_pictures_leave_the_picture_and_the_question(page: Page, tmp_path: Path, kind: str) -> None:
    picture = tmp_path / "good.png"
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(picture)
    upload(page, picture)
    expect(page.locator("#ask-viewer .sv-image")).to_be_visible()
    question(page).fill("What is here?")
    bad = tmp_path / "bad.png"
    content = {
        "not a picture": b"#!/bin/sh\necho hello\n",
        "cut short": picture.read_bytes()[: picture.stat().st_size // 2],
        "150 megapixels": huge_png(15_000, 10_000),
    }[kind]
    bad.write_bytes(content)
    upload(page, bad)
    said = {"not a picture": "picture", "cut short": "damaged or cut short", "150 megapixels": "megapixels"}[
        kind
    ]
    expect(last_toast(page)).to_contain_text(said)
    expect(question(page)).to_have_value("What is here?")
    assert page.evaluate("sayo.viewers['ask-viewer'].size") == {"width": 300, "height": 200}


def test_bad_questions_are_kept(page: Page) -> None:
    page.locator("#ask-button").click()
    expect(last_toast(page)).to_contain_text("question")
    page.locator("#ask-examples .sc-card").first.click()
    expect(question(page)).not_to_have_value("")
    question(page).fill("a" * 20_000)
    page.locator("#ask-button").click()
    expect(last_toast(page)).to_contain_text("20,000")
    expect(question(page)).to_have_value("a" * 20_000)


def test_typed_question_survives_another_example_but_a_suggestion_gives_way(page: Page) -> None:
    cards = page.locator("#ask-examples .sc-card")
    cards.nth(0).click()
    expect(question(page)).not_to_have_value("")
    first = question(page).input_value()
    cards.nth(1).click()
    expect(question(page)).not_to_have_value(first)
    question(page).fill("What do I see?")
    before = page.evaluate("sayo.viewers['ask-viewer'].value.id")
    cards.nth(2).click()
    page.wait_for_function("(id) => sayo.viewers['ask-viewer'].value.id !== id", arg=before)
    expect(question(page)).to_have_value("What do I see?")


def test_fresh_scene_shows_its_true_boxes(page: Page) -> None:
    page.locator("#ask-fresh").click()
    toggle = page.locator("#ask-viewer [data-testid=toggle-truth]")
    toggle.click()
    expect(page.locator("#ask-viewer .sv-true").first).to_be_visible()
    truth = page.evaluate("sayo.viewers['ask-viewer'].value.truth.length")
    expect(page.locator("#ask-viewer .sv-true")).to_have_count(truth)
    toggle.click()
    expect(page.locator("#ask-viewer .sv-true")).to_have_count(0)


def test_model_that_is_not_there_is_said_and_asking_says_it_again(page: Page) -> None:
    status = page.locator("[data-testid=model-status]")
    expect(status).to_have_attribute("data-state", "failed")
    expect(status).to_contain_text("no-such-model")
    page.locator("#ask-examples .sc-card").first.click()
    expect(question(page)).not_to_have_value("")
    question(page).press("Enter")
    expect(last_toast(page)).to_contain_text("no-such-model")


def test_empty_tabs_then_generated_corrections_that_are_marked_edited_deleted(page: Page) -> None:
    for tab, text in (
        ("Correct", "Ask a question first"),
        ("Corrections", "No corrections yet"),
        ("Compare", "No adapter yet"),
        ("Retrain", "No training yet"),
    ):
        page.get_by_role("tab", name=tab, exact=True).click()
        expect(page.get_by_text(text).first).to_be_visible()
    page.locator("#retrain-start").click()
    expect(last_toast(page)).to_contain_text("12 pictures")
    expect(page.locator("[data-testid=too-few]")).to_contain_text("12 more")
    page.locator("#retrain-generate").click()
    expect(page.locator("[data-testid=enough]")).to_contain_text("12 of them generated")
    page.get_by_role("tab", name="Corrections", exact=True).click()
    expect(page.locator("#corrections-gallery .sc-badge-generated")).to_have_count(12)
    page.locator("#corrections-gallery .sc-card").first.click()
    expect(page.locator("#corrections-viewer .sv-box").first).to_be_visible()
    page.locator("#corrections-answer textarea, #corrections-answer input").fill("changed")
    page.locator("#corrections-save").click()
    expect(page.locator("#corrections-title")).to_contain_text("revision 2")
    page.locator("#corrections-delete").click()
    expect(page.locator("#corrections-gallery .sc-card")).to_have_count(11)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_shows_no_sideways_scroll(open_page: Callable[..., Page], url: str, scheme: str) -> None:
    page = open_page(url, width=390, height=844, color_scheme=scheme)
    page.locator("#ask-examples .sc-card").first.click()
    expect(page.locator("#ask-viewer .sv-image")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
