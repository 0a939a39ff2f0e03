"""What the settings say about signing in."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from sayo_app.access.roles import Role
from sayo_app.errors import SettingsError
from sayo_app.settings import Settings
from sayo_app.ui.signin.people import People
from sayo_app.ui.signin.wiring import SignIn, warn_if_open
from storage.store import Store


@pytest.mark.parametrize(
    ("options", "role"),
    [
        ({}, Role.OWNER),
        ({"sign_in": "local"}, None),
        ({"sign_in": "local", "guest_role": "visitor"}, Role.VISITOR),
        ({"guest_role": "annotator"}, Role.ANNOTATOR),
        ({"guest_role": "none"}, None),
    ],
)
def test_what_guests_may_do(work_store: Store, options: dict[str, str], role: Role | None) -> None:
    people = People(Settings(**options), work_store)
    assert people.person(None).role == role


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ({"host": "127.0.0.1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "::1"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "sayo.example.org"}, True),
        ({"host": "0.0.0.0", "guest_role": "visitor"}, False),
        ({"host": "0.0.0.0", "public_demo": True}, False),
    ],
)
def test_strangers_who_may_be_owners_are_warned_of(
    options: dict[str, Any], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_if_open(Settings(**options))
    assert ("is an owner" in caplog.text) is warned


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sign_in": "header"}, "SAYO_TRUSTED_PROXIES"),
        ({"sign_in": "header", "trusted_proxies": "10.0.0.300"}, "SAYO_TRUSTED_PROXIES"),
    ],
)
def test_what_cannot_be_believed_is_refused_at_the_start(
    work_store: Store, options: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        SignIn(Settings(**options), work_store).middleware()
