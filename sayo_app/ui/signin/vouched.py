"""People whom a trusted proxy vouches for at every request."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from sayo_app.errors import SettingsError
from sayo_app.settings import Settings
from sayo_app.ui.shared.peers import Network, peer_of, trusted_networks, within


def vouching_networks(settings: Settings) -> tuple[Network, ...]:
    """From where the header is believed.

    Raises:
        SettingsError: none is named, or one is no address.
    """
    networks = trusted_networks(settings)
    if not networks:
        raise SettingsError(
            expected="addresses or networks of proxies (SAYO_TRUSTED_PROXIES), as sign_in is header",
            got="none",
            remedy="Name those that set the header and take it away from what comes in, such as 127.0.0.1.",
        )
    return networks


def by_header(connection: HTTPConnection, name: str, trusted: tuple[Network, ...]) -> str | None:
    """Whom the proxy names; None where it names nobody, or two, or somebody else than it speaks."""
    values = [it.strip() for it in connection.headers.getlist(name)]
    if len(values) != 1 or not values[0] or not within(peer_of(connection), trusted):
        return None
    # Headers are read as Latin-1; names are UTF-8.
    return values[0].encode("latin-1").decode("utf-8", "replace")
