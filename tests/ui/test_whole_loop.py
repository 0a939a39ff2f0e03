"""The whole loop against the real app: ask, step, draw, save, retrain, compare, switch, restart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.ui.driving import SCREENSHOTS, App, drag

STEPS = 2
ANSWER_TOKEN = "#ask-viewer [data-testid=token-1]"


@pytest.fixture
def app(data_dir: Path) -> Iterator[App]:
    running = App(data_dir)
    yield running
    running.stop()


def picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def field(page: Page, elem_id: str) -> str:
    return f"#{elem_id} textarea, #{elem_id} input"


def ask_and_step(page: Page) -> None:
    page.locator("#ask-examples .sc-card").first.click()
    question = page.locator(field(page, "ask-question"))
    expect(question).not_to_have_value("")
    question.press("Enter")
    page.locator(ANSWER_TOKEN).click()  # it can be clicked once the maps are there
    caption = page.locator("#ask-viewer [data-testid=caption]")
    expect(caption).to_contain_text("Token 2 of")
    page.keyboard.press("ArrowRight")
    expect(caption).to_contain_text("Token 3 of")
    page.keyboard.press("ArrowDown")
    expect(caption).to_contain_text("step")
    page.locator("#ask-viewer [data-testid=method-reward]").click()
    expect(page.locator("#ask-viewer .sv.is-reward")).to_be_visible()
    expect(page.locator("#ask-chart .js-plotly-plot .main-svg").first).to_be_visible()


def draw_and_save(page: Page) -> None:
    x0, y0, x1, y1 = page.evaluate(
        "sayo.viewers['ask-viewer'].value.truth.find((it) => it.label.endsWith(' ball')).box_xyxy"
    )
    drag(page, "#ask-viewer [data-testid=layer]", (x0, y0), (x1, y1))
    assert page.evaluate("sayo.viewers['ask-viewer'].editor.regions[0].box_xyxy") == [x0, y0, x1, y1]
    expect(page.locator("#ask-viewer [data-testid=number-sayo] td").last).to_have_text(
        re.compile(r"^−?\d\.\d\d$")
    )
    picture(page, "ask")
    tab(page, "Correct")
    boxes = page.locator("#correct-viewer .sv-box")
    expect(boxes).to_have_count(1)
    drag(page, "#correct-viewer [data-testid=layer]", (x1 + 4, y0), (x1 + 60, y1))
    expect(boxes).to_have_count(2)
    page.locator("#correct-viewer [data-testid=region-step-1]").select_option("0")
    page.locator(field(page, "correct-answer")).fill("purple")
    page.locator(field(page, "correct-author")).fill("Ada")
    page.locator("#correct-save").click()
    expect(page.locator("#correct-status")).to_contain_text("Correction 1 saved")
    picture(page, "correct")


def see_corrections(page: Page, count: int) -> None:
    tab(page, "Corrections")
    cards = page.locator("#corrections-gallery .sc-card")
    expect(cards).to_have_count(count)
    cards.last.click()
    expect(page.locator("#corrections-title")).to_contain_text("Correction 1")
    expect(page.locator("#corrections-viewer .sv-box")).to_have_count(2)
    expect(page.locator(field(page, "corrections-answer"))).to_have_value("purple")
    picture(page, "corrections")


def retrain(page: Page) -> None:
    tab(page, "Retrain")
    page.locator("#retrain-generate").click()
    expect(page.locator("[data-testid=enough]")).to_be_visible()
    page.locator("#retrain-steps input[type=number]").fill(str(STEPS))
    page.locator("#retrain-start").click()
    state = page.locator("[data-testid=run-state]")
    expect(state).to_have_attribute("data-state", "running")
    page.locator("#retrain-start").click()
    expect(page.locator(".toast-body").filter(has_text="settings of its own").last).to_be_visible()
    expect(state).to_have_attribute("data-state", re.compile("finished|failed"), timeout=600_000)
    expect(state).to_have_attribute("data-state", "finished")
    expect(state).to_contain_text(f"step {STEPS} of {STEPS}")
    expect(page.locator("[data-testid=verdict]")).to_have_attribute(
        "data-word", re.compile("better|same|worse")
    )
    expect(page.locator("[data-testid=looks]")).to_have_attribute("data-count", "2")
    expect(page.locator("#retrain-chart .js-plotly-plot .main-svg").first).to_be_visible()
    picture(page, "retrain")


def compare_and_switch(page: Page) -> str:
    tab(page, "Compare")
    expect(page.locator("[data-testid=held-out-accuracy]")).to_be_visible()
    page.locator("#compare-button").click()
    page.locator("#compare-second-viewer [data-testid=token-1]").click()
    expect(page.locator("#compare-first-viewer [data-testid=token-1]")).to_have_attribute(
        "aria-pressed", "true"
    )
    picture(page, "compare")
    chosen = page.locator("#compare-switch-choice input")
    chosen.click()
    page.locator("li[role=option]").nth(1).click()  # not those of the viewers
    name = chosen.input_value()
    page.locator("#compare-switch").click()
    expect(page.locator("[data-testid=active]")).to_contain_text(name)
    expect(page.locator("[data-testid=model-status]")).to_contain_text(name)
    return name


def test_whole_loop(app: App, open_page: Callable[..., Page]) -> None:
    page = open_page(app.start())
    ask_and_step(page)
    draw_and_save(page)
    see_corrections(page, 1)
    retrain(page)
    adapter = compare_and_switch(page)
    tab(page, "Ask")
    page.locator("#ask-button").click()
    page.locator(ANSWER_TOKEN).click()
    page.context.close()
    app.stop()

    page = open_page(app.start())
    expect(page.locator("[data-testid=model-status]")).to_contain_text(adapter)
    tab(page, "Retrain")
    expect(page.locator("[data-testid=run-state]")).to_have_attribute("data-state", "finished")
    expect(page.locator("#retrain-chart .js-plotly-plot .main-svg").first).to_be_visible()
    tab(page, "Compare")
    expect(page.locator("[data-testid=active]")).to_contain_text(adapter)
    expect(page.locator("[data-testid=held-out-accuracy]")).to_be_visible()
    see_corrections(page, 12)
