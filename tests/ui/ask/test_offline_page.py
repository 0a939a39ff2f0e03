"""The exported page in a browser without a network: it steps, changes maps and runs no text as code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.attention.heatmap import TRACE_METHODS
from sayo_app.core.rendering.offline_page import offline_page
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.page_files import script, viewer_styles
from sayo_app.ui.viewer.component import ViewerOptions
from sayo_app.ui.viewer.values import answer_value, picture_value
from tests.ui.driving import held, make_trace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


HOSTILE = '</script><script>document.title = "taken"</script><img src=x onerror="document.title=1">'
HEAT = """() => {
  const canvas = document.querySelector("[data-testid=heat]");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i + 3]);
}"""


def opened(browser: Browser, folder: Path) -> Page:
    trace = make_trace(
        tokens=("The", HOSTILE, " is", " here", ".", " <answer>", "cat", "</answer>", "<|im_end|>")
    )
    picture = Image.new("RGB", (320, 240), "grey")
    answered = Answered("a", held(picture), "Where?", trace, recorded="Only its recording is here.")
    views = [name for name in TRACE_METHODS if answered.why_not(name) is None]
    value = answer_value(picture_value(picture, "p"), answered, views=views)
    options = ViewerOptions("offline", editable=False).to_dict()
    file = folder / "answer.html"
    file.write_text(offline_page(value, options, script(), viewer_styles(), title=HOSTILE), encoding="utf-8")
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"page error: {error}"))
    page.on("console", lambda message: message.type == "error" and pytest.fail(message.text))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector(".sv-chip")
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    return page


def test_it_steps_through_tokens_and_maps(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path)
    page.locator(".sv").focus()
    peaks = []
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        peaks.append(int(np.argmax(page.evaluate(HEAT))))
    # Token i looks hardest at cell i.
    assert peaks == [0, 1, 2]
    before = page.evaluate(HEAT)
    page.keyboard.press("2")
    after = page.evaluate(HEAT)
    assert before != after and int(np.argmax(after)) == 2
    page.screenshot(path=str(tmp_path / "offline.png"))
    page.context.close()


def test_text_of_the_answer_is_text(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path)
    assert page.title() == HOSTILE == page.locator("h1").inner_text()
    assert HOSTILE in page.locator(".sv-chip").nth(1).inner_text()
    assert page.locator("#offline img[src=x]").count() == 0 and page.locator("script").count() == 2
    page.context.close()
