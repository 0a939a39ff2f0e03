"""Changes of a stored correction outlive the server, the network and the tab.

The page's own scripts on a page without Gradio: what they ask is answered by the server's function on a real
store, or by nobody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from sayo_app.core.geometry.region import Region
from sayo_app.settings import Settings
from sayo_app.ui.shared.answers import Answers
from sayo_app.ui.shared.page_files import script, viewer_styles
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer.autosave import draft_reply
from sayo_app.ui.viewer.component import EVENTS, DraftFields, ViewerOptions
from sayo_app.ui.worklist.opened import correction_value
from storage.store import Store
from storage.work.drafts import nameless
from tests.storage.examples import corrected
from tests.ui.driving import PATIENCE_MS, drag

ADDRESS = "http://sayo.test/"
LAYER = "#one [data-testid=layer]"
LOST = "This browser keeps what you draw"
COPIES = """Object.entries(localStorage).filter(([at]) => at.startsWith("sayo.draft.")).map(([, it]) => it)"""
BOX = [10, 10, 60, 60]
_PAGE = """<!doctype html><style>%(style)s</style>
<div id="one"><div class="sv" tabindex="-1"></div></div>
<div id="answer"><textarea></textarea></div><div id="author"><input></div>
<script>%(scripts)s</script>
<script>
  const props = { value: { id: "", status: "empty", hint: "" } }, watchers = {};
  const setProp = (name, value) => { props[name] = value; watchers[name]?.(); };
  const trigger = async (name, detail) => {
    if (name !== "drafted") return;
    const reply = await ask(JSON.stringify(detail));
    if (reply) setProp("draft", JSON.parse(reply));
  };
  const watch = (name, run) => (watchers[name] = run);
  const element = document.querySelector("#one");
  sayo.mountViewer({ element, props, trigger, watch }, %(options)s, %(events)s);
