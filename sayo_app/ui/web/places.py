"""Which hosts and proxies a server answers to: what the settings say, and nothing that a request says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from sayo_app.settings import Settings
from sayo_app.ui.shared.peers import Network, trusted_networks, within

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ALL = ("0.0.0.0", "::")
# A Space is shown within the hub's page, and within no other Space.
_HUB = ("https://huggingface.co",)


@dataclass(frozen=True)
class Places:
    """Where the page is, seen from outside.

    Attributes:
        hosts: names that it answers to, without ports; None is any.
        public: (scheme, host with port) of the page behind a proxy; None where there is none.
        proxies: whose X-Forwarded headers are believed; None is everybody's, as on a Space.
        ancestors: pages that may show this one in a frame.
    """

    hosts: frozenset[str] | None
    public: tuple[str, str] | None
    proxies: tuple[Network, ...] | None
    ancestors: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> Places:
        """Raises SettingsError for proxies that are no addresses."""
        on_a_space = "SPACE_ID" in os.environ
        public = urlsplit(settings.public_url) if settings.public_url else None
        named = {name.strip().lower() for name in settings.allowed_hosts.split(",") if name.strip()}
        if named or public or settings.host not in _ALL:
            named |= {*_LOOPBACK, settings.host, *([public.hostname or ""] if public else [])}
        return cls(
            hosts=frozenset(named) if named and not on_a_space else None,
            public=(public.scheme, public.netloc) if public else None,
            proxies=None if on_a_space else trusted_networks(settings),
            ancestors=_HUB if on_a_space else (),
        )

    def is_host(self, host: str) -> bool:
        """Args: host: as the header has it, with or without a port."""
        return self.hosts is None or hostname(host) in self.hosts

    def is_own(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is this page, which was asked for by that host."""
        there = urlsplit(origin)
        return there.scheme in ("http", "https") and (
            there.netloc == host or (there.scheme, there.netloc) == self.public
        )

    def is_proxy(self, address: str | None) -> bool:
        return self.proxies is None or within(address, self.proxies)


def hostname(host: str) -> str:
    """`[::1]:7860` -> `::1`."""
    return (urlsplit(f"//{host}").hostname or "").lower()
