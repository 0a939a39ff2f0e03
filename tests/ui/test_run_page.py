"""A run on the page when it does not end well: the tab closed, cancelled, killed outright."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from sayo_app.settings import Settings
from storage.store import Store
from tests.ui.driving import App

pytestmark = pytest.mark.browser


@pytest.fixture
def app(data_dir: Path) -> Iterator[App]:
    running = App(data_dir)
    yield running
    running.stop()


def retrain_tab(page: Page) -> Locator:
    page.get_by_role("tab", name="Retrain", exact=True).click()
    return page.locator("[data-testid=run-state]")


def test_a_run_outlives_its_tab_is_cancelled_and_another_is_killed(
    app: App, open_page: Callable[..., Page], data_dir: Path
) -> None:
    url = app.start()
    page = open_page(url)
    state = retrain_tab(page)
    page.locator("#retrain-generate").click()
    expect(page.locator("[data-testid=enough]")).to_be_visible()
    page.locator("#retrain-steps input[type=number]").fill("200")
    page.locator("#retrain-start").click()
    expect(state).to_contain_text("step 1 of 200")
    page.context.close()

    page = open_page(url)
    state = retrain_tab(page)
    expect(state).to_have_attribute("data-state", "running")
    page.locator("#retrain-cancel").click()
    expect(state).to_have_attribute("data-state", "cancelled")
    # The second cancel finds nothing to cancel: the button is off and the run stays as it ended.
    expect(page.locator("#retrain-cancel")).to_be_disabled()

    page.locator("#retrain-start").click()
    expect(state).to_contain_text("Run 2")
    expect(state).to_have_attribute("data-state", "running")
    run = Store(Settings(data_dir=data_dir)).active_run()
    assert run is not None
    assert run.pid is not None
    os.kill(run.pid, signal.SIGKILL)
    expect(state).to_have_attribute("data-state", "failed")
    expect(page.locator("[data-testid=run-error]")).to_be_visible()
    expect(page.locator("#retrain-start")).to_be_enabled()
