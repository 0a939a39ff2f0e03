"""The model is asked about an item of the work list, and its answer is corrected there, in the real app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from sayo_app.core.scenes.questions import make_question
from sayo_app.settings import Settings
from storage.store import Store
from storage.work.drafts import nameless
from tests.ui.driving import drag
from tests.ui.worklist.working import CARDS, LAYER, TITLE, boxes, field, work_list

VIEWER = "#corrections-viewer"


def test_the_model_answers_an_item_and_the_answer_is_corrected(
    app_data_dir: Path, app_url: str, open_page: Callable[..., Page]
) -> None:
    scene, asked = make_question(3, "identity")
    with Store(Settings(data_dir=app_data_dir)) as store:
        picture_id = store.pictures.add(scene.picture).id
        store.items.add(picture_id=picture_id, question=asked.question)
    page = work_list(open_page, app_url)
    field(page, "corrections-text").fill(asked.question)
    field(page, "corrections-text").press("Enter")
    expect(page.locator(CARDS)).to_have_count(1)
    field(page, "corrections-author").fill("Ada")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator(TITLE)).to_contain_text(asked.question)
    drag(page, LAYER, (20, 30), (120, 130))
    page.keyboard.press("m")
    # The answer streams in below the box that was drawn before it.
    expect(page.locator(f"{VIEWER} [data-testid=token-0]")).to_be_enabled()
    expect(page.locator("#corrections-ask")).to_be_visible()
    assert boxes(page) == [[20, 30, 120, 130]]
    page.keyboard.press("t")
    page.keyboard.type("kite")
    page.keyboard.press("Control+Enter")
    expect(page.locator(CARDS)).to_contain_text("Right answer: kite")

    with Store(Settings(data_dir=app_data_dir)) as store:
        (record,) = (it for it in store.corrections.all() if it.question == asked.question)
        assert record.trace_id is not None and record.answer_shown
        assert store.traces.load(record.trace_id).text == record.answer_shown
        assert (record.model, record.corrected_answer, record.annotator) == ("bundled", "kite", "Ada")
        assert [region.box_xyxy for region in record.regions] == [(20, 30, 120, 130)]
        browser = page.evaluate("localStorage.getItem('sayo.browser')")
        kept = store.drafts.get(record.item_id, nameless(browser))
        # One was kept, and is gone with the correction.
        assert kept.content is None and kept.version > 0
