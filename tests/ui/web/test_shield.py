"""Pages and hosts of elsewhere: what is refused, what is believed, and what each answer says to a browser."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from sayo_app.errors import SettingsError
from sayo_app.settings import Settings
from sayo_app.ui.signin.pages import password_page
from sayo_app.ui.signin.vouched import by_header, vouching_networks
from sayo_app.ui.web.places import Places
from sayo_app.ui.web.shield import Shield

HERE = "http://localhost:7860"
PUBLIC = "https://sayo.example.org"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Says what reached it, and lets everybody in, as Gradio does."""
    request = Request(scope)
    headers = {"access-control-allow-origin": "*", "access-control-allow-credentials": "true"}
    said = {"headers": dict(request.headers), "client": request.client.host if request.client else None}
    await JSONResponse(said, headers=headers)(scope, receive, send)


def asking(base_url: str = HERE, client: str = "192.0.2.7", **options: Any) -> TestClient:
    places = Places.of(Settings(**options))
    return TestClient(Shield(echo, places), base_url=base_url, client=(client, 5))


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        (HERE, 200),
        ("http://evil.example", 403),
        ("http://localhost:7861", 403),
        ("null", 403),
        ("javascript://localhost:7860", 403),
    ],
)
def test_a_page_of_elsewhere_changes_nothing_and_reads_nothing(origin: str | None, status: int) -> None:
    headers = {} if origin is None else {"origin": origin}
    assert asking().post("/gradio_api/queue/join", headers=headers).status_code == status
    answer = asking().get("/config", headers=headers)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("options", "host", "status"),
    [
        ({}, "localhost:7860", 200),
        ({}, "127.0.0.1", 200),
        ({}, "[::1]:7860", 200),
        ({}, "evil.example", 421),
        ({"host": "10.0.0.5"}, "10.0.0.5:7860", 200),
        ({"host": "10.0.0.5"}, "evil.example", 421),
        ({"host": "0.0.0.0"}, "any.example", 200),
        ({"host": "0.0.0.0", "public_url": PUBLIC + "/"}, "sayo.example.org", 200),
        ({"host": "0.0.0.0", "public_url": PUBLIC + "/"}, "evil.example", 421),
        ({"host": "0.0.0.0", "allowed_hosts": "a.example, B.example"}, "b.example", 200),
        ({"host": "0.0.0.0", "allowed_hosts": "a.example, B.example"}, "evil.example", 421),
    ],
)
def test_only_configured_hosts_are_answered(options: dict[str, str], host: str, status: int) -> None:
    assert asking(**options).get("/", headers={"host": host}).status_code == status


def test_what_a_proxy_says_is_believed_of_those_that_are_named() -> None:
    said = {"x-forwarded-host": "evil.example", "x-forwarded-for": "203.0.113.9, 198.51.100.1"}
    stranger = asking(trusted_proxies="10.0.0.0/8, 192.0.2.1").get("/", headers=said).json()
    assert "x-forwarded-host" not in stranger["headers"] and stranger["client"] == "192.0.2.7"
    proxy = asking(client="10.1.2.3", trusted_proxies="10.0.0.0/8, 192.0.2.1").get("/", headers=said).json()
    assert proxy["headers"]["x-forwarded-host"] == "evil.example" and proxy["client"] == "198.51.100.1"
    with pytest.raises(SettingsError, match="'nginx'"):
        Places.of(Settings(trusted_proxies="nginx"))


@pytest.mark.parametrize(
    ("peer", "named"), [("10.1.2.3", "ada"), ("::ffff:10.1.2.3", "ada"), ("192.0.2.7", None)]
)
def test_who_signed_in_is_believed_of_the_proxy_itself(peer: str, named: str | None) -> None:
    """Whom it speaks for is another client by then, even one that calls itself a proxy."""
    settings = Settings(sign_in="header", trusted_proxies="10.0.0.0/8")
    found: list[str | None] = []

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(by_header(HTTPConnection(scope), "x-forwarded-user", vouching_networks(settings)))
        await JSONResponse({})(scope, receive, send)

    shield = Shield(page, Places.of(settings))
    for speaks_for in ("203.0.113.9", "10.9.9.9"):
        said = {"x-forwarded-user": "ada", "x-forwarded-for": speaks_for, "host": "127.0.0.1"}
        TestClient(shield, client=(peer, 1)).get("/", headers=said)
    assert found == [named, named]


def test_the_public_address_is_what_the_page_is_told() -> None:
    client = asking(base_url="http://sayo.example.org", public_url=f"{PUBLIC}/")
    said = {"x-forwarded-proto": "gopher", "origin": PUBLIC}
    headers = client.post("/", headers=said).json()["headers"]
    assert (headers["x-forwarded-proto"], headers["x-forwarded-host"]) == ("https", "sayo.example.org")


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=https://example.org/a.png",
        "/gradio_api/file=HTTP://example.org/a.png",
        "/gradio_api/file=%68ttps://example.org/a.png",
        "/gradio_api/file=/https:/example.org",
        "/sub/gradio_api/file=ftp://example.org/a",
        "/gradio_api/proxy=https://example.org/",
    ],
)
def test_nothing_is_fetched(path: str) -> None:
    assert asking().get(path).status_code == 403


def test_each_answer_says_what_a_browser_is_to_keep_to(monkeypatch: pytest.MonkeyPatch) -> None:
    page, file = asking().get("/"), asking().get("/gradio_api/file=/data/uploads/a.svg")
    for answer in (page, file, asking().get("/", headers={"host": "evil.example"})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy and policy.endswith("frame-ancestors 'self'")
    assert "sandbox" in file.headers["content-security-policy"]
    monkeypatch.setenv("SPACE_ID", "me/mine")
    policy = asking().get("/").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors 'self' https://huggingface.co")


def test_a_stricter_policy_of_an_answer_is_kept() -> None:
    """The sign-in page's; who may show it in a frame is the same for all."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await password_page("token")(scope, receive, send)

    answer = TestClient(Shield(page, Places.of(Settings())), base_url=HERE).get("/sign-in")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and policy.endswith("; frame-ancestors 'self'")
    assert "script-src" not in policy


def test_the_status_of_every_answer_is_heard() -> None:
    heard: list[int] = []
    client = TestClient(Shield(echo, Places.of(Settings()), heard.append), base_url=HERE)
    client.get("/")
    client.get("/", headers={"host": "evil.example"})
    assert heard == [200, 421]
