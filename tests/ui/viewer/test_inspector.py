"""The inspector in the real app: maps, heads, timeline, spot, what-if, export and a file that comes back."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from sayo_app.core.bundles.bundle import read_bundle
from tests.ui.driving import SCREENSHOTS, click_at, drag

VIEWER, LAYER = "#ask-viewer", "#ask-viewer [data-testid=layer]"


@pytest.fixture
def page(open_page: Callable[..., Page], app_url: str) -> Page:
    """With the answer to the first example."""
    page = open_page(app_url)
    page.locator("#ask-examples .sc-card").first.click()
    question = page.locator("#ask-question textarea, #ask-question input")
    expect(question).not_to_have_value("")
    question.press("Enter")
    expect(part(page, "token-0")).to_be_enabled()
    return page


def part(page: Page, name: str, viewer: str = VIEWER):  # type: ignore[no-untyped-def]
    return page.locator(f"{viewer} [data-testid='{name}']")


def take_picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def draw_round(page: Page, name: str) -> None:
    x0, y0, x1, y1 = page.evaluate(
        "(name) => sayo.viewers['ask-viewer'].value.truth.find((it) => it.label.endsWith(name)).box_xyxy",
        name,
    )
    drag(page, LAYER, (x0, y0), (x1, y1))


def exported(page: Page, kind: str, folder: Path) -> Path:
    page.locator("#export-kind input").click()
    page.get_by_role("option").filter(has_text=f"({kind}").click()
    with page.expect_download() as download:
        page.locator("#export-button").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def open_file(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#export-open").click()
    chooser.value.set_files(path)


def test_maps_heads_timeline_and_spot(page: Page) -> None:
    draw_round(page, " ball")
    part(page, "token-1").click()
    shown = set()
    for method in page.evaluate("sayo.viewers['ask-viewer'].options.methods.map((it) => it.name)"):
        part(page, f"method-{method}").click()
        page.wait_for_function("(name) => sayo.viewers['ask-viewer'].view === name", arg=method)
        expect(part(page, "number-energy").locator("td").first).not_to_have_text("…")
        shown.add(page.evaluate("document.querySelector('#ask-viewer [data-testid=heat]').toDataURL()"))
    assert len(shown) >= 6, "methods must differ from each other in what they show"

    part(page, "heads-panel").locator("summary").click()
    part(page, "find-heads").click()
    cell = part(page, "head:2:1")
    expect(cell).to_be_visible()
    part(page, "found-heads").locator(".sv-tool").first.click()
    page.wait_for_function("sayo.viewers['ask-viewer'].view.startsWith('head:')")
    expect(part(page, "caption")).to_contain_text("head")
    take_picture(page, "inspector-heads")

    chart = page.locator("#ask-chart .js-plotly-plot")
    bar = chart.locator(".barlayer .point path").nth(4)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 3)
    expect(part(page, "token-4")).to_have_attribute("aria-pressed", "true")

    page.keyboard.press("1")
    click_at(page, LAYER, (3, 3))
    spot = part(page, "spot")
    expect(spot).to_contain_text("spot")
    expect(part(page, "colour")).to_have_value("spot")
    part(page, "spot-clear").click()
    expect(spot).to_be_empty()


def test_what_if_is_answered_side_by_side_and_steps_together(page: Page) -> None:
    page.get_by_text("What if it had looked here?").click()
    page.locator("#whatif-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("Draw where it should have looked")
    draw_round(page, " ball")
    page.locator("#whatif-button").click()
    expect(page.locator("[data-testid=whatif-note]")).to_contain_text("into the boxes")
    part(page, "token-2", "#whatif-second").click()
    expect(part(page, "token-2", "#whatif-first")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#whatif-second .sv-box")).to_have_count(1)
    expect(part(page, "method-gradient", "#whatif-second")).to_be_disabled()
    take_picture(page, "inspector-whatif")


def test_exports_and_a_saved_answer_comes_back(page: Page, tmp_path: Path) -> None:
    draw_round(page, " ball")
    part(page, "token-1").click()
    page.get_by_text("Export, or open a saved answer").click()
    size = tuple(page.evaluate("Object.values(sayo.viewers['ask-viewer'].size)"))
    with Image.open(exported(page, "PNG", tmp_path)) as picture:
        assert picture.size == size
    with Image.open(exported(page, "GIF", tmp_path)) as film:
        assert film.n_frames > 3  # type: ignore[attr-defined]
    assert b"ftyp" in exported(page, "MP4", tmp_path).read_bytes()[:16]
    assert '"sayo-trace"' in exported(page, "JSON", tmp_path).read_text()
    offline = exported(page, "HTML", tmp_path)
    saved = exported(page, "ZIP", tmp_path)
    tokens = page.evaluate("sayo.viewers['ask-viewer'].value.tokens")
    boxes = page.evaluate("sayo.viewers['ask-viewer'].editor.regions")
    energy = part(page, "number-energy").locator("td").first.inner_text()
    assert list(read_bundle(saved).trace.tokens) == tokens

    page.locator("#ask-examples .sc-card").nth(1).click()
    page.wait_for_function("sayo.viewers['ask-viewer'].value.status === 'picture'")
    open_file(page, saved)
    page.wait_for_function("sayo.viewers['ask-viewer'].value.status === 'done'")
    assert page.evaluate("sayo.viewers['ask-viewer'].value.tokens") == tokens
    assert page.evaluate("sayo.viewers['ask-viewer'].editor.regions") == boxes
    expect(part(page, "method-rollout")).to_be_disabled()
    part(page, "token-1").click()
    expect(part(page, "number-energy").locator("td").first).to_have_text(energy)

    alone = page.context.new_page()
    alone.goto(offline.as_uri())
    alone.locator("[data-testid=token-1]").click()
    expect(alone.locator("[data-testid=number-energy] td").first).to_have_text(energy)


@pytest.mark.parametrize("kind", ["cut short", "from elsewhere", "huge"])
def test_a_trace_file_that_cannot_be_read_leaves_what_is_shown(page: Page, tmp_path: Path, kind: str) -> None:
    page.get_by_text("Export, or open a saved answer").click()
    saved = exported(page, "ZIP", tmp_path)
    bad = tmp_path / "bad.zip"
    if kind == "cut short":
        bad.write_bytes(saved.read_bytes()[: saved.stat().st_size // 2])
    elif kind == "from elsewhere":
        with zipfile.ZipFile(bad, "w") as archive:
            archive.writestr("notes.txt", "hello")
    else:
        with zipfile.ZipFile(saved) as old, zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in old.namelist():
                data = old.read(name)
                archive.writestr(
                    name, np.zeros(900_000_000, np.uint8).tobytes() if "attention" in name else data
                )
    shown = page.evaluate("sayo.viewers['ask-viewer'].value.id")
    open_file(page, bad)
    expect(page.locator(".toast-body").last).to_contain_text("Expected")
    assert page.evaluate("sayo.viewers['ask-viewer'].value.id") == shown
    expect(part(page, "token-0")).to_be_enabled()


def test_two_pictures_have_an_overlay_each(
    open_page: Callable[..., Page], app_url: str, tmp_path: Path
) -> None:
    paths = []
    for number, size in enumerate([(320, 240), (200, 300)]):
        pixels = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
    page = open_page(app_url)
    page.locator("input[type=file]").first.set_input_files(paths)
    question = page.locator("#ask-question textarea, #ask-question input")
    expect(part(page, "picture-1")).to_be_visible()
    question.fill("Which is larger?")
    question.press("Enter")
    part(page, "token-0").click()
    opacity = """() => [...document.querySelectorAll('#ask-viewer .sv-heat')].map((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((_, i) => i % 4 === 3).some((it) => it > 0);
    })"""
    assert page.evaluate(opacity) == [True, True]
    part(page, "picture-1").click()
    assert page.evaluate("sayo.viewers['ask-viewer'].size") == {"width": 200, "height": 300}
    take_picture(page, "inspector-two-pictures")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_and_dark(open_page: Callable[..., Page], app_url: str, scheme: str) -> None:
    page = open_page(app_url, width=390, height=844, color_scheme=scheme, has_touch=True, is_mobile=True)
    page.locator("#ask-examples .sc-card").first.click()
    expect(page.locator("#ask-question textarea, #ask-question input")).not_to_have_value("")
    page.locator("#ask-button").click()
    part(page, "token-2").click()
    part(page, "heads-panel").locator("summary").click()
    expect(part(page, "head:2:1")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    take_picture(page, f"inspector-phone-{scheme}")
