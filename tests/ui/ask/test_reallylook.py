"""Does it really look? On the bundled model: a drawn region, the peaks of a map, and Stop."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.ui.driving import SCREENSHOTS, drag

LAYER = "#ask-viewer [data-testid=layer]"


def answered(page: Page) -> Page:
    """With the answer to the first example, and the panel open."""
    page.locator("#ask-examples .sc-card").first.click()
    question = page.locator("#ask-question textarea, #ask-question input")
    expect(question).not_to_have_value("")
    question.press("Enter")
    expect(page.locator("#ask-viewer [data-testid=token-0]")).to_be_enabled()
    page.locator("#reallylook > button").click()
    return page


def part(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.locator(f"#reallylook [data-testid={name}]")


def run(page: Page) -> None:
    page.locator("#reallylook-button").click()
    expect(part(page, "reallylook-note")).to_be_visible()
    expect(part(page, "reallylook-note")).to_have_count(0)


def take_picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.locator("#reallylook").screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)], ids=["light", "dark", "phone"]
)
def test_a_drawn_region_is_changed_in_every_way(
    open_page: Callable[..., Page], app_url: str, scheme: str, width: int
) -> None:
    page = answered(open_page(app_url, width=width, color_scheme=scheme))
    x0, y0, x1, y1 = page.evaluate(
        "sayo.viewers['ask-viewer'].value.truth.find((it) => it.label.endsWith(' ball')).box_xyxy"
    )
    page.locator("#ask-viewer [data-testid=tool-box]").click()
    drag(page, LAYER, (x0, y0), (x1, y1))
    run(page)
    finding = part(page, "reallylook-finding")
    expect(finding).to_have_attribute("data-kind", "look")
    # The first example asks what colour the ball's tag has: without the ball nobody can say.
    expect(finding).to_have_text(re.compile("hangs on it"))
    trials = part(page, "trial")
    ways = trials.evaluate_all("(all) => all.map((it) => it.dataset.way)")
    assert ways == ["cover", "cover", "blur", "recolour", "move"]
    expect(trials.nth(1)).to_contain_text("As much somewhere else, covered")
    # All but the last are sent as they were changed: different pictures.
    assert len(set(trials.locator("img").evaluate_all("(all) => all.map((it) => it.src)"))) == 5
    expect(page.locator("#reallylook-chart .js-plotly-plot .main-svg").first).to_be_visible()
    lines = page.evaluate(
        "document.querySelector('#reallylook-chart .js-plotly-plot').data.map((it) => it.name)"
    )
    assert lines == [
        "taken away, the map",
        "taken away, random",
        "brought back, the map",
        "brought back, random",
    ]
    expect(part(page, "reallylook-area")).to_have_text(re.compile(r"map and chance: [+−]\d\.\d\d "))
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow == 0
    take_picture(page, f"reallylook_{scheme}_{width}")


def test_without_a_region_the_peaks_are_covered_in_turn(open_page: Callable[..., Page], app_url: str) -> None:
    page = answered(open_page(app_url))
    run(page)
    expect(part(page, "reallylook-finding")).to_have_attribute("data-kind", "peak")
    expect(part(page, "trial").first).to_contain_text("Peak 1, covered")
    take_picture(page, "reallylook_peaks")


def test_stop_ends_it_and_keeps_what_was_known(open_page: Callable[..., Page], app_url: str) -> None:
    page = answered(open_page(app_url))
    page.locator("#reallylook-button").click()
    expect(part(page, "trial").first).to_be_visible()
    page.locator("#reallylook-stop").click()
    expect(part(page, "reallylook-note")).to_have_text("Stopped. What was known by then is shown.")
    page.locator("#ask-button").click()  # the model is free again
    expect(page.locator("#ask-viewer [data-testid=token-0]")).to_be_enabled()