</script>"""


@dataclass
class Server:
    """What the page asks; `lost` answers nothing. `browser` is what the asking one calls itself."""

    studio: Studio
    correction_id: int
    lost: bool = False
    browser: str = ""
    session: Session = field(default_factory=Session)

    def ask(self, sent: str) -> str | None:
        event = SimpleNamespace(**json.loads(sent))
        self.browser = event.browser
        return None if self.lost else json.dumps(draft_reply(self.studio, self.session, event))

    def value(self) -> dict[str, Any]:
        return correction_value(self.studio, Answers(), self.studio.store.corrections.get(self.correction_id))

    def kept(self) -> list[list[float]]:
        """The boxes of the draft that the store has."""
        item_id = self.studio.store.corrections.get(self.correction_id).item_id
        draft = self.studio.store.drafts.get(item_id, nameless(self.browser), revises=self.correction_id)
        assert draft.content is not None
        return [region["box_xyxy"] for region in draft.content["regions"]]


@pytest.fixture
def server(data_dir: Path) -> Iterator[Server]:
    settings = Settings(data_dir=data_dir)
    with Store(settings) as store:
        picture = store.pictures.add(Image.new("RGB", (160, 120), "white"))
        record = corrected(
            store,
            picture_id=picture.id,
            question="What is <b>here</b>?",
            answer_shown="red",
            regions=(Region.box(*BOX),),
            corrected_answer="blue",
        )
        yield Server(Studio(settings, store), record.id)


@pytest.fixture
def context(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """A browser of its own, whose every page is ours."""
    options = ViewerOptions("one", editable=True, fields=("answer",), drafts=DraftFields("answer", "author"))
    page = _PAGE % {
        "style": viewer_styles(),
        "scripts": script(),
        "options": json.dumps(options.to_dict()),
        "events": json.dumps(EVENTS),
    }
    made = browser.new_context(viewport={"width": 900, "height": 800})
    made.set_default_timeout(PATIENCE_MS)
    made.clock.install()
    made.expose_function("ask", server.ask)
    made.route(
        f"{ADDRESS}**", lambda route: route.fulfill(body=page, content_type="text/html; charset=utf-8")
    )
    yield made
    made.close()


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Callable[[], Page]]:
    troubles: list[str] = []

    def opened() -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(ADDRESS)
        page.locator("#author input").fill("Ada")
        return page

    yield opened
    assert not troubles


def opened(page: Page, server: Server) -> Page:
    """With the correction open, as it stands now."""
    value = server.value()
    answer = server.studio.store.corrections.get(server.correction_id).corrected_answer
    page.locator("#answer textarea").fill(answer or "")
    page.evaluate("(value) => setProp('value', value)", value)
    expect(part(page, "region-0")).to_be_visible()
    return page


def part(page: Page, name: str) -> Locator:
    return page.locator(f"#one [data-testid={name}]")


def boxes(page: Page) -> list[list[float]]:
    return page.evaluate("sayo.viewers.one.editor.regions.map((it) => it.box_xyxy)")


def later_on(page: Page) -> None:
    """As long as the page waits for a reply before it asks once more."""
    page.clock.run_for(5_000)


def saved(page: Page) -> None:
    expect(part(page, "draft-note")).to_have_text("Draft saved")


def copies(page: Page) -> int:
    return page.evaluate(f"{COPIES}.length")


def test_changes_are_offered_when_the_correction_is_opened_again(
    server: Server, tab: Callable[[], Page]
) -> None:
    page = opened(tab(), server)
    part(page, "remove-0").click()
    drag(page, LAYER, (80, 20), (120, 70))
    page.locator("#answer textarea").press_sequentially(" green")
    saved(page)
    page.close()

    later = opened(tab(), server)
    assert boxes(later) == [BOX]
    expect(part(later, "draft")).to_contain_text("There is a draft on this correction")
    part(later, "draft-take").click()
    assert boxes(later) == [[80, 20, 120, 70]]
    expect(later.locator("#answer textarea")).to_have_value("blue green")
    saved(later)


def test_what_is_drawn_without_a_server_outlives_the_tab(server: Server, tab: Callable[[], Page]) -> None:
    page = opened(tab(), server)
    drag(page, LAYER, (80, 20), (120, 70))
    saved(page)
    assert copies(page) == 0
    server.lost = True
    drag(page, LAYER, (5, 90), (50, 110))
    later_on(page)
    expect(part(page, "draft-note")).to_contain_text(LOST)
    page.close()
    server.lost = False
    assert server.kept() == [BOX, [80, 20, 120, 70]]

    later = tab()
    waiting = part(later, "kept-waiting")
    expect(waiting).to_contain_text("The server did not get 3 regions and an answer on “What is <b>here</b>?")
    opened(later, server)
    expect(waiting).to_have_count(0)
    # The copy was made from the server's draft: only the newer of the two is offered.
    expect(part(later, "kept-take")).to_be_visible()
    expect(part(later, "draft-take")).to_have_count(0)
    part(later, "kept-take").click()
    drawn = [BOX, [80, 20, 120, 70], [5, 90, 50, 110]]
    assert boxes(later) == drawn
    saved(later)
    assert (server.kept(), copies(later)) == (drawn, 0)
    later.keyboard.press("Control+z")
    assert boxes(later) == [BOX]


def test_the_last_edit_before_something_else_is_shown_is_kept_for_what_it_was_made_on(
    server: Server, tab: Callable[[], Page]
) -> None:
    store = server.studio.store
    first = store.corrections.get(server.correction_id)
    other = corrected(
        store,
        picture_id=first.picture_id,
        question="And there?",
        answer_shown="red",
        regions=first.regions,
        corrected_answer="blue",
    )
    page = opened(tab(), server)
    following = correction_value(server.studio, Answers(), other)
    drag(page, LAYER, (80, 20), (120, 70))
    page.evaluate("(value) => setProp('value', value)", following)
    page.wait_for_function(f"{COPIES}.length === 0")
    assert server.kept() == [BOX, [80, 20, 120, 70]]
    assert store.drafts.get(other.item_id, nameless(server.browser), revises=other.id).content is None


def test_what_is_drawn_is_sent_when_the_server_is_back(server: Server, tab: Callable[[], Page]) -> None:
    page = opened(tab(), server)
    server.lost = True
    drag(page, LAYER, (80, 20), (120, 70))
    later_on(page)
    expect(part(page, "draft-note")).to_contain_text(LOST)
    server.lost = False
    later_on(page)
    saved(page)
    assert server.kept() == boxes(page)


def test_a_copy_and_a_draft_that_went_on_without_it_are_both_offered(
    server: Server, tab: Callable[[], Page]
) -> None:
    lost = opened(tab(), server)
    server.lost = True
    drag(lost, LAYER, (80, 20), (120, 70))
    later_on(lost)
    expect(part(lost, "draft-note")).to_contain_text(LOST)
    lost.close()
    server.lost = False
    page = opened(tab(), server)
    expect(part(page, "kept-take")).to_be_visible()
    part(page, "remove-0").click()
    drag(page, LAYER, (5, 90), (50, 110))
    saved(page)
    page.close()

    later = opened(tab(), server)
    expect(part(later, "kept-take")).to_be_visible()
    part(later, "draft-take").click()
    assert boxes(later) == [[5, 90, 50, 110]]
    part(later, "kept-take").click()
    assert boxes(later) == [BOX, [80, 20, 120, 70]]
    later.keyboard.press("Control+z")
    assert boxes(later) == [[5, 90, 50, 110]]
    saved(later)


def test_a_copy_is_dropped_only_when_asked(server: Server, tab: Callable[[], Page]) -> None:
    page = opened(tab(), server)
    server.lost = True
    drag(page, LAYER, (80, 20), (120, 70))
    page.close()
    server.lost = False
    for _ in range(2):
        later = opened(tab(), server)
        expect(part(later, "kept-take")).to_be_visible()
        later.close()
    last = opened(tab(), server)
    part(last, "kept-drop").click()
    assert (boxes(last), copies(last)) == ([BOX], 0)
    expect(part(tab(), "kept-waiting")).to_have_count(0)


def test_an_edit_is_kept_by_the_browser_before_anything_is_sent(
    server: Server, tab: Callable[[], Page]
) -> None:
    page = opened(tab(), server)
    server.lost = True
    drag(page, LAYER, (80, 20), (120, 70))
    assert copies(page) == 1
    kept = json.loads(page.evaluate(f"{COPIES}[0]"))
    assert kept["regions"][1]["box_xyxy"] == [80, 20, 120, 70]
    assert (kept["author"], kept["version"], kept["answer"]) == ("Ada", 0, "blue")


def test_a_browser_without_storage_says_so(server: Server, tab: Callable[[], Page]) -> None:
    page = tab()
    page.evaluate("void (Storage.prototype.setItem = () => { throw new DOMException('full') })")
    opened(page, server)
    server.lost = True
    drag(page, LAYER, (80, 20), (120, 70))
    later_on(page)
    expect(part(page, "draft-note")).to_contain_text("no room to keep what you draw")
