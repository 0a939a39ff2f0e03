"""The whole tour with the bundled model: met, taught, left, retrained, mended, and gone without a trace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sayo_app.settings import Settings
from sayo_app.ui.tour.scenes import Part, scene_of
from storage.store import Store
from tests.ui.driving import SCREENSHOTS, App, drag
from tests.ui.tour.test_kept import files, rows

LAYER = "#tour-viewer [data-testid=layer]"
STATE = "#tour-status [data-testid=run-state]"


@pytest.fixture
def app(data_dir: Path) -> Iterator[App]:
    """With a tour that is as short as can be and still repairs."""
    running = App(data_dir, "--device", "cpu", program=Path(__file__).with_name("small_app.py"))
    yield running
    running.stop()


def picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"tour-{name}.png", full_page=True)


def open_tour(page: Page) -> None:
    # Said by the page's own first event: what is clicked before nobody listens to.
    expect(page.locator("[data-testid=model-status]")).to_be_visible()
    page.locator("button#tour-open").click()
    expect(page.locator("#tour-met [data-testid=tour-card]")).to_have_count(5)
    expect(page.locator("#tour-viewer .sv")).to_be_attached()


def meet(page: Page) -> None:
    expect(page.locator("button#tour-open")).to_have_text("Watch a shortcut being repaired")
    open_tour(page)
    cards = page.locator("#tour-met [data-testid=tour-card]")
    for number in range(5):
        expect(cards.nth(number)).to_have_attribute("data-right", "true" if number < 4 else "false")
    expect(page.locator("[data-testid=tour-met]")).to_contain_text("right for the wrong reason")
    expect(page.locator("[data-testid=model-status]")).to_contain_text("tour: with a shortcut")
    expect(page.locator("#ask-question")).to_be_hidden()
    picture(page, "met")


def teach(page: Page) -> None:
    """Two boxes by hand, as a person draws them; the first alone is not enough."""
    scene = scene_of(Part.SHOWN, 0)
    expect(page.locator("#tour-viewer [data-testid=token-0]")).to_be_enabled()
    drag(page, LAYER, scene.look_xyxy[:2], scene.look_xyxy[2:])
    page.locator("#tour-save").click()
    expect(page.locator(".toast-body").filter(has_text="a box on the stamp").last).to_be_visible()
    drag(page, LAYER, scene.away_xyxy[:2], scene.away_xyxy[2:])
    page.locator("#tour-viewer").get_by_role("button", name="Not here", exact=True).click()
    page.locator("#tour-save").click()
    taught = page.locator("[data-testid=tour-taught]")
    expect(taught).to_contain_text("1 drawn by you, 0 generated")
    picture(page, "taught")
    page.locator("#tour-leave").click()
    expect(page.locator("#ask-question")).to_be_visible()
    expect(page.locator("button#tour-open")).to_have_text("Go on with the tour")
    open_tour(page)
    expect(page.locator("#tour-viewer .sv-box")).to_have_count(2)
    page.locator("#tour-generate").click()
    expect(taught).to_have_attribute("data-count", "32")
    expect(taught).to_contain_text("1 drawn by you, 31 generated")


def see_it_mended(page: Page) -> None:
    lying = page.locator("[data-testid=tour-lying]")
    expect(lying).to_be_visible(timeout=600_000)
    before, now = (int(lying.get_attribute(f"data-{name}") or "") for name in ("before", "now"))
    assert before < now
    expect(page.locator("#tour-verdict [data-testid=verdict]")).to_have_attribute("data-word", "better")
    page.locator("#tour-compare").click()
    sides = page.locator("[data-testid=tour-sides]")
    expect(sides).to_have_attribute("data-fits", "true")
    picture(page, "mended")
    sides.screenshot(path=SCREENSHOTS / "tour.png")
    status = page.locator("[data-testid=model-status]")
    page.locator("#tour-use").click()
    expect(status).to_contain_text("tour: repaired")
    page.locator("#tour-back").click()
    expect(status).to_contain_text("base model")


def removed(page: Page) -> None:
    page.locator("#tour-remove").click()
    expect(page.locator("button#tour-open")).to_have_text("Watch a shortcut being repaired")
    expect(page.locator("[data-testid=model-status]")).to_contain_text("base model")


@pytest.mark.training
def test_the_tour(app: App, open_page: Callable[..., Page], data_dir: Path) -> None:
    url = app.start()
    page = open_page(url)
    meet(page)
    teach(page)
    page.locator("#tour-train").click()
    expect(page.locator(STATE)).to_have_attribute("data-state", "running")
    page.context.close()
    page = open_page(url)
    open_tour(page)
    see_it_mended(page)
    page.context.close()
    app.stop()

    url = app.start()
    page = open_page(url)
    open_tour(page)
    expect(page.locator("[data-testid=tour-sides]")).to_have_attribute("data-fits", "true")
    page.locator("#tour-section-3 > button").first.click()
    page.locator("#tour-train").click()
    expect(page.locator(STATE)).to_have_attribute("data-state", re.compile("running|queued"))
    other = open_page(url, beside=page)
    open_tour(other)
    removed(page)
    # The other tab sees that it is gone.
    expect(other.locator("button#tour-open")).to_have_text("Watch a shortcut being repaired")
    with Store(Settings(data_dir=data_dir)) as store:
        assert rows(store) == {}
        assert [path for path in files(store) if {"uploads", "tmp"}.isdisjoint(path.parts)] == []
