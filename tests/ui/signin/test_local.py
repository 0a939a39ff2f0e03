"""Signing in with a password: the gate, the page, and what a role may then do, all by HTTP."""

from __future__ import annotations

import stat
from collections.abc import Callable

import pytest

from sayo_app.access.roles import Role
from tests.ui.signin.conftest import PASSWORD, Serve, Served, Visitor, token_of

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def served(serve: Serve) -> Served:
    served = serve(sign_in="local", owners="Olga, nobody")
    visitors = [(name, Role.VISITOR) for name in ("Ada", "Olga", "Cy", "Bob", "Eve")]
    for name, role in (*visitors, ("Tim", Role.TRAINER)):
        served.store.accounts.add_local(name, PASSWORD, role)
    return served


def test_nothing_is_reached_without_signing_in(served: Served, visit: Visit) -> None:
    visitor = visit(served)
    page = visitor.get("/")
    assert (page.status_code, page.headers["location"]) == (303, "sign-in")
    for method, path in (
        ("GET", "/config"),
        ("GET", "/gradio_api/info"),
        ("GET", f"/gradio_api/file={served.store.settings.data_dir}/studio.db"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/queue/data?session_hash=tab"),
        ("POST", "/gradio_api/run/on_select"),
        ("POST", "/gradio_api/component_server"),
        ("GET", "//sign-in/../config"),
        ("GET", "/sign-inx"),
        ("POST", "/"),
    ):
        assert visitor.request(method, path).status_code == 401, path


@pytest.mark.parametrize("path", ["/sign-in/nothing", "/sign-in%2f..%2fconfig", "/sign-out/x"])
def test_below_the_sign_in_page_is_nothing(served: Served, visit: Visit, path: str) -> None:
    assert visit(served).get(path).status_code == 404


def test_signing_in_and_out_again(served: Served, visit: Visit) -> None:
    visitor = visit(served)
    assert visitor.sign_in("Ada", "a wrong password").status_code == 403
    assert visitor.get("/").status_code == 303
    entered = visitor.sign_in("ada")
    assert (entered.status_code, entered.headers["location"]) == (303, "./")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie
    assert visitor.get("/").status_code == 200
    _, event = visitor.call("on_select")
    assert event["success"] and "choices" in event["output"]["data"][0]
    _, event = visitor.call("on_load")
    assert "<b>Ada</b>, visitor" in event["output"]["data"][0]
    assert visitor.post("/sign-out").status_code == 303
    assert visitor.get("/config").status_code == 401


def test_a_function_below_ones_role_is_refused_in_words(served: Served, visit: Visit) -> None:
    visitor = visit(served)
    visitor.sign_in("Ada")
    before = len(served.store.corrections.all())
    said, event = visitor.call("on_generate_1", 3, None)
    assert "role trainer" in said[0] and "Ada, with the role visitor" in said[0]
    assert event["success"] and len(served.store.corrections.all()) == before
    trainer = visit(served)
    trainer.sign_in("Tim")
    assert "added" in trainer.call("on_generate_1", 3, None)[0][0]
    assert len(served.store.corrections.all()) == before + 3
    assert {it.who for it in served.store.audit.newest(3)} == {"Tim"}


def test_another_role_holds_at_once(served: Served, visit: Visit) -> None:
    visitor = visit(served)
    visitor.sign_in("Cy")
    served.store.accounts.set_role("Cy", Role.TRAINER)
    assert "added" in visitor.call("on_generate_1", 1, None)[0][0]
    served.store.accounts.set_role("Cy", Role.VISITOR)
    assert "role trainer" in visitor.call("on_generate_1", 1, None)[0][0]


def test_another_password_ends_what_is_signed_in(served: Served, visit: Visit) -> None:
    visitor = visit(served)
    visitor.sign_in("Bob")
    assert visitor.get("/config").status_code == 200
    served.store.accounts.reset("Bob", PASSWORD + "!")
    assert visitor.get("/config").status_code == 401


def test_a_listed_owner_becomes_one(served: Served, visit: Visit) -> None:
    visit(served).sign_in("Olga")
    assert {it.name: it.role for it in served.store.accounts.all()}["Olga"] == Role.OWNER


def test_a_form_of_another_page_is_not_taken(served: Served, visit: Visit) -> None:
    """Or a stranger's page could sign somebody in as the stranger."""
    visitor, other = visit(served), visit(served)
    form = {"name": "Ada", "password": PASSWORD}
    for token in ("", "x", token_of(other.get("/sign-in"))):
        assert visitor.post("/sign-in", data=form | {"token": token}).status_code == 403
    assert visitor.get("/config").status_code == 401


def test_a_cookie_that_others_signed_is_nobodys(serve: Serve, served: Served, visit: Visit) -> None:
    visitor = visit(served)
    visitor.sign_in("Ada")
    cookie = visitor.cookies["sayo_session"]
    for forged in (cookie[:-3] + "abc", "e30=" + cookie[4:], ""):
        assert visit(served, cookies={"sayo_session": forged}).get("/config").status_code == 401
    assert visit(served, cookies={"sayo_session": cookie}).get("/config").status_code == 200


def test_guessing_is_slowed_down_for_whoever_guesses(served: Served, visit: Visit) -> None:
    visitor = visit(served)
    assert [visitor.sign_in("Eve", "wrong").status_code for _ in range(11)] == [403] * 10 + [429]
    assert visitor.sign_in("Eve").status_code == 429
    assert visitor.sign_in("Tim").status_code == 303


def test_names_are_shown_as_text(served: Served, visit: Visit) -> None:
    page = visit(served).sign_in('"><script>alert(1)</script>', "wrong")
    assert "<script>" not in page.text and "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_an_overlong_form_is_not_read(served: Served, visit: Visit) -> None:
    assert visit(served).post("/sign-in", data={"name": "x" * 30_000}).status_code == 413


def test_the_secret_is_kept_and_nobody_elses(served: Served) -> None:
    path = served.store.settings.data_dir / "session-secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text()) == 64


def test_guests_may_be_let_in(serve: Serve, visit: Visit) -> None:
    served = serve(sign_in="local", guest_role="visitor")
    visitor = visit(served)
    assert visitor.get("/").status_code == 200
    assert "Sign in" in visitor.call("on_load")[1]["output"]["data"][0]
    said, _ = visitor.call("on_generate_1", 3, None)
    assert "somebody who has not signed in, with the role visitor" in said[0]
    assert served.store.corrections.all() == []


def test_alone_nobody_is_asked(serve: Serve, visit: Visit) -> None:
    served = serve()
    visitor = visit(served)
    assert visitor.get("/").status_code == 200
    assert "added" in visitor.call("on_generate_1", 1, None)[0][0]
    assert visitor.get("/sign-in").status_code == 404
