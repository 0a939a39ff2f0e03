"""Signing in at an OpenID Connect provider: the whole way there and back, and what is not believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey

from sayo_app.access.roles import Role
from sayo_app.errors import SettingsError
from sayo_app.settings import Settings
from sayo_app.ui.signin.wiring import SignIn
from storage.store import Store
from tests.ui.signin.conftest import Serve, Served, Visitor
from tests.ui.signin.provider import CLIENT_ID, CLIENT_SECRET, Provider, provider

Visit = Callable[..., Visitor]
_KEY = RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture
def there(running: Provider) -> Provider:
    """As it is before a test changes what it says."""
    running.claims, running.algorithm = {}, "RS256"
    running.key = running.published = _KEY
    return running


@pytest.fixture(scope="module")
def served(serve: Serve, running: Provider) -> Served:
    running.published = _KEY
    return serve(**_options(running))


def _options(there: Provider) -> dict[str, str]:
    return {
        "sign_in": "oidc",
        "oidc_issuer": there.url,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "owners": "ada@example.org",
    }


def people(served: Served) -> dict[str, Role]:
    return {it.subject.split(" at ")[0]: it.role for it in served.store.accounts.all()}


def to_the_provider(visitor: Visitor) -> str:
    """The address that the provider sends the browser back to."""
    start = visitor.get("/sign-in/start")
    assert start.status_code == 302
    return httpx.get(start.headers["location"]).headers["location"]


def come_back(visitor: Visitor) -> httpx.Response:
    return visitor.get(to_the_provider(visitor))


def test_the_whole_way(served: Served, there: Provider, visit: Visit) -> None:
    visitor = visit(served)
    assert visitor.get("/").headers["location"] == "sign-in"
    page = visitor.get("/sign-in").text
    assert 'href="sign-in/start"' in page and "127.0.0.1" in page
    entered = come_back(visitor)
    assert (entered.status_code, entered.headers["location"]) == (303, "../")
    assert visitor.get("/config").status_code == 200
    assert "<b>Ada</b>, visitor" in visitor.call("on_load")[1]["output"]["data"][0]
    [account] = [it for it in served.store.accounts.all() if it.name == "Ada"]
    assert (account.source, account.role) == ("oidc", Role.VISITOR)
    assert account.subject == f"1234 at {there.url}"
    assert visitor.post("/sign-out").status_code == 303
    assert visitor.get("/config").status_code == 401
    # The same person later, in another browser, and with a role by then.
    served.store.accounts.set_role("Ada", Role.REVIEWER)
    other = visit(served)
    come_back(other)
    assert "<b>Ada</b>, reviewer" in other.call("on_load")[1]["output"]["data"][0]
    assert [it.name for it in served.store.accounts.all()].count("Ada (2)") == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another client"},
        {"aud": "another client", "azp": CLIENT_ID},
        {"aud": None},
        {"iss": "https://elsewhere.example.org"},
        {"nonce": "of another browser"},
        {"nonce": None},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"iat": int(time.time()) + 3600},
        {"sub": None},
        {"sub": "x" * 600},
    ],
    # Names that say no time: the same test is called the same in every process.
    ids=[
        "audience",
        "party",
        "no audience",
        "issuer",
        "nonce",
        "no nonce",
        "expired",
        "no expiry",
        "later",
        "no subject",
        "long subject",
    ],
)
def test_a_token_that_is_not_for_us_here_and_now(
    served: Served, there: Provider, visit: Visit, claims: dict[str, Any]
) -> None:
    there.claims = {"sub": "refused"} | claims
    visitor = visit(served)
    refused = come_back(visitor)
    assert (refused.status_code, "did not work" in refused.text) == (403, True)
    assert visitor.get("/config").status_code == 401
    assert "refused" not in people(served)


# The library only warns of `none`, and would take it; warnings are errors here and not where it is served.
@pytest.mark.filterwarnings("ignore:JWS algorithm")
@pytest.mark.parametrize("kind", ["none", "public key", "public secret", "another key"])
def test_a_token_that_the_provider_did_not_sign(
    serve: Serve, served: Served, there: Provider, visit: Visit, kind: str
) -> None:
    """The provider offers `none` and HS256, too, by which anybody can make a token."""
    if kind == "another key":
        there.key = RSAKey.generate_key(2048, {"kid": "one"})
    else:
        there.algorithm = "none" if kind == "none" else "HS256"
    if kind == "public secret":
        there.published = OctKey.generate_key(256, {"kid": "one"})
        served = serve(**_options(there))  # keys are asked for once
    visitor = visit(served)
    assert come_back(visitor).status_code == 403
    assert visitor.get("/config").status_code == 401


def test_a_way_back_that_this_browser_did_not_begin(served: Served, there: Provider, visit: Visit) -> None:
    """Or a stranger could have somebody sign in as the stranger."""
    strangers, own = visit(served), visit(served)
    address = to_the_provider(strangers)
    assert own.get(address).status_code == 403
    to_the_provider(own)
    assert own.get(address).status_code == 403
    assert own.get("/sign-in/callback").status_code == 403
    assert own.get("/sign-in/callback?error=access_denied").status_code == 403
    assert own.get("/config").status_code == 401
    # Nor is a way taken twice.
    assert strangers.get(address).status_code == 303
    assert strangers.get(address).status_code == 403


def test_only_a_verified_address_makes_an_owner(served: Served, there: Provider, visit: Visit) -> None:
    there.claims = {"sub": "1", "email": "ada@example.org", "email_verified": False}
    come_back(visit(served))
    there.claims = {"sub": "2", "email": "ada@example.org", "preferred_username": "ada@example.org"}
    come_back(visit(served))
    found = people(served)
    assert (found["1"], found["2"]) == (Role.VISITOR, Role.VISITOR)
    there.claims = {"sub": "3", "email": "Ada@example.org", "email_verified": True}
    come_back(visit(served))
    assert people(served)["3"] == Role.OWNER


def test_a_provider_that_is_not_there(serve: Serve, visit: Visit) -> None:
    served = serve(
        sign_in="oidc", oidc_issuer="http://127.0.0.1:9", oidc_client_id="a", oidc_client_secret="b"
    )
    assert visit(served).get("/sign-in/start").status_code == 502


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"oidc_issuer": "https://provider.example.org", "oidc_client_id": "sayo"},
        {
            "oidc_issuer": "http://provider.example.org",
            "oidc_client_id": "sayo",
            "oidc_client_secret": "secret",
        },
    ],
)
def test_what_is_missing_is_told_at_the_start(work_store: Store, options: dict[str, str]) -> None:
    settings = Settings(data_dir=work_store.settings.data_dir, sign_in="oidc", **options)
    with pytest.raises(SettingsError, match="SAYO_OIDC_ISSUER"):
        SignIn(settings, work_store).middleware()
