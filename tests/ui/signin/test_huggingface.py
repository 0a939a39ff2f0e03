"""Signing in with Hugging Face on a Space: the whole way, with a stand-in for its provider."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.testclient import TestClient

from sayo_app.access.roles import Role
from sayo_app.errors import SettingsError
from sayo_app.settings import Settings
from sayo_app.ui import serving
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.signin.wiring import SignIn
from sayo_app.ui.web import places
from sayo_app.ui.web.places import Places
from sayo_app.ui.web.shield import Shield
from storage.store import Store
from tests.ui.signin.conftest import Serve, Served, Visitor
from tests.ui.signin.provider import CLIENT_ID, CLIENT_SECRET, Provider, listening, provider

Visit = Callable[..., Visitor]
HOST = "me-sayo.hf.space"


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture
def there(running: Provider) -> Provider:
    running.claims = {}
    return running


def space(url: str) -> dict[str, str]:
    """The environment of a Space with `hf_oauth: true`."""
    return {
        "SPACE_ID": "me/sayo",
        "SPACE_HOST": HOST,
        "SPACE_AUTHOR_NAME": "me",
        "OPENID_PROVIDER_URL": url,
        "OAUTH_CLIENT_ID": CLIENT_ID,
        "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
        "OAUTH_SCOPES": "openid profile",
    }


@pytest.fixture(scope="module")
def served(serve: Serve, running: Provider) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in space(running.url).items():
            patch.setenv(name, value)
        yield serve(sign_in="huggingface", owners="friend, 77")


@pytest.fixture
def visitors(served: Served, visit: Visit) -> Callable[[], Visitor]:
    """One that keeps the cookies: they are for HTTPS, which the Space's own proxy speaks."""

    def opened() -> Visitor:
        visitor = visit(served)

        def kept(_: httpx.Response) -> None:
            for cookie in visitor.cookies.jar:
                cookie.secure = False

        visitor.event_hooks["response"].append(kept)
        return visitor

    return opened


def come_back(visitor: Visitor) -> httpx.Response:
    """To Hugging Face, and by the address that it sends the browser to, which is the Space's."""
    start = visitor.get("/sign-in/start")
    asked = parse_qs(urlsplit(start.headers["location"]).query)
    assert asked["redirect_uri"] == [f"https://{HOST}/sign-in/callback"]
    assert asked["scope"] == ["openid profile"] and asked["code_challenge_method"] == ["S256"]
    back = urlsplit(httpx.get(start.headers["location"]).headers["location"])
    assert (back.scheme, back.netloc) == ("https", HOST)
    return visitor.get(f"{back.path}?{back.query}")


def roles(served: Served) -> dict[str, Role]:
    return {it.subject: it.role for it in served.store.accounts.all()}


def test_the_whole_way(served: Served, there: Provider, visitors: Callable[[], Visitor]) -> None:
    there.claims = {"sub": "1", "preferred_username": "ada", "name": "Ada Lovelace"}
    visitor = visitors()
    assert visitor.get("/").headers["location"] == "sign-in"
    page = visitor.get("/sign-in").text
    # In the hub's frame Hugging Face shows nothing: it has to be a tab of its own.
    assert 'target="_blank" rel="noopener">Sign in with Hugging Face<' in page
    entered = come_back(visitor)
    assert (entered.status_code, entered.headers["location"]) == (303, "../")
    cookie = entered.headers["set-cookie"].lower()
    assert all(it in cookie for it in ("samesite=none", "secure", "httponly"))
    assert "<b>ada</b>, visitor" in visitor.call("on_load")[1]["output"]["data"][0]
    [account] = [it for it in served.store.accounts.all() if it.name == "ada"]
    assert (account.source, account.subject) == ("huggingface", "1")
    # What is in the cookie opens nothing at Hugging Face.
    assert "access" not in visitor.cookies["sayo_session"]
    said, _ = visitor.call("on_generate_1", 3, None)
    assert "role trainer" in said[0] and served.store.corrections.all() == []
    assert visitor.post("/sign-out").status_code == 303
    assert visitor.get("/config").status_code == 401


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"sub": "10", "preferred_username": "me"}, Role.OWNER),
        ({"sub": "11", "preferred_username": "Friend"}, Role.OWNER),
        ({"sub": "77", "preferred_username": "somebody"}, Role.OWNER),
        # People choose their own name there.
        ({"sub": "12", "preferred_username": "eve", "name": "me"}, Role.VISITOR),
        ({"sub": "13", "preferred_username": "eve", "email": "friend"}, Role.VISITOR),
    ],
)
def test_owners_are_the_spaces_author_and_those_that_are_listed(
    served: Served,
    there: Provider,
    visitors: Callable[[], Visitor],
    claims: dict[str, Any],
    role: Role,
) -> None:
    there.claims = claims
    assert come_back(visitors()).status_code == 303
    assert roles(served)[claims["sub"]] == role


