"""Regions that say "do not look here": by key and by button, and how they show."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.ui.demo import sent_boxes
from tests.ui.driving import SCREENSHOTS, click_at, drag, make_trace

LAYER = "#one [data-testid=layer]"
Opened = Callable[..., Page]


def looks(page: Page) -> list[bool]:
    return page.evaluate("sayo.viewers.one.editor.regions.map((it) => it.look)")


def test_the_button_turns_the_selected_region_and_else_what_is_drawn_next(opened: Opened) -> None:
    page = opened(make_trace())
    away = page.get_by_role("button", name="Not here", exact=True)
    hint = page.locator("#one [data-testid=drawing-hint]")
    expect(away).to_have_attribute("aria-pressed", "false")
    drag(page, LAYER, (20, 20), (60, 50))
    away.click()
    assert looks(page) == [False]
    expect(away).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Box 1: not here")).to_be_visible()
    expect(hint).not_to_be_visible()
    page.locator("#one .sv").press("Escape")
    expect(away).to_have_attribute("aria-pressed", "false")  # what is drawn next is another matter
    page.keyboard.press("x")
    expect(away).to_have_attribute("aria-pressed", "true")
    expect(hint).to_have_text("What you draw next says: not here.")
    drag(page, LAYER, (100, 20), (160, 60))
    assert looks(page) == [False, False]
    page.keyboard.press("x")
    assert looks(page) == [False, True]
    expect(page.get_by_role("button", name="Box 2: look here")).to_be_visible()
    page.keyboard.press("Control+z")
    assert looks(page) == [False, False]
    page.keyboard.press("Control+Shift+Z")
    assert looks(page) == [False, True]
    assert len(sent_boxes(page, 2)) == 2
    page.keyboard.press("Escape")
    expect(away).to_have_attribute("aria-pressed", "true")
    page.evaluate(
        "() => { const { one } = sayo.viewers; one.show({ ...one.value, id: 'next', status: 'picture', "
        "tokens: [], pictures: [{ ...one.value.pictures[0], id: 'q' }] }); }"
    )
    expect(away).to_have_attribute("aria-pressed", "false")  # a choice for the picture before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_kinds_differ_by_colour_and_by_pattern(opened: Opened, scheme: str) -> None:
    page = opened(make_trace(), color_scheme=scheme)
    page.locator("#one .sv").press("h")
    for key, left in ((None, 10), ("x", 170)):
        page.keyboard.press("Escape")
        if key:
            page.keyboard.press(key)
        page.keyboard.press("b")
        drag(page, LAYER, (left, 20), (left + 60, 70))
        page.keyboard.press("Escape")
        page.keyboard.press("p")
        for corner in ((left, 90), (left + 80, 90), (left + 40, 150)):
            click_at(page, LAYER, corner)
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        page.keyboard.press("r")
        drag(page, LAYER, (left + 5, 200), (left + 80, 200))
    page.keyboard.press("Escape")
    assert looks(page) == [True] * 3 + [False] * 3
    nodes = page.locator("#one .sv-layer-boxes > .sv-box")
    colours = nodes.evaluate_all("(all) => all.map((it) => it.style.getPropertyValue('--colour'))")
    assert len(set(colours[:3])) == len(set(colours[3:])) == 1 and colours[0] != colours[3]
    borders = nodes.evaluate_all("(all) => all.map((it) => getComputedStyle(it).borderTopStyle)")
    assert borders[0] == "solid" and borders[3] == "dashed"
    hatched = page.locator("#one .sv-hatch")
    expect(hatched).to_have_count(1)  # the polygon's; a box is its own background
    # A painting has two strengths of its colour where it is hatched, and one where it is not.
    alphas = page.locator("#one .sv-box > canvas.sv-mask").evaluate_all(
        """(all) => all.map((it) => {
            const { data } = it.getContext("2d").getImageData(0, 0, it.width, it.height);
            const found = data.filter((_, i) => i % 4 === 3 && data[i] > 0);
            return [Math.min(...found), Math.max(...found)];
        })"""
    )
    assert alphas[0] == [255, 255] and alphas[1][0] < 128 and alphas[1][1] == 255
    said = [re.compile(it) for it in ["look here"] * 3 + ["not here"] * 3]
    expect(page.locator("#one .sv-region")).to_have_text(said)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.locator("#one").screenshot(path=SCREENSHOTS / f"look_away_{scheme}.png")
