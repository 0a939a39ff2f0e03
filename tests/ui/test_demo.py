"""The public demo: a visitor asks and tries, and nothing of it is kept."""

from __future__ import annotations

import hashlib
import inspect
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Page, expect

from sayo_app.access.current import acting
from sayo_app.access.roles import Person, Role
from sayo_app.core.geometry.region import Region
from sayo_app.core.held import hold_image
from sayo_app.errors import ModelLoadError, ReadOnlyStoreError, SettingsError
from sayo_app.jobs import control
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from sayo_app.ui.correct.sandbox import Attempt, Tried, tried_html
from sayo_app.ui.page import lay_out
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.doors import close_doors
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.signin.people import People
from sayo_app.ui.signin.wiring import SignIn
from storage.store import Store
from tests.storage.examples import corrected
from tests.ui.demo import noise
from tests.ui.driving import SCREENSHOTS, App, drag, make_trace
from tests.ui.laying_out import in_a_loop

BOX = {"box_xyxy": [40, 40, 160, 160], "kind": "box"}


def kept(data_dir: Path) -> dict[str, str]:
    """All rows of all tables, and all files but the database's own and temporary ones."""
    connection = sqlite3.connect(f"file:{data_dir / 'studio.db'}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        found = {name: repr(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in tables}
    finally:
        connection.close()
    for path in sorted(data_dir.rglob("*")):
        name = path.relative_to(data_dir)
        if path.is_file() and not name.name.startswith("studio.db") and name.parts[0] != "tmp":
            found[str(name)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture
def demo(studio: Studio) -> Studio:
    """With a correction, an item and an accepted answer in it; the model is not there."""
    store = studio.store
    picture_id = store.pictures.add(noise((320, 240), 1)).id
    store.items.add(picture_id=picture_id, question="What?")
    corrected(
        store,
        picture_id=picture_id,
        question="Where?",
        answer_shown="there",
        trace_id=store.traces.save(make_trace()),
        regions=[Region.box(40, 40, 160, 160)],
        corrected_answer="here",
        author="Ada",
    )
    studio.settings = studio.settings.replace(public_demo=True)
    studio._model.set_exception(ModelLoadError(expected="a model", got="none", remedy="None is needed here."))
    return studio


def walk(page: gr.Blocks, session: Session) -> dict[str, str]:
    """Calls every function of the page with what the page itself would send; {its name: what came of it}."""
    came: dict[str, str] = {}
    for number, function in page.fns.items():
        if function.fn is None:
            continue
        values = [_value(it, session) for it in function.inputs]
        names = [*inspect.signature(function.fn).parameters.values()]
        if any("EventData" in str(it.annotation) for it in names):
            values.append(_event(session))
        try:
            found = function.fn(*values)
            if isinstance(found, Iterator):
                list(found)
            came[f"{number} {function.api_name}"] = "ran"
        except Exception as error:  # whatever a forged call comes to, nothing is to be kept
            came[f"{number} {function.api_name}"] = repr(error)
    return came


def _value(component: Any, session: Session) -> Any:
    value = getattr(component, "value", None)
    if isinstance(value, Session):
        return session
    if component.elem_id == "correct-boxes" or (isinstance(component, gr.Textbox) and not component.visible):
        return _state(session.current)
    return "a text" if isinstance(component, gr.Textbox) else value


def _state(answer_id: str) -> str:
    return f'{{"id": "{answer_id}", "regions": [[{{"box_xyxy": [40, 40, 160, 160]}}]]}}'


def _event(session: Session) -> Any:
    box = Region.box(40, 40, 160, 160).to_dict()
    said = {
        "id": session.current,
        "op": "save",
        "revision": 1,
        "version": 0,
        "tab": "tab",
        "browser": "0" * 32,
        "content": {"regions": [box], "earlier": [], "answer": "here"},
        "regions": [box],
        "picture": 0,
        "view": "raw",
        "selection": {"kind": "answer", "index": 0},
    }
    return gr.EventData(None, said)


def looking_at_an_answer() -> Session:
    session = Session()
    picture = hold_image(session.shelf, noise((320, 240), 5))
    session.show(Answered("answer-1", (picture,), "A question of its own?", make_trace()))
    return session


def walked(studio: Studio, who: Person) -> dict[str, str]:
    page = in_a_loop(lambda: lay_out(studio))
    close_doors(page, lambda request: who)
    return walk(page, looking_at_an_answer())


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the page would show; outside of an event Gradio shows nothing."""
    messages: list[str] = []
    for name in ("Warning", "Info"):
        monkeypatch.setattr(gr, name, lambda message, **_: messages.append(message))
    return messages


def test_a_visitor_calls_every_function_and_nothing_is_kept(demo: Studio, said: list[str]) -> None:
    before = kept(demo.settings.data_dir)
    visitor = SignIn(demo.settings, demo.store).people.person(None)
    assert (visitor.role, visitor.sandboxed) == (Role.VISITOR, True)
    came = walked(demo, visitor)
    assert len(came) > 100
    assert kept(demo.settings.data_dir) == before
    # They did run: what was tried and drawn has been looked at, and what is a visitor's was not refused.
    ran = {name.split()[1] for name, it in came.items() if it == "ran"}
    assert {"on_try", "on_draft", "on_regions", "on_view", "on_list", "on_save"} <= ran
    assert not [it for it in said if "role visitor or a higher one" in it]


def test_the_same_walk_is_kept_of_a_visitor_of_no_demo(demo: Studio, said: list[str]) -> None:
    """Or the walk before it would show nothing."""
    demo.settings = demo.settings.replace(public_demo=False)
    before = kept(demo.settings.data_dir)
    walked(demo, Person(Role.VISITOR))
    after = kept(demo.settings.data_dir)
    assert {name for name in after if after[name] != before.get(name)} >= {"drafts", "pictures", "work_items"}


def test_the_store_takes_nothing_of_a_sandboxed_person(demo: Studio) -> None:
    """Whatever asks: a handler that forgets to look writes nothing either."""
    store = demo.store
    before = kept(demo.settings.data_dir)
    with acting(Person(Role.VISITOR, sandboxed=True)):
        for write in (
            lambda: store.pictures.add(noise((320, 240), 9)),
            lambda: store.traces.save(make_trace(seed=9)),
            lambda: store.drafts.save(1, content={}, version=0),
            lambda: store.corrections.delete(1),
            lambda: store.audit.note("runs.start", "run 1"),
        ):
            with pytest.raises(ReadOnlyStoreError, match="a visitor of a public demo"):
                write()
    assert kept(demo.settings.data_dir) == before
    assert store.pictures.add(noise((320, 240), 9)).id


def test_who_looks_at_runs_settles_them_where_that_is_kept(
    demo: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page looks once a second; the queue's keeper does, too."""
    settled: list[int] = []
    monkeypatch.setattr(control, "_settle", lambda store, run: settled.append(run.id))
    run = demo.store.runs.create(RunConfig(name="mine"))
    with acting(Person(Role.VISITOR, sandboxed=True)):
        control.reconcile(demo.store)
    assert settled == []
    control.reconcile(demo.store)
    assert settled == [run.id]


@pytest.mark.parametrize(
    ("options", "sandboxed"),
    [
        ({"public_demo": True}, True),
        ({"public_demo": True, "sign_in": "local"}, True),
        ({"guest_role": "visitor"}, False),
    ],
)
def test_strangers_come_in_as_visitors(work_store: Store, options: dict[str, Any], sandboxed: bool) -> None:
    guest = People(Settings(**options), work_store).person(None)
    assert (guest.role, guest.sandboxed) == (Role.VISITOR, sandboxed)


@pytest.mark.parametrize("name", ["guest_role", "first_role"])
def test_a_demo_whose_strangers_are_more_than_visitors_is_refused(work_store: Store, name: str) -> None:
    with pytest.raises(SettingsError, match=f"SAYO_{name.upper()}"):
        People(Settings(public_demo=True, sign_in="local", **{name: "annotator"}), work_store)


def test_what_was_tried_is_listed_with_what_it_is_worth() -> None:
    tried = Tried().attempts
    for number in range(12):
        tried.appendleft(Attempt(f"<i>{number}</i>?", (Region.box(0, 0, 9, 9),), None, -0.25))
    text = tried_html(tried)
    assert "Reward <b>−0.25</b>" in text and "not kept" in text
    assert re.findall(r"&lt;i&gt;(\d+)&lt;/i&gt;", text) == [str(it) for it in range(11, 1, -1)]
    tried.appendleft(Attempt("Which?", (), "cat", None))
    assert "right answer alone" in tried_html(tried) and "<td>cat</td>" in tried_html(tried)


@pytest.fixture
def app(data_dir: Path) -> Iterator[App]:
    running = App(data_dir, "--public-demo")
    yield running
    running.stop()


def shot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def test_a_newcomer_asks_and_tries_a_correction(
    app: App, open_page: Callable[..., Page], data_dir: Path, tmp_path: Path
) -> None:
    url = app.start()
    page = open_page(url)
    expect(page.get_by_test_id("demo")).to_contain_text("Nothing that you do is kept")
    expect(page.locator("#tour-open")).to_be_hidden()
    before = kept(data_dir)
    noise((320, 240), 3).save(tmp_path / "mine.png")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "mine.png")
    expect(page.locator("#ask-viewer [data-testid=layer]")).to_be_visible()
    page.locator("#ask-examples .sc-card").first.click()
    expect(page.locator("#ask-question textarea, #ask-question input")).not_to_have_value("")
    page.locator("#ask-button").click()
    expect(page.locator("#ask-viewer [data-testid=token-1]")).to_be_enabled()
    page.get_by_role("tab", name="Correct", exact=True).click()
    expect(page.locator("#correct-save")).to_be_hidden()
    drag(page, "#correct-viewer [data-testid=layer]", (20, 20), (120, 120))
    expect(page.locator("#correct-viewer")).to_contain_text("what you draw stays in this browser")
    page.locator("#correct-try").click()
    tried = page.locator("#correct-tried")
    expect(tried).to_contain_text(re.compile(r"Reward [−\d.]+, from −1 to 1"))
    expect(tried).to_contain_text("it is not kept")
    shot(page, "demo_tried")
    page.get_by_role("tab", name="Corrections", exact=True).click()
    expect(page.locator("#corrections-gallery")).to_contain_text("No corrections yet")
    page.get_by_role("tab", name="Ask", exact=True).click()
    shot(page, "demo_ask")
    assert kept(data_dir) == before
    assert [*data_dir.glob("tmp/sayo-uploads-*/**/mine.png")]
