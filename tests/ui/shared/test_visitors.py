"""Who a request counts as."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import HTTPConnection

from sayo_app.access.roles import Person, Role
from sayo_app.ui.shared.visitors import Visitor, visitor_of, with_person


def visitor(address: str | None, tab: str | None = None, person: Person | None = None) -> Visitor:
    scope: Any = {"type": "http", "headers": [], "client": None if address is None else (address, 1)}
    return visitor_of(HTTPConnection(scope if person is None else with_person(scope, person)), tab)


def test_an_account_is_one_visitor_in_all_its_tabs() -> None:
    ada = Person(Role.ANNOTATOR, "Ada", 7)
    assert visitor("10.0.0.1", "a", ada) == visitor("10.0.0.1", "b", ada)
    assert visitor("10.0.0.1", "a", ada).own == visitor("10.0.0.2", "a", ada).own
    assert visitor("10.0.0.1", "a", ada).own != visitor("10.0.0.1", "a", Person(Role.ANNOTATOR, "Bob", 8)).own


def test_a_guest_is_a_tab_at_an_address() -> None:
    guest = Person(Role.VISITOR)
    one = visitor("10.0.0.1", "a", guest)
    assert one == visitor("10.0.0.1", "a")
    assert one.own != visitor("10.0.0.1", "b").own and one.own != visitor("10.0.0.2", "a").own
    assert len(visitor("10.0.0.1", "a" * 1_000_000).own) < 100


@pytest.mark.parametrize(
    ("address", "known_as"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        (None, ""),
    ],
)
def test_an_address_is_what_somebody_cannot_choose(address: str | None, known_as: str) -> None:
    assert visitor(address).address == known_as
