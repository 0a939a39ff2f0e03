"""The region editor by mouse and keyboard: every tool to the pixel, history, labels, zoom."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from sayo_app.core.geometry.cells import coverage, region_mask
from sayo_app.core.geometry.region import Region, rasterise
from tests.ui.demo import boxes, sent_boxes
from tests.ui.driving import click_at, drag, make_trace, move_to, screen_point

LAYER = "#one [data-testid=layer]"
Opened = Callable[..., Page]


def regions(page: Page) -> list[dict[str, Any]]:
    return page.evaluate("sayo.viewers.one.editor.regions")


def pixels(page: Page, index: int = 0, image_wh: tuple[int, int] = (320, 240)) -> np.ndarray:
    """The pixels of a region as the server understands them."""
    return rasterise(Region.from_dict(regions(page)[index]), image_wh)


def tool(page: Page, name: str) -> None:
    page.locator(f"#one [data-testid=tool-{name}]").click()


def brush_size(page: Page, size: int) -> None:
    page.locator("#one [data-testid=brush-size]").fill(str(size))


def draw_polygon(page: Page, *corners: tuple[int, int]) -> None:
    tool(page, "polygon")
    for corner in corners:
        click_at(page, LAYER, corner)
    page.keyboard.press("Enter")


def points(page: Page, index: int = 0) -> list[list[int]]:
    return regions(page)[index]["points_xy"]


def test_polygon_is_drawn_and_its_corners_moved_added_and_removed(opened: Opened) -> None:
    page = opened(make_trace())
    draw_polygon(page, (40, 30), (200, 50), (150, 180))
    assert points(page) == [[40, 30], [200, 50], [150, 180]]
    assert sent_boxes(page, 1) == [[40, 30, 200, 180]]
    drag(page, LAYER, (200, 50), (260, 40))
    assert points(page) == [[40, 30], [260, 40], [150, 180]]
    drag(page, LAYER, (150, 35), (150, 10))  # the handle in the middle of the first side
    assert points(page) == [[40, 30], [150, 10], [260, 40], [150, 180]]
    page.keyboard.press("Delete")  # the corner just added is the selected one
    assert points(page) == [[40, 30], [260, 40], [150, 180]]
    drag(page, LAYER, (95, 105), (20, 120))
    page.keyboard.down("Alt")
    click_at(page, LAYER, (20, 120))
    page.keyboard.up("Alt")
    assert points(page) == [[40, 30], [260, 40], [150, 180]]
    tool(page, "select")
    drag(page, LAYER, (150, 80), (170, 100))
    assert points(page) == [[60, 50], [280, 60], [170, 200]]


def test_polygon_closes_by_double_click_and_takes_corners_back(opened: Opened) -> None:
    page = opened(make_trace())
    tool(page, "polygon")
    for corner in ((20, 20), (100, 20), (300, 200)):
        click_at(page, LAYER, corner)
    page.keyboard.press("Backspace")
    click_at(page, LAYER, (100, 90))
    page.mouse.dblclick(*screen_point(page, LAYER, (20, 100)))
    assert points(page) == [[20, 20], [100, 20], [100, 90], [20, 100]]
    click_at(page, LAYER, (200, 200))
    page.keyboard.press("Enter")  # one corner is no polygon
    page.keyboard.press("Escape")
    assert len(regions(page)) == 1


def test_a_polygon_that_crosses_itself_is_kept_as_drawn(opened: Opened) -> None:
    page = opened(make_trace())
    corners = ((30, 30), (200, 150), (200, 40), (50, 170), (260, 200))
    draw_polygon(page, *corners)
    assert points(page) == [list(corner) for corner in corners]
    assert sent_boxes(page, 1) == [[30, 30, 260, 200]]


def test_brush_stores_the_pixels_it_shows(opened: Opened) -> None:
    page = opened(make_trace())
    tool(page, "brush")
    brush_size(page, 1)
    click_at(page, LAYER, (10.5, 20.5))
    wanted = np.zeros((240, 320), dtype=bool)
    wanted[20, 10] = True
    np.testing.assert_array_equal(pixels(page), wanted)
    drag(page, LAYER, (50.5, 60.5), (90.5, 60.5))  # goes on with the same painting
    wanted[60, 50:91] = True
    np.testing.assert_array_equal(pixels(page), wanted)
    brush_size(page, 4)
    page.keyboard.press("]")
    page.keyboard.press("[")
    page.keyboard.press("[")
    click_at(page, LAYER, (100.5, 100.5))
    wanted[99:102, 99:102] = True
    np.testing.assert_array_equal(pixels(page), wanted)
    x0, y0, x1, y1 = map(int, regions(page)[0]["box_xyxy"])
    canvas = page.evaluate(
        """() => {
            const canvas = document.querySelector('#one .sv-mask');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return [...data].filter((_, i) => i % 4 === 3).map((it) => it > 0);
        }"""
    )
    np.testing.assert_array_equal(np.array(canvas).reshape(y1 - y0, x1 - x0), wanted[y0:y1, x0:x1])
    page.keyboard.press("Escape")
    click_at(page, LAYER, (200.5, 200.5))
    assert len(regions(page)) == 2


def test_eraser_takes_pixels_and_makes_a_box_a_painting(opened: Opened) -> None:
    page = opened(make_trace())
    drag(page, LAYER, (20, 20), (60, 50))
    tool(page, "erase")
    brush_size(page, 1)
    drag(page, LAYER, (30.5, 5.5), (30.5, 100.5))
    wanted = np.zeros((240, 320), dtype=bool)
    wanted[20:50, 20:60] = True
    wanted[:, 30] = False
    assert regions(page)[0]["kind"] == "brush"
    np.testing.assert_array_equal(pixels(page), wanted)
    brush_size(page, 80)
    drag(page, LAYER, (20, 30), (60, 30))
    assert regions(page) == []
    page.keyboard.press("Control+z")
    np.testing.assert_array_equal(pixels(page), wanted)


def test_select_moves_resizes_and_duplicates_each_kind(opened: Opened) -> None:
    page = opened(make_trace())
    tool(page, "brush")
    brush_size(page, 9)
    drag(page, LAYER, (50.5, 50.5), (80.5, 50.5))
    before = pixels(page)
    tool(page, "select")
    drag(page, LAYER, (60, 50), (100, 90))
    np.testing.assert_array_equal(pixels(page), np.roll(before, (40, 40), axis=(0, 1)))
    page.keyboard.press("Control+d")
    assert len(regions(page)) == 2
    np.testing.assert_array_equal(pixels(page, 1), np.roll(before, (48, 48), axis=(0, 1)))
    page.keyboard.press("Delete")
    draw_polygon(page, (200, 20), (240, 20), (240, 60))
    tool(page, "select")
    drag(page, LAYER, (200, 60), (180, 80))  # the lower left handle of its frame
    assert points(page, 1) == [[180, 20], [240, 20], [240, 80]]


def test_digits_choose_labels_of_the_selected_region_and_maps_otherwise(opened: Opened) -> None:
    page = opened(make_trace())
    drag(page, LAYER, (20, 20), (60, 50))
    page.keyboard.press("2")  # no label is known yet
    pressed = page.locator("#one .sv-option[data-method][aria-pressed=true]")
    expect(pressed).to_have_attribute("data-method", "reward")
    for name in ("cat", "<b>dog</b>"):
        page.keyboard.press("l")
        page.keyboard.press("Control+a")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        assert regions(page)[0]["label"] == name
    expect(page.locator("#one .sv-tag")).to_have_text("1 · <b>dog</b>")
    page.keyboard.press("1")
    assert regions(page)[0]["label"] == "cat"
    expect(pressed).to_have_attribute("data-method", "reward")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(pressed).to_have_attribute("data-method", "centred")
    colour = "getComputedStyle(document.querySelector('#one .sv-box')).borderTopColor"
    before = page.evaluate(colour)
    click_at(page, LAYER, (40, 40))
    page.keyboard.press("x")
    assert regions(page)[0]["look"] is False
    expect(page.locator("#one .sv-box")).to_have_class(re.compile("is-not-here"))
    assert page.evaluate(colour) != before


def state(page: Page) -> str:
    return page.evaluate(
        "JSON.stringify([sayo.viewers.one.editor.regions, document.querySelector('#note textarea').value])"
    )


def test_undo_and_redo_through_everything(opened: Opened) -> None:
    page = opened(make_trace(), fields=("note",))
    note = page.locator("#note textarea")
    states = [state(page)]

    def done() -> None:
        assert state(page) != states[-1]
        states.append(state(page))

    drag(page, LAYER, (20, 20), (60, 50))
    done()
    note.press_sequentially("red")
    done()
    page.locator("#one [data-testid=region-label-0]").fill("cat")
    page.keyboard.press("Enter")
    done()
    page.keyboard.press("x")
    done()
    page.locator("#one [data-testid=region-step-0]").select_option("1")
    done()
    draw_polygon(page, (100, 30), (200, 50), (150, 180))
    done()
    drag(page, LAYER, (200, 50), (260, 40))
    done()
    note.press_sequentially(" ball")
    done()
    tool(page, "brush")
    drag(page, LAYER, (60, 200), (100, 210))
    done()
    page.keyboard.press("Control+d")
    done()
    page.locator("#one [data-testid=remove-0]").click()
    done()
    note.focus()
    for wanted in reversed(states[:-1]):
        page.keyboard.press("Control+z")
        assert state(page) == wanted
    expect(page.locator("#one [data-testid=undo]")).to_be_disabled()
    page.locator("#one .sv").focus()
    for wanted in states[1:]:
        page.keyboard.press("Control+Shift+Z")
        assert state(page) == wanted


def test_drawing_is_exact_when_zoomed_and_scrolled(opened: Opened) -> None:
    page = opened(make_trace())
    before = page.evaluate("window.scrollY")
    move_to(page, LAYER, (300, 220))
    page.keyboard.down("Control")
    for _ in range(4):
        page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    page.wait_for_function("sayo.viewers.one.zoom.zoom > 6")
    assert page.evaluate("window.scrollY") == before
    drag(page, LAYER, (290, 210), (303, 219), scroll=False)
    assert boxes(page) == [[290, 210, 303, 219]]
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    for _ in range(12):
        page.keyboard.press("[")
    drag(page, LAYER, (292.5, 214.5), (296.5, 214.5), scroll=False)
    assert regions(page)[1]["box_xyxy"] == [292, 214, 297, 215]
    scrolled = page.evaluate("sayo.viewers.one.parts.frame.scrollLeft")
    page.keyboard.down(" ")
    drag(page, LAYER, (300, 215), (310, 215), scroll=False)
    page.keyboard.up(" ")
    assert page.evaluate("sayo.viewers.one.parts.frame.scrollLeft") < scrolled
    assert len(regions(page)) == 2 and page.evaluate("!sayo.viewers.one.timer")
    page.keyboard.press("f")
    assert page.evaluate("sayo.viewers.one.zoom.zoom") == 1
    drag(page, LAYER, (100.5, 100.5), (110.5, 100.5))
    assert regions(page)[1]["box_xyxy"] == [100, 100, 297, 215]


def test_two_fingers_zoom_and_one_draws(opened: Opened) -> None:
    page = opened(make_trace(), width=390, height=800, has_touch=True, is_mobile=True)
    tool(page, "box")
    page.locator(LAYER).scroll_into_view_if_needed()
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        at = [screen_point(page, LAYER, place) for place in places]
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(at)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", (100, 100))
    touch("touchStart", (100, 100), (200, 100))
    touch("touchMove", (50, 100), (250, 100))
    touch("touchEnd")
    page.wait_for_function("sayo.viewers.one.zoom.zoom > 1.5")
    assert boxes(page) == []
    touch("touchStart", (120, 90))
    touch("touchMove", (140, 110))
    touch("touchMove", (150, 120))
    touch("touchEnd")
    page.wait_for_function("sayo.viewers.one.editor.regions.length === 1")
    assert boxes(page) == [[120, 90, 150, 120]]


def test_sheet_of_keys_and_hiding_all(opened: Opened) -> None:
    page = opened(make_trace())
    drag(page, LAYER, (20, 20), (60, 50))
    page.keyboard.press("?")
    sheet = page.locator("#one [data-testid=sheet]")
    expect(sheet).to_contain_text("duplicate")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.keyboard.down("v")
    expect(page.locator("#one .sv-box")).not_to_be_visible()
    expect(page.locator("#one [data-testid=heat]")).not_to_be_visible()
    page.keyboard.up("v")
    expect(page.locator("#one .sv-box")).to_be_visible()


def test_regions_of_the_picture_before_are_copied(opened: Opened) -> None:
    page = opened(make_trace())
    drag(page, LAYER, (32, 24), (160, 120))
    draw_polygon(page, (200, 20), (240, 20), (240, 60))
    page.evaluate(
        """() => {
            const { one } = sayo.viewers;
            const picture = { ...one.value.pictures[0], id: 'q', width: 640, height: 240 };
            one.show({ id: 'next', status: 'picture', pictures: [picture] });
        }"""
    )
    assert regions(page) == []
    page.locator("#one .sv").press("c")
    assert boxes(page)[0] == [64, 24, 320, 120]
    assert points(page, 1) == [[400, 20], [480, 20], [480, 60]]
    page.keyboard.press("Control+z")
    assert regions(page) == []


def test_grid_shows_the_cells_the_regions_mean_and_their_attention(opened: Opened) -> None:
    trace = make_trace()  # 6 x 8 cells of 40 px; token i looks hardest at cell i
    page = opened(trace)
    page.locator("#one [data-testid=token-2]").click()
    page.keyboard.press("g")
    draw_polygon(page, (30, 30), (200, 50), (150, 180))
    page.wait_for_function("sayo.viewers.one.numbers?.cells")
    region = Region.from_dict(regions(page)[0])

    def told() -> str | None:
        return page.locator("#one .sv-covered").get_attribute("d")

    def outlined(cells: np.ndarray) -> str:
        boxes = trace.grid.cells_xyxy[np.flatnonzero(cells)].astype(int)
        return "".join(f"M{x0} {y0}H{x1}V{y1}H{x0}Z" for x0, y0, x1, y1 in boxes)

    assert told() == outlined(region_mask([region], trace.grid))
    # The part of each cell that is covered, as strong as it is large.
    part = coverage([region], trace.grid)
    opacity = page.locator("#one .sv-touched").evaluate_all(
        "(nodes) => nodes.map((it) => Number(it.getAttribute('fill-opacity')))"
    )
    assert opacity == pytest.approx(list(0.45 * part[part > 0]), abs=1e-3)
    move_to(page, LAYER, (100, 20))
    share = page.evaluate(
        "(() => { const v = sayo.viewers.one.values; return v[2] / v.reduce((a, b) => a + b); })()"
    )
    expect(page.locator("#one [data-testid=caption]")).to_have_text(
        f"Cell row 1, column 3 · {100 * share:.1f} % · "
        f"{100 * part[2]:.0f} % of it in the regions: does not count"
    )
    move_to(page, LAYER, (300, 20))
    expect(page.locator("#one [data-testid=caption]")).to_have_text(
        re.compile(r"^Cell row 1, column 8 · [0-9.]+ %$")
    )
    # A region of another step is nothing that this step is told.
    page.locator("#one [data-testid=region-step-0]").select_option("1")
    page.locator("#one [data-testid=step-0]").click()
    page.wait_for_function("sayo.viewers.one.numbers?.cells.step[0].told.length === 0")
    assert told() == ""
    page.locator("#one [data-testid=step-1]").click()
    assert told() == outlined(region_mask([region], trace.grid))


def test_peaks_are_proposed_accepted_and_rejected(opened: Opened) -> None:
    page = opened(make_trace())  # token i looks hardest at cell i, 40 x 40 px each
    page.locator("#one [data-testid=token-2]").click()
    page.locator("#one [data-testid=propose]").click()
    expect(page.locator("#one .is-suggestion.sv-box")).to_have_count(1)
    assert regions(page) == []
    page.locator("#one [data-testid=accept-0]").click()
    assert boxes(page) == [[80, 0, 120, 40]]
    drag(page, LAYER, (100, 20), (110, 50))  # and changed like any other
    assert boxes(page) == [[90, 30, 130, 70]]
    page.keyboard.press("k")
    page.locator("#one [data-testid=reject-0]").click()
    expect(page.locator("#one .is-suggestion.sv-box")).to_have_count(0)
    assert boxes(page) == [[90, 30, 130, 70]]
