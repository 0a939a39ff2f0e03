"""Several people of different roles in browsers of their own."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from sayo_app.access.roles import Role
from tests.ui.driving import SCREENSHOTS, drag
from tests.ui.signin.conftest import PASSWORD, Serve, Served
from tests.ui.worklist.working import CARDS, LAYER, TITLE, choose, correct, field, picture

OpenPage = Callable[..., Page]
PEOPLE = {
    "Vera": Role.VISITOR,
    "Ada": Role.ANNOTATOR,
    "Rob": Role.REVIEWER,
    "Tim": Role.TRAINER,
    "Olga": Role.OWNER,
}


@pytest.fixture(scope="module")
def served(serve: Serve) -> Served:
    served = serve(sign_in="local")
    for name, role in PEOPLE.items():
        served.store.accounts.add_local(name, PASSWORD, role)
    return served


def entered(open_page: OpenPage, served: Served, name: str, **options: int) -> Page:
    """The page, in a browser where that person has just signed in."""
    page = open_page(f"{served.url}/", **options)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#account")).to_contain_text(f"{name}, {PEOPLE[name].word}")
    return page


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def shot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def corrections(page: Page) -> None:
    tab(page, "Corrections")
    page.locator("#corrections-gallery :is(.sc-card, .sc-empty)").first.wait_for()


def card(page: Page, question: str) -> Locator:
    return page.locator(CARDS).filter(has_text=question)


def seen(page: Page, *names: str) -> list[str]:
    return [name for name in names if page.locator(f"#{name}").is_visible()]


def test_one_corrects_and_another_accepts(served: Served, open_page: OpenPage) -> None:
    store = served.store
    store.items.add(picture_id=store.pictures.add(picture(1)).id, question="Which pet?")
    ada = entered(open_page, served, "Ada")
    corrections(ada)
    card(ada, "Which pet?").click()
    expect(ada.locator(TITLE)).to_contain_text("To correct")
    drag(ada, LAYER, (40, 40), (160, 160))
    field(ada, "corrections-answer").fill("cat")
    ada.locator("#corrections-submit").click()
    expect(ada.locator(TITLE)).to_contain_text("by Ada · to review")
    # She may change it, and not accept it: by no button, no key and no call.
    expect(ada.locator("#corrections-save")).to_be_visible()
    judging = ("corrections-accept", "corrections-reject", "corrections-comment")
    assert seen(ada, *judging, "corrections-delete", "corrections-restore") == []
    shot(ada, "role_annotator")
    # Nor is she told of what is nobody's but an owner's.
    expect(ada.locator(".toast-body")).to_have_count(1)
    ada.locator(TITLE).click()
    ada.keyboard.press("y")
    expect(ada.locator(".toast-body").last).to_contain_text("Ada, with the role annotator")
    [record] = store.corrections.all()
    assert (record.state, record.author) == ("submitted", "Ada")

    rob = entered(open_page, served, "Rob")
    corrections(rob)
    card(rob, "Which pet?").click()
    expect(rob.locator(TITLE)).to_contain_text("by Ada · to review")
    assert seen(rob, *judging) == [*judging]
    assert seen(rob, "corrections-delete") == []
    shot(rob, "role_reviewer")
    rob.locator("#corrections-accept").click()
    expect(rob.locator(CARDS).first).to_contain_text("accepted · Ada")
    [record] = store.corrections.all()
    assert (record.state, record.author) == ("accepted", "Rob")
    [last] = store.audit.newest(1)
    assert (last.who, last.action) == ("Rob", "corrections.judge")

    # And she is shown it.
    corrections(ada)
    ada.reload()
    corrections(ada)
    expect(card(ada, "Which pet?")).to_contain_text("accepted · Ada")


def test_a_visitor_is_offered_nothing_that_is_not_theirs(served: Served, open_page: OpenPage) -> None:
    number = correct(served.store, 2, "Ada", (40, 40, 160, 160))
    vera = entered(open_page, served, "Vera")
    assert seen(vera, "ask-button", "ask-upload") and seen(vera, "tour-open") == []
    expect(vera.get_by_role("tab", name="People")).to_have_count(0)
    shot(vera, "role_visitor_ask")
    tab(vera, "Correct")
    expect(vera.get_by_text("sign in with an account that has it")).to_be_visible()
    assert seen(vera, "correct-save", "correct-answer", "correct-author") == []
    shot(vera, "role_visitor_correct")
    corrections(vera)
    card(vera, "Question 2?").click()
    expect(vera.locator(TITLE)).to_contain_text(f"Correction {number}")
    offered = vera.locator("#corrections-detail button:visible[id]")
    assert sorted(offered.evaluate_all("(all) => all.map((it) => it.id)")) == [
        "corrections-ask",
        "corrections-close",
        "corrections-next",
        "corrections-previous",
    ]
    assert seen(vera, "import", "data-export", "corrections-answer", "corrections-reason") == []
    shot(vera, "role_visitor_corrections")
    tab(vera, "Retrain")
    expect(vera.locator("#retrain-run")).to_be_visible()
    assert seen(vera, "retrain-start", "retrain-generate", "retrain-cancel", "retrain-steps") == []
    shot(vera, "role_visitor_retrain")
    tab(vera, "Compare")
    expect(vera.locator("#compare-button")).to_be_visible()
    assert seen(vera, "compare-switch", "compare-back", "compare-switch-choice", "adapters") == []
    shot(vera, "role_visitor_compare")


def test_an_owner_gives_roles_and_reads_who_changed_what(served: Served, open_page: OpenPage) -> None:
    store = served.store
    olga = entered(open_page, served, "Olga")
    for number in range(60):
        store.audit.note("runs.note", f"run {number}", typed="<b>Somebody</b>")
    tab(olga, "People")
    accounts, changes = olga.locator("#people-accounts tr"), olga.locator("#audit-list tr")
    expect(accounts).to_have_count(len(PEOPLE) + 1)
    expect(changes).to_have_count(51)
    expect(changes.nth(1)).to_contain_text("<b>Somebody</b> (typed)")
    shot(olga, "role_owner_people")
    choose(olga, "people-who", "Vera")
    choose(olga, "people-role", "annotator")
    olga.locator("#people-give").click()
    expect(accounts.filter(has_text="Vera")).to_contain_text("annotator")
    expect(changes.nth(1)).to_contain_text("accounts.role")
    expect(changes.nth(1)).to_contain_text("role visitor")
    expect(changes.nth(1)).to_contain_text("role annotator")
    assert {it.name: it.role for it in store.accounts.all()}["Vera"] == Role.ANNOTATOR
    # She cannot lock everybody out.
    choose(olga, "people-who", "Olga")
    choose(olga, "people-role", "visitor")
    olga.locator("#people-give").click()
    expect(olga.locator(".toast-body").last).to_contain_text("the only one")
    store.accounts.set_role("Vera", Role.VISITOR)

    first = changes.nth(1).inner_text()
    olga.locator("#audit-older").click()
    expect(changes.nth(1)).not_to_have_text(first)
    expect(olga.locator("#audit-older")).to_be_hidden()
    olga.locator("#audit-newer").click()
    expect(olga.locator("#audit-older")).to_be_visible()
    field(olga, "audit-who").fill("olga")
    field(olga, "audit-what").fill("accounts.role")
    field(olga, "audit-what").press("Enter")
    expect(changes).to_have_count(2)
    text = exported(olga)
    [change] = csv.DictReader(text.splitlines())
    assert (change["who"], change["action"], change["after"]) == (
        "Olga",
        "accounts.role",
        '{"role": "annotator"}',
    )
    choose(olga, "audit-format", "JSON lines")
    assert json.loads(exported(olga))["before"] == {"role": "visitor"}
    # That it was taken away is told, too.
    assert [it.action for it in store.audit.newest(2)] == ["audit.read"] * 2


def exported(page: Page) -> str:
    with page.expect_download() as download:
        page.locator("#audit-export").click()
    return Path(download.value.path()).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["Vera", "Ada", "Rob", "Tim"])
def test_only_owners_are_told_who_changed_what(served: Served, visit: Callable[..., Any], name: str) -> None:
    """The tab is not shown to others, and what is behind it tells them nothing."""
    visitor = visit(served)
    visitor.sign_in(name)
    for function, data in (
        ("on_audit_1", ["", "", None]),
        ("on_audit_export", ["", "", "csv"]),
        ("on_people_1", ["", None, None]),
        ("on_give", [None, "owner", 0]),
    ):
        said, event = visitor.call(function, *data)
        assert "role owner" in said[0] and "Olga" not in json.dumps(event)
    assert {it.name: it.role for it in served.store.accounts.all()} == PEOPLE
