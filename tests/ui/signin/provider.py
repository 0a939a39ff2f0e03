"""A small OpenID Connect provider on loopback: everybody is signed in there, as whom the test says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

CLIENT_ID, CLIENT_SECRET = "sayo", "a secret of both"


class Provider:
    """What it says can be changed by the test.

    Attributes:
        url: its address and issuer.
        claims: over those that it would say of the person.
        key: that it signs with; `published` is the one that it shows.
        algorithm: of the signature; HS256 takes what is published of the key for a secret of both.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, Any] = {}
        self.key: RSAKey | OctKey = RSAKey.generate_key(2048, {"kid": "one"})
        self.published = self.key
        self.algorithm = "RS256"
        self._asked: dict[str, dict[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.metadata),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/jwks", self.jwks),
            ]
        )

    async def metadata(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }
        )

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT_ID and asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self._asked[code] = asked
        return RedirectResponse(
            f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
        )

    async def token(self, request: Request) -> Response:
        form = await request.form()
        asked = self._asked.pop(str(form["code"]), None)
        shown = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = _base64(digest)
        if (
            asked is None
            or request.headers.get("authorization") != f"Basic {shown}"
            or asked["redirect_uri"] != form["redirect_uri"]
            or asked["code_challenge"] != challenge
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        said = {"iss": self.url, "aud": CLIENT_ID, "sub": "1234", "iat": now, "exp": now + 60}
        claims = said | {"nonce": asked["nonce"], "name": "Ada"} | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self._signed(claims)})

    def _signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": "one"}
        if self.algorithm in ("none", "HS256"):
            signed = ".".join(map(_base64, (_json(header), _json(claims))))
            key = self.published
            secret = key.as_pem(private=False) if isinstance(key, RSAKey) else key.raw_value
            tag = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            return f"{signed}.{_base64(tag) if self.algorithm == 'HS256' else ''}"
        return str(jwt.encode(header, claims, self.key, algorithms=[self.algorithm]))

    async def jwks(self, request: Request) -> Response:
        key = self.published
        return JSONResponse({"keys": [key.as_dict(private=isinstance(key, OctKey))]})


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(claims: dict[str, Any]) -> bytes:
    return JSONResponse(claims).body


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def provider() -> Iterator[Provider]:
    made: list[Provider] = []

    def app(url: str) -> ASGIApp:
        made.append(Provider(url))
        return made[0].app

    with listening(app):
        yield made[0]


@contextmanager
def listening(make: Callable[[str], ASGIApp]) -> Iterator[str]:
    """The address of an application on loopback, which is told it as it is made."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{own.getsockname()[1]}"
        server = _Server(uvicorn.Config(make(url), log_level="warning", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([own],))
        thread.start()
        try:
            assert server.ready.wait(60)
            yield url
        finally:
            server.should_exit = True
            thread.join()
