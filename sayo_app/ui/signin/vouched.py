"""People whom a trusted proxy vouches for at every request."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

from sayo_app.errors import SettingsError
from sayo_app.settings import Settings
from sayo_app.ui.shared.peers import peer_of

Network = IPv4Network | IPv6Network


def trusted_networks(settings: Settings) -> tuple[Network, ...]:
    """From where the header is believed.

    Raises:
        SettingsError: none is named, or one is no address.
    """
    named = [it.strip() for it in settings.trusted_proxies.split(",") if it.strip()]
    try:
        networks = tuple(ip_network(it, strict=False) for it in named)
    except ValueError as error:
        raise _no_proxy(str(error)) from error
    if not networks:
        raise _no_proxy("none")
    return networks


def by_header(connection: HTTPConnection, name: str, trusted: tuple[Network, ...]) -> str | None:
    """Whom the proxy names; None where it names nobody, or two, or somebody else than it speaks."""
    values = [it.strip() for it in connection.headers.getlist(name)]
    if len(values) != 1 or not values[0] or not _within(peer_of(connection), trusted):
        return None
    # Headers are read as Latin-1; names are UTF-8.
    return values[0].encode("latin-1").decode("utf-8", "replace")


def _within(peer: str, trusted: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in trusted)


def _no_proxy(got: str) -> SettingsError:
    return SettingsError(
        expected="addresses or networks of proxies (SAYO_TRUSTED_PROXIES), as sign_in is header",
        got=got,
        remedy="Name those that set the header and take it away from what comes in, such as 127.0.0.1.",
    )
