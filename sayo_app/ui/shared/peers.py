"""Who speaks to this server itself: a proxy's word on whom it speaks for changes the client, not this."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Scope

_KEY = "sayo.peer"


def with_peer(scope: Scope) -> Scope:
    """Before anybody's word is taken."""
    client = scope.get("client")
    return {**scope, _KEY: client[0] if client else ""}


def peer_of(connection: HTTPConnection) -> str:
    """Its address; empty where there is none."""
    client = "" if connection.client is None else connection.client.host
    return str(connection.scope.get(_KEY, client))
