"""Who a request counts as where something is shared out: the account or else a tab, and at which address."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from gradio.context import LocalContext
from starlette.requests import HTTPConnection
from starlette.types import Scope

from sayo_app.access.current import current
from sayo_app.access.roles import Person

_KEY = "sayo.person"
_ACCOUNT = "account "
# An IPv6 customer has a network of that size to choose addresses from.
_IPV6_PREFIX = 64


@dataclass(frozen=True)
class Visitor:
    """Two keys to count by.

    Attributes:
        own: of the account, and of the browser tab where nobody has signed in.
        address: which somebody cannot change as easily as a tab; many people may share one.
    """

    own: str
    address: str

    @property
    def lasting(self) -> str:
        """The account, or else the address: what somebody cannot change by opening another tab."""
        return self.own if self.own.startswith(_ACCOUNT) else self.address


def with_person(scope: Scope, person: Person) -> Scope:
    """For those behind the gate, which has looked the person up."""
    return {**scope, _KEY: person}


def visitor() -> str:
    """Whose a call of one of the page's functions is, as `lasting`; empty outside of a call."""
    person = current()
    if person.signed_in:
        return f"{_ACCOUNT}{person.account_id}"
    request = LocalContext.request.get(None)
    return "" if request is None or request.client is None else _address(request.client.host)


def visitor_of(connection: HTTPConnection, tab: str | None = None) -> Visitor:
    """Args: tab: what the page says its session is."""
    person: Person | None = connection.scope.get(_KEY)
    address = _address(connection.client.host if connection.client else "")
    if person is not None and person.signed_in:
        return Visitor(f"{_ACCOUNT}{person.account_id}", address)
    # It may be of any length.
    return Visitor(f"{address} {hashlib.sha256((tab or '').encode()).hexdigest()[:16]}", address)


def _address(text: str) -> str:
    try:
        found = ip_address(text)
    except ValueError:
        return text[:64]
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network((found, _IPV6_PREFIX), strict=False) if found.version == 6 else found)