def test_a_token_of_another_client_is_nobodys(
    served: Served, there: Provider, visitors: Callable[[], Visitor]
) -> None:
    there.claims = {"sub": "20", "aud": "another Space"}
    assert come_back(visitors()).status_code == 403
    assert "20" not in roles(served)


@pytest.mark.parametrize("missing", ["SPACE_ID", "SPACE_HOST", "OAUTH_CLIENT_ID", "OPENID_PROVIDER_URL"])
def test_what_is_no_space_is_told_before_anything_is_laid_out(
    work_store: Store, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name, value in space("https://huggingface.co").items():
        monkeypatch.setenv(name, value)
    settings = Settings(data_dir=work_store.settings.data_dir, sign_in="huggingface", port=0)
    SignIn(settings, work_store).middleware()
    monkeypatch.delenv(missing)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")  # put back at the end
    begun: list[object] = []
    for step in ("build_page", "keep_queue", "put_up"):
        monkeypatch.setattr(serving, step, lambda *args, step=step: begun.append(step))
    studio = Studio(settings, work_store)
    monkeypatch.setattr(studio, "load_in_background", lambda: begun.append("load"))
    with pytest.raises(SettingsError, match="hf_oauth: true") as refused:
        serving.serve(studio)
    assert missing in str(refused.value) and begun == []


def test_an_unencrypted_provider_is_not_asked(work_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in space("http://huggingface.example").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=r"http://huggingface\.example"):
        SignIn(Settings(sign_in="huggingface"), work_store).middleware()


def test_the_hub_may_show_it_in_a_frame_and_no_page_of_elsewhere_may_use_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cookie goes with requests of other sites: those that change anything are refused by origin."""
    monkeypatch.setenv("SPACE_ID", "me/sayo")
    of_space = Places.of(Settings(host="0.0.0.0", sign_in="huggingface"))
    client = TestClient(Shield(PlainTextResponse("in"), of_space), base_url=f"https://{HOST}")
    policy = client.get("/").headers["content-security-policy"]
    assert "frame-ancestors 'self' https://huggingface.co" in policy and "*.hf.space" not in policy
    for origin, status in (
        (f"https://{HOST}", 200),
        ("https://huggingface.co", 403),
        ("https://evil.hf.space", 403),
        ("null", 403),
    ):
        assert client.post("/gradio_api/queue/join", headers={"origin": origin}).status_code == status


def test_within_the_hubs_page(
    serve: Serve, there: Provider, open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser: the page in a frame of another site; signing in leads to a tab, which keeps the cookie."""
    for name, value in space(there.url).items():
        monkeypatch.setenv(name, value)
    there.claims = {"sub": "30", "preferred_username": "grace"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    around = HTMLResponse(f'<iframe src="http://127.0.0.1:{port}/" width="900" height="700"></iframe>')
    with listening(lambda url: around) as hub:
        # To a browser localhost and 127.0.0.1 are two sites.
        hub = hub.replace("127.0.0.1", "localhost")
        monkeypatch.setattr(places, "_HUB", (hub,))
        serve(sign_in="huggingface", port=port, public_url=f"http://127.0.0.1:{port}/")
        page = open_page(hub)
        frame = page.frame_locator("iframe")
        with page.context.expect_page() as opened:
            frame.get_by_role("link", name="Sign in with Hugging Face").click()
        tab = opened.value
        expect(tab.locator("#account")).to_contain_text("grace, visitor")
