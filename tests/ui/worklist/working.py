"""A work list for browser tests: what is in it, and how it is opened and steered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from sayo_app.core.geometry.region import Region
from storage.store import Store
from tests.storage.examples import corrected

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

HOSTILE = "<img src=x onerror=\"throw Error('script ran')\"> {{value}} ${7*7}"
CARDS = "#corrections-gallery .sc-card"
LAYER = "#corrections-viewer [data-testid=layer]"
TITLE = "#corrections-title"
PROGRESS = "[data-testid=progress]"


def picture(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((320, 240))


def correct(store: Store, number: int, author: str, box: tuple[int, ...], **more: object) -> int:
    """A correction of one box on a picture of its own; its number."""
    fields = {
        "picture_id": store.pictures.add(picture(number)).id, "question": f"Question {number}?",
        "answer_shown": "A dog.", "regions": [Region.box(*box)], "corrected_answer": "cat", "author": author,
    }  # fmt: skip
    return corrected(store, **(fields | more)).id


def work_list(open_page: Callable[..., Page], url: str, **options: Any) -> Page:
    """The page with the work list shown."""
    page = open_page(url, **options)
    if options.get("width", 1280) > 640:
        page.get_by_role("tab", name="Corrections", exact=True).click()
    else:  # the last tabs lie in a menu
        page.get_by_role("button", name="More tabs").click()
        page.locator(".overflow-dropdown button", has_text="Corrections").click()
    page.locator("#corrections-gallery :is(.sc-card, .sc-empty)").first.wait_for()
    return page


def field(page: Page, name: str) -> Locator:
    return page.locator(f"#{name} textarea, #{name} input").first


def choose(page: Page, name: str, label: str) -> None:
    page.locator(f"#{name} input").first.click()
    page.get_by_role("option", name=label, exact=True).click()


def unfold(page: Page, name: str) -> None:
    page.locator(f"#{name} .label-wrap").first.click()


def boxes(page: Page) -> list[list[float]]:
    return page.evaluate("sayo.viewers['corrections-viewer'].editor.regions.map((it) => it.box_xyxy)")
