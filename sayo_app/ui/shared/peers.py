"""Who speaks to this server itself, and which of them are proxies whose word is taken.

A proxy's word on whom it speaks for changes the client, not the peer.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection
from starlette.types import Scope

from sayo_app.errors import SettingsError
from sayo_app.settings import Settings

Network = IPv4Network | IPv6Network

_KEY = "sayo.peer"


def with_peer(scope: Scope) -> Scope:
    """Before anybody's word is taken."""
    client = scope.get("client")
    return {**scope, _KEY: client[0] if client else ""}


def peer_of(connection: HTTPConnection) -> str:
    """Its address; empty where there is none."""
    client = "" if connection.client is None else connection.client.host
    return str(connection.scope.get(_KEY, client))


def trusted_networks(settings: Settings) -> tuple[Network, ...]:
    """Of the proxies that are named; none where none is.

    Raises:
        SettingsError: one is no address.
    """
    return tuple(_network(it.strip()) for it in settings.trusted_proxies.split(",") if it.strip())


def within(address: str | None, networks: Iterable[Network]) -> bool:
    """An IPv4 address that is written as an IPv6 one is that IPv4 address; what is no address is nowhere."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise SettingsError(
            expected="trusted_proxies (SAYO_TRUSTED_PROXIES) to be addresses, with commas between",
            got=repr(text),
            remedy="Name the proxy as 10.0.0.1 or 10.0.0.0/8, or leave it out.",
        ) from error
