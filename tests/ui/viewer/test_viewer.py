"""The viewer in a real browser: boxes to the pixel, stepping, keys, and text that stays text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from sayo_app.core.attention.heatmap import token_maps
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.ui.viewer.cards import cards, cards_value
from sayo_app.ui.viewer.payload import region_numbers
from tests.ui.demo import boxes, sent_boxes
from tests.ui.driving import click_at, drag, make_trace

WIDE, TALL = (320, 240), (90, 1200)
LAYER = "#one [data-testid=layer]"
EVIL = (
    "${window.hacked=1}",
    " {{value}}",
    "<img src=x onerror=window.hacked=2>",
    "`+alert(1)+`",
    "<|im_end|>",
)
Opened = Callable[..., Page]


@contextmanager
def _nothing_but(page: Page) -> Iterator[None]:
    before = boxes(page)
    yield
    assert boxes(page) == before


@pytest.mark.parametrize(
    ("image_wh", "zoom", "factor"),
    [(WIDE, 1.0, 1.0), (WIDE, 1.5, 1.0), (WIDE, 0.75, 2.0), (TALL, 1.0, 1.0), (TALL, 1.25, 1.0)],
)
def test_box_is_exact_to_the_pixel(
    opened: Opened, image_wh: tuple[int, int], zoom: float, factor: float
) -> None:
    page = opened(make_trace(image_wh=image_wh), zoom=zoom, device_scale_factor=factor)
    x1, y1 = round(image_wh[0] * 0.8), round(image_wh[1] * 0.7)
    drag(page, LAYER, (13, 27), (x1, y1))
    assert boxes(page) == [[13, 27, x1, y1]]
    assert sent_boxes(page, 1) == [[13, 27, x1, y1]]


def test_box_is_moved_resized_deleted_and_brought_back(opened: Opened) -> None:
    page = opened(make_trace())
    drag(page, LAYER, (200, 150), (100, 50))  # from the lower right: corners are put in order
    assert boxes(page) == [[100, 50, 200, 150]]
    drag(page, LAYER, (150, 100), (170, 90))  # it is selected: dragging it moves it
    assert boxes(page) == [[120, 40, 220, 140]]
    drag(page, LAYER, (220, 140), (300, 200))  # its lower right handle
    assert boxes(page) == [[120, 40, 300, 200]]
    drag(page, LAYER, (120, 120), (0, 120))  # its left handle, to the edge
    assert boxes(page) == [[0, 40, 300, 200]]
    page.keyboard.press("Delete")
    assert boxes(page) == []
    undo = page.locator("#one [data-testid=undo]")
    undo.click()
    assert boxes(page) == [[0, 40, 300, 200]]
    for _ in range(4):
        undo.click()
    assert boxes(page) == []
    expect(undo).to_be_disabled()
    page.locator("#one [data-testid=redo]").click()
    assert boxes(page) == [[100, 50, 200, 150]]


def test_box_cannot_leave_the_picture(opened: Opened) -> None:
    page = opened(make_trace())
    drag(page, LAYER, (300, 220), (330, 250))
    assert boxes(page) == [[300, 220, 320, 240]]
    drag(page, LAYER, (310, 230), (100, 300))
    assert boxes(page) == [[90, 220, 110, 240]]


def test_click_selects_and_a_line_draws_nothing(opened: Opened) -> None:
    page = opened(make_trace())
    drag(page, LAYER, (20, 20), (80, 80))
    drag(page, LAYER, (150, 50), (250, 150))
    with _nothing_but(page):
        click_at(page, LAYER, (50, 50))
        assert page.evaluate("sayo.viewers.one.editor.selected") == 0
        click_at(page, LAYER, (300, 200))
        assert page.evaluate("sayo.viewers.one.editor.selected") == -1
        drag(page, LAYER, (10, 200), (100, 200))


def test_box_of_a_step_and_figures_of_the_server(opened: Opened) -> None:
    trace = make_trace()
    page = opened(trace)
    drag(page, LAYER, (0, 0), (160, 120))
    numbers = region_numbers(trace, token_maps(trace, "centred"), [Region.box(0, 0, 160, 120)])
    reward = page.locator("#one [data-testid=number-sayo]")
    wanted = f"{numbers['answer']['sayo'][0]:.2f}".replace("-", "−")
    expect(reward.locator("td").last).to_have_text(wanted)
    page.locator("#one [data-testid=token-2]").click()
    expect(reward.locator("td")).to_have_count(3)
    expect(reward.locator("td").first).to_have_text(f"{numbers['token']['sayo'][2]:.2f}".replace("-", "−"))
    page.locator("#one [data-testid=region-step-0]").select_option("1")
    # Token 2 is in step 0: the box no longer holds there.
    expect(reward.locator("td").first).to_have_text("–")
    assert sent_boxes(page, 1) == [[0, 0, 160, 120]]


def hottest_cell(page: Page) -> int:
    return page.evaluate(
        """() => {
            const canvas = document.querySelector('#one [data-testid=heat]');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let best = 0;
            for (let i = 0; i < data.length / 4; i++) if (data[4 * i + 3] > data[4 * best + 3]) best = i;
            return best;
        }"""
    )


def test_keys_step_through_tokens_and_steps_and_move_the_overlay(opened: Opened) -> None:
    page = opened(make_trace())  # token i looks hardest at cell i
    page.locator("#one [data-testid=token-0]").click()
    assert hottest_cell(page) == 0
    for token in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        assert hottest_cell(page) == token
    page.keyboard.press("ArrowLeft")
    assert hottest_cell(page) == 2
    expect(page.locator("#one [data-testid=token-2]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#one [data-testid=step-1]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("a")
    expect(page.locator("#one [data-testid=whole]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("h")
    expect(page.locator("#one [data-testid=heat]")).to_be_hidden()
    page.keyboard.press("h")
    page.locator("#one [data-testid=token-0]").click()
    page.keyboard.press(" ")
    last = page.locator("#one [data-testid=token-7]")
    expect(last).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#one [data-testid=play]")).to_contain_text("Play")
    # The last token ends the turn: it asked nothing of the picture.
    expect(page.locator("#one [data-testid=token-8]")).to_be_disabled()


def test_strength_and_map_switch(opened: Opened) -> None:
    page = opened(make_trace())
    page.locator("#one [data-testid=token-1]").click()
    opacity = (
        "document.querySelector('#one [data-testid=heat]').getContext('2d').getImageData(1, 0, 1, 1).data[3]"
    )
    assert page.evaluate(opacity) == round(255 * 0.75)
    page.locator("#one [data-testid=strength]").fill("40")
    assert page.evaluate(opacity) == round(255 * 0.4)
    assert not page.locator("#one .sv.is-reward").count()
    page.locator("#one [data-testid=method-reward]").click()
    assert page.locator("#one .sv.is-reward .sv-chip.is-top").count() >= 1


def test_viewers_of_a_group_share_step_and_boxes(opened: Opened) -> None:
    page = opened(make_trace(), second=True)
    expect(page.locator("#two [data-testid=token-0]")).to_be_enabled()
    page.locator("#one [data-testid=token-3]").click()
    expect(page.locator("#two [data-testid=token-3]")).to_have_attribute("aria-pressed", "true")
    drag(page, LAYER, (10, 20), (110, 120))
    assert boxes(page, "two") == [[10, 20, 110, 120]]


def test_text_of_a_model_stays_text(opened: Opened) -> None:
    page = opened(make_trace(tokens=EVIL))
    for index, token in enumerate(EVIL):
        expect(page.locator(f"#one [data-testid=token-{index}]")).to_have_text(token, use_inner_text=False)
    page.locator("#one [data-testid=step-0]").click()
    drag(page, LAYER, (10, 10), (50, 50))
    assert page.evaluate("window.hacked") is None


def test_text_on_cards_stays_text(open_page: Opened, serve_page: Any) -> None:
    item = {
        "id": 1,
        "src": "",
        "title": EVIL[0],
        "lines": list(EVIL[1:]),
        "badge": {"kind": "x", "text": EVIL[2]},
    }
    with gr.Blocks(analytics_enabled=False) as blocks:
        cards("cards", cards_value([item], ""))
    with serve_page(blocks) as url:
        page = open_page(url)
        expect(page.locator("#cards .sc-title")).to_have_text(EVIL[0])
        expect(page.locator("#cards .sc-badge")).to_have_text(EVIL[2])
        assert page.evaluate("window.hacked") is None


def test_fits_a_phone(opened: Opened) -> None:
    page = opened(make_trace(), width=390, height=800, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # A finger scrolls until drawing is switched on.
    expect(page.locator("#one [data-testid=tool-select]")).to_have_attribute("aria-pressed", "true")
    page.locator("#one [data-testid=tool-box]").click()
    drag(page, LAYER, (20, 30), (120, 130))
    assert boxes(page) == [[20, 30, 120, 130]]


def overlay(page: Page, canvas: str = "#one [data-testid=heat]") -> np.ndarray:
    """The opacity of each pixel of an overlay, from 0 to 255."""
    shape, flat = page.evaluate(
        """(name) => {
            const canvas = document.querySelector(name);
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return [[canvas.height, canvas.width], [...data].filter((_, i) => i % 4 === 3)];
        }""",
        canvas,
    )
    return np.array(flat).reshape(shape)


def tiled_trace() -> AttentionTrace:
    """Two tiles side by side, then a thumbnail of 2 x 1 cells over them, and a newline token without area."""
    cells = [(0, 0, 150, 240), (150, 0, 320, 240), (0, 0, 320, 120), (0, 120, 320, 240), (320, 0, 320, 240)]
    trace = make_trace()
    attention = np.ascontiguousarray(trace.attention[:, :, :5])
    grid = ImageGrid((320, 240), np.array(cells, dtype=float), None)
    return AttentionTrace(**{**vars(trace), "grids": (grid,), "attention": attention})


def test_tiles_are_painted_in_the_browser_as_they_are_on_the_server(opened: Opened) -> None:
    trace = tiled_trace()
    page = opened(trace)
    page.locator("#one [data-testid=method-reward]").click()
    for token in (0, 1, 2):
        page.locator(f"#one [data-testid=token-{token}]").click()
        painted = trace.grid.paint(token_maps(trace, "reward")[token])
        wanted = 0.75 * (0.3 * 255 + 0.7 * np.round(255 * painted / painted.max()))
        np.testing.assert_allclose(overlay(page), wanted, atol=1.5)


def test_number_keys_choose_maps_and_those_that_do_not_apply_say_why(opened: Opened) -> None:
    page = opened(make_trace())
    page.locator("#one [data-testid=token-1]").click()
    pressed = "#one .sv-option[data-method][aria-pressed=true]"
    for key, name in (("2", "reward"), ("3", "raw"), ("1", "centred")):
        page.keyboard.press(key)
        expect(page.locator(pressed)).to_have_attribute("data-method", name)
    gradient = page.locator("#one [data-testid=method-gradient]")
    expect(gradient).to_be_disabled()
    expect(gradient).to_have_attribute("title", "Not here: Only a recording.")
    page.keyboard.press("6")
    expect(page.locator(pressed)).to_have_attribute("data-method", "centred")


def test_one_layer_is_shown(opened: Opened) -> None:
    trace = make_trace()
    trace.attention[:, 0] = np.roll(trace.attention[:, 0], 7, axis=1)
    page = opened(trace)
    page.locator("#one [data-testid=heads-panel] summary").click()
    page.locator("#one [data-testid=layer-choice]").select_option("layer:1")
    page.wait_for_function("sayo.viewers.one.view === 'layer:1'")
    page.locator("#one [data-testid=token-2]").click()
    assert hottest_cell(page) == 9


def test_a_clicked_spot_tells_who_looked_there(opened: Opened) -> None:
    page = opened(make_trace())  # token i looks hardest at cell i, 40 x 40 px each
    click_at(page, LAYER, (100, 20))
    first = page.locator("#one [data-testid=spot] .sv-tool").first
    expect(first).to_contain_text("is")
    expect(page.locator("#one [data-testid=colour]")).to_have_value("spot")
    shade = "(i) => sayo.viewers.one.chips[i].style.getPropertyValue('--shade')"
    assert page.evaluate(shade, 2) == "100%"
    first.click()
    expect(page.locator("#one [data-testid=token-2]")).to_have_attribute("aria-pressed", "true")
    page.locator("#one [data-testid=token-2]").press("Escape")
    expect(page.locator("#one [data-testid=spot]")).to_be_empty()
    assert page.evaluate(shade, 2) == "0%"
    with _nothing_but(page):
        page.locator("#one [data-testid=tool-select]").click()
        click_at(page, LAYER, (300, 20))
        expect(first).to_contain_text("</answer>")


def test_tokens_take_the_colour_that_is_asked_for(opened: Opened) -> None:
    trace = make_trace()
    page = opened(trace)
    page.locator("#one [data-testid=colour]").select_option("entropy")
    shades = page.evaluate(
        "sayo.viewers.one.chips.map((it) => parseInt(it.style.getPropertyValue('--shade')))"
    )
    wanted = 100 * trace.entropies / trace.entropies.max()
    np.testing.assert_allclose(shades, wanted, atol=1)
    drag(page, LAYER, (1, 1), (39, 39))
    page.locator("#one [data-testid=colour]").select_option("region")
    page.wait_for_function("sayo.viewers.one.chips[0].style.getPropertyValue('--shade') === '100%'")


def test_steps_fold_and_have_a_map_each(opened: Opened) -> None:
    page = opened(make_trace())
    step = page.locator("#one .sv-step[data-row='1']")
    expect(step.locator(".sv-stepmap")).to_be_visible()
    expect(step.locator("[data-testid=token-5]")).to_be_visible()
    page.locator("#one [data-testid=fold-1]").click()
    expect(step.locator("[data-testid=token-5]")).to_be_hidden()
    expect(step.locator(".sv-folded")).to_have_text("<answer>cat</answer>")
    page.locator("#one [data-testid=fold-1]").click()
    expect(step.locator("[data-testid=token-5]")).to_be_visible()


def test_each_picture_has_its_own_overlay_and_boxes(opened: Opened) -> None:
    """48 image tokens: 6 of the first picture, 42 of the second; token i looks hardest at image token i."""
    grids = (ImageGrid.regular((300, 200), (2, 3)), ImageGrid.regular((70, 60), (6, 7)))
    page = opened(AttentionTrace(**{**vars(make_trace()), "grids": grids}))
    page.locator("#one [data-testid=method-reward]").click()
    page.locator("#one [data-testid=token-4]").click()
    assert hottest_cell(page) == 4
    page.locator("#one [data-testid=token-7]").click()
    assert int(overlay(page, "#one [data-testid=picture-1] canvas").argmax()) == 1
    drag(page, LAYER, (10, 20), (110, 120))
    page.locator("#one [data-testid=picture-1]").click()
    assert boxes(page) == [] and hottest_cell(page) == 1
    drag(page, LAYER, (10, 0), (20, 10))
    energy = page.locator("#one [data-testid=number-energy] td")
    expect(energy.first).to_have_text(re.compile(r"^\d\d %$"))
    page.locator("#one [data-testid=picture-0]").click()
    assert boxes(page) == [[10, 20, 110, 120]]


def test_stepping_through_a_long_answer_is_quick_enough_to_see_nothing_of_it(opened: Opened) -> None:
    """1,000 tokens at 1,024 image tokens: the server is not asked, and only two chips change a step.
    How long a step takes is measured by tests/measure_viewer.py."""
    tokens = (*(f" word{i}." if i % 25 == 24 else f" word{i}" for i in range(999)), "<|im_end|>")
    page = opened(make_trace(tokens=tokens, image_wh=(320, 320), grid_hw=(32, 32)))
    page.locator("#one [data-testid=token-500]").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    changed = page.evaluate(
        """() => new Promise((resolve) => {
            const viewer = sayo.viewers.one, seen = new Set();
            const observer = new MutationObserver((records) => {
                for (const record of records) if (record.target.matches('.sv-chip')) seen.add(record.target);
            });
            observer.observe(viewer.parts.tokens, { subtree: true, attributes: true });
            viewer.stepToken(1);
            setTimeout(() => resolve(seen.size), 0);
        })"""
    )
    assert changed == 2
    page.keyboard.press("ArrowRight")
    expect(page.locator("#one [data-testid=token-502]")).to_have_attribute("aria-pressed", "true")
    assert asked == []


def test_sinks_are_counted_and_outlined(opened: Opened) -> None:
    kept = np.ones(48, dtype=bool)
    kept[[0, 9]] = False
    page = opened(AttentionTrace(**{**vars(make_trace()), "sink_mask": kept}))
    toggle = page.locator("#one [data-testid=toggle-sinks]")
    expect(toggle).to_have_text("2 sinks")
    expect(page.locator("#one .sv-sink")).to_have_count(0)
    toggle.click()
    expect(page.locator("#one .sv-sink")).to_have_count(2)
    place = page.locator("#one .sv-sink").last.evaluate("(it) => [it.style.left, it.style.top]")
    assert place == ["12.5%", "16.6667%"], "cell 9 is the second of the second row of 8 x 6"
