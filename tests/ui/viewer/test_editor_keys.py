"""The region editor by keyboard, and how what it shows lies on the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.ui.demo import boxes
from tests.ui.driving import click_at, drag, make_trace, screen_point

LAYER = "#one [data-testid=layer]"
Opened = Callable[..., Page]


def regions(page: Page) -> list[dict[str, Any]]:
    return page.evaluate("sayo.viewers.one.editor.regions")


def test_arrows_move_the_selected_region_and_the_selected_corner(opened: Opened) -> None:
    page = opened(make_trace())
    drag(page, LAYER, (20, 30), (60, 50))
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("Alt+ArrowDown")
    assert boxes(page) == [[21, 31, 61, 51]]
    page.keyboard.press("Alt+Shift+ArrowDown")
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("Alt+ArrowUp")
    assert boxes(page) == [[20, 40, 60, 60]]
    for _ in range(3):
        page.keyboard.press("Alt+Shift+ArrowLeft")  # to the edge of the picture and no further
    assert boxes(page) == [[0, 40, 40, 60]]
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    for corner in ((100, 100), (200, 100), (200, 200)):
        click_at(page, LAYER, corner)
    page.keyboard.press("Enter")
    click_at(page, LAYER, (200, 100))
    page.keyboard.press("Alt+Shift+ArrowUp")
    page.keyboard.press("Alt+ArrowRight")
    assert regions(page)[1]["points_xy"] == [[100, 100], [201, 90], [200, 200]]
    page.keyboard.press("Escape")
    before = regions(page)
    page.keyboard.press("Alt+ArrowRight")  # nothing is selected
    assert regions(page) == before


def test_tools_and_the_size_of_the_brush_by_key(opened: Opened) -> None:
    page = opened(make_trace())
    page.locator("#one .sv").focus()
    for key, name in (("s", "select"), ("p", "polygon"), ("r", "brush"), ("e", "erase"), ("b", "box")):
        page.keyboard.press(key)
        assert page.evaluate("sayo.viewers.one.editor.tool.name") == name
        pressed = page.locator("#one .sv-tools [aria-pressed=true]").evaluate_all(
            "(all) => all.map((it) => it.dataset.testid)"
        )
        assert pressed == [f"tool-{name}"]
    size = "sayo.viewers.one.editor.brushSize"
    page.keyboard.press("r")
    page.locator("#one [data-testid=brush-size]").fill("40")
    page.locator("#one .sv").focus()
    page.keyboard.press("]")
    assert page.evaluate(size) == 44
    page.keyboard.press("[")
    page.keyboard.press("[")
    assert page.evaluate(size) == 36
    for _ in range(60):
        page.keyboard.press("[")
    assert page.evaluate(size) == 1


def test_labels_have_colours_of_their_own(opened: Opened) -> None:
    page = opened(make_trace())
    for x, name in ((20, "cat"), (120, "dog"), (220, "cat")):
        drag(page, LAYER, (x, 20), (x + 60, 60))
        page.keyboard.press("l")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
    colours = page.locator("#one .sv-box").evaluate_all(
        "(all) => all.map((it) => getComputedStyle(it).borderTopColor)"
    )
    assert colours[0] == colours[2] != colours[1]
    assert [it["label"] for it in regions(page)] == ["cat", "dog", "cat"]


def test_erasing_keeps_label_and_step_and_hits_what_is_selected(opened: Opened) -> None:
    page = opened(make_trace())
    drag(page, LAYER, (20, 20), (60, 60))
    page.keyboard.press("l")
    page.keyboard.type("cat")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    drag(page, LAYER, (100, 20), (160, 60))
    click_at(page, LAYER, (40, 40))
    page.keyboard.press("e")
    page.locator("#one [data-testid=brush-size]").fill("1")
    drag(page, LAYER, (10.5, 30.5), (150.5, 30.5))  # over both: only the selected one is meant
    kinds = [(it["kind"], it["label"]) for it in regions(page)]
    assert kinds == [("brush", "cat"), ("box", "")]


def test_a_click_that_trembles_selects_and_a_short_drag_draws(opened: Opened) -> None:
    page = opened(make_trace())
    drag(page, LAYER, (20, 20), (120, 120))
    page.keyboard.press("Escape")
    x, y = screen_point(page, LAYER, (60, 60))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2, y)
    page.mouse.up()
    assert page.evaluate("sayo.viewers.one.editor.selected") == 0
    assert boxes(page) == [[20, 20, 120, 120]]
    page.keyboard.press("Escape")
    x, y = screen_point(page, LAYER, (200, 200))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 40)
    page.mouse.up()
    assert len(regions(page)) == 2


def test_the_map_lies_over_the_picture_and_under_the_regions(opened: Opened) -> None:
    page = opened(make_trace())
    order = page.evaluate(
        "[...sayo.viewers.one.parts.stage.children].map((it) => it.dataset.testid || it.className)"
    )
    assert order[0] == "sv-image" and order[1] == "heat" and order[-1] == "layer"


def test_a_copy_at_the_edge_of_the_picture_lies_on_its_other_side(opened: Opened) -> None:
    page = opened(make_trace())  # 320 x 240 px: a copy lies 8 px away
    drag(page, LAYER, (250, 180), (318, 238))
    page.keyboard.press("Control+d")
    assert boxes(page)[1] == [242, 172, 310, 230]
    page.keyboard.press("Delete")
    assert boxes(page) == [[250, 180, 318, 238]]


def test_a_polygon_needs_an_area_and_keeps_it(opened: Opened) -> None:
    page = opened(make_trace())
    page.locator("#one .sv").focus()
    page.keyboard.press("p")
    for corner in ((20, 20), (60, 60), (120, 120)):
        click_at(page, LAYER, corner)
    page.keyboard.press("Enter")  # all on one line: it is still being drawn
    assert regions(page) == []
    click_at(page, LAYER, (20, 120))
    click_at(page, LAYER, (20, 20))  # the first corner closes it
    assert regions(page)[0]["points_xy"] == [[20, 20], [60, 60], [120, 120], [20, 120]]
    click_at(page, LAYER, (60, 60))
    page.keyboard.press("Delete")
    assert regions(page)[0]["points_xy"] == [[20, 20], [120, 120], [20, 120]]
    click_at(page, LAYER, (120, 120))
    page.keyboard.press("Delete")  # a triangle has no corner to spare
    assert len(regions(page)[0]["points_xy"]) == 3
    drag(page, LAYER, (120, 120), (20, 60))  # on to the line through the others: nothing would be left
    assert regions(page)[0]["points_xy"] == [[20, 20], [120, 120], [20, 120]]
