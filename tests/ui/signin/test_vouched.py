"""Whom a proxy vouches for, and when it is not believed."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import HTTPConnection

from sayo_app.access.roles import Person, Role
from sayo_app.ui.signin.people import People
from storage.store import Store


def request(peer: str = "10.0.0.7", headers: list[tuple[str, bytes]] | None = None, **more: Any) -> Any:
    raw = [(name.encode(), value) for name, value in headers or []]
    return HTTPConnection({"type": "http", "headers": raw, "client": (peer, 1), "path": "/", **more})


@pytest.fixture
def proxied(work_store: Store) -> People:
    options = {"sign_in": "header", "trusted_proxies": "10.0.0.0/24, ::1", "owners": "olga"}
    return People(work_store.settings.replace(**options), work_store)


USER = "x-forwarded-user"


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("10.0.1.7", [(USER, b"ada")]),
        ("127.0.0.1", [(USER, b"ada")]),
        ("testclient", [(USER, b"ada")]),
        ("10.0.0.7", []),
        ("10.0.0.7", [(USER, b" ")]),
        ("10.0.0.7", [(USER, b"ada"), (USER, b"olga")]),
        ("10.0.0.7", [("x-user", b"ada")]),
        ("10.0.0.7", [(USER, b"x" * 600)]),
        # What a client says of itself is not where it speaks from.
        ("203.0.113.5", [(USER, b"ada"), ("x-forwarded-for", b"10.0.0.7")]),
    ],
)
def test_nobody_is_named(proxied: People, peer: str, headers: list[tuple[str, bytes]]) -> None:
    assert proxied.person(request(peer, headers)) == Person(None)


def test_the_proxy_names_somebody(proxied: People, work_store: Store) -> None:
    ada = proxied.person(request(headers=[(USER, "ädä".encode())]))
    assert (ada.name, ada.role, ada.signed_in) == ("ädä", Role.VISITOR, True)
    assert proxied.person(request("::ffff:10.0.0.9", [(USER, "ädä".encode())])) == ada
    assert proxied.person(request("::1", [(USER, b"Olga")])).role == Role.OWNER
    work_store.accounts.set_role("ädä", Role.TRAINER)
    assert proxied.person(request(headers=[(USER, "ädä".encode())])).role == Role.TRAINER
