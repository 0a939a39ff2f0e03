"""A run on the page: tab closed, cancelled, killed, resumed, switched, rolled back, retrained on."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.store import Store
from tests.ui.driving import App

# Enough that a slow page sees some of them go by before it cancels.
STEPS = 12


@pytest.fixture
def app(data_dir: Path) -> Iterator[App]:
    running = App(data_dir)
    yield running
    running.stop()


def retrain_tab(page: Page) -> Locator:
    page.get_by_role("tab", name="Retrain", exact=True).click()
    return page.locator("[data-testid=run-state]")


def test_a_run_survives_all_and_its_adapter_is_switched_rolled_back_and_retrained(
    app: App, open_page: Callable[..., Page], data_dir: Path
) -> None:
    url = app.start()
    page = open_page(url)
    state = retrain_tab(page)
    page.locator("#retrain-generate").click()
    expect(page.locator("[data-testid=enough]")).to_be_visible()
    page.locator("#retrain-steps input[type=number]").fill(str(STEPS))
    page.locator("#retrain-start").click()
    expect(state).to_contain_text(re.compile(rf"step [1-9]\d* of {STEPS}"))
    expect(page.locator("#retrain-chart .js-plotly-plot .main-svg").first).to_be_visible()
    page.context.close()

    page = open_page(url)
    state = retrain_tab(page)
    expect(state).to_have_attribute("data-state", "running")
    page.locator("#retrain-cancel").click()
    expect(state).to_have_attribute("data-state", "cancelled")
    expect(page.locator("#retrain-cancel")).to_be_disabled()

    page.locator("#retrain-resume").click()
    expect(state).to_have_attribute("data-state", "running")
    run = Store(Settings(data_dir=data_dir)).runs.current()
    assert run is not None
    assert run.pid is not None
    os.kill(run.pid, signal.SIGKILL)
    expect(state).to_have_attribute("data-state", "failed")
    expect(page.locator("[data-testid=run-error]")).to_be_visible()
    page.locator("#retrain-notes textarea").fill("killed once")
    page.locator("#retrain-resume").click()
    expect(state).to_have_attribute("data-state", "finished")
    expect(state).to_contain_text(f"step {STEPS} of {STEPS}")
    expect(page.locator("[data-testid=verdict]")).to_be_visible()

    switch_and_roll_back(page)
    retrain_on_top(page)
    second, first = Store(Settings(data_dir=data_dir)).runs.all()
    assert (first.id, first.notes, first.state) == (run.id, "killed once", "finished")
    assert second.run_config.base_adapter_id == first.adapter_id
    assert (second.run_config.patience, second.run_config.learning_rate) == (1, 1e-9)


def switch_and_roll_back(page: Page) -> None:
    page.get_by_role("tab", name="Compare", exact=True).click()
    in_use = page.locator("[data-testid=active]")
    expect(in_use).to_contain_text("the base model")
    page.locator("#compare-switch-choice input").click()
    page.get_by_role("option", name="run 1").click()
    page.locator("#compare-switch").click()
    expect(in_use).to_contain_text("run 1")
    page.locator("#compare-back").click()
    expect(in_use).to_contain_text("the base model")


def retrain_on_top(page: Page) -> None:
    state = retrain_tab(page)
    page.locator("#retrain-more button").first.click()
    page.locator("#retrain-advanced button").first.click()
    # What is typed before a field has its own value is written over by it; the others have theirs meanwhile.
    expect(page.locator("#retrain-learning-rate input")).to_have_value(str(RunConfig().learning_rate))
    page.locator("#retrain-base-adapter-id input").click()
    page.get_by_role("option", name="run 1").click()
    page.locator("#retrain-steps input[type=number]").fill("5")
    # A rate at which nothing improves: the first evaluation is no better, and that is the end of it.
    for name, value in (("learning-rate", "0.000000001"), ("patience", "1"), ("eval-every", "1")):
        page.locator(f"#retrain-{name} input").fill(value)
    expect(page.locator("#retrain-learning-rate input")).not_to_have_value(str(RunConfig().learning_rate))
    page.locator("#retrain-start").click()
    expect(state).to_contain_text("Run 2")
    expect(state).to_have_attribute("data-state", "finished")
    expect(state).to_contain_text("step 1 of 5")
    verdict = page.locator("[data-testid=verdict]")
    expect(verdict).to_have_attribute("data-word", "same")
    expect(verdict).to_contain_text("the adapter after step 0")
