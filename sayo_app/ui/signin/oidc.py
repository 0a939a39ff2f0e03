"""Signing in with any OpenID Connect provider: the code flow with PKCE, by Authlib."""

from __future__ import annotations

import logging
from typing import Any

from authlib.integrations.starlette_client import OAuth
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sayo_app.errors import AccountError, SayoError
from sayo_app.ui.signin.gate import SIGN_IN
from sayo_app.ui.signin.pages import elsewhere_page
from sayo_app.ui.signin.people import People
from sayo_app.ui.signin.providers import Provider

log = logging.getLogger(__name__)
_START, _CALLBACK = f"{SIGN_IN}/start", f"{SIGN_IN}/callback"
_NAMES = ("preferred_username", "name", "email", "sub")
# Signed with a key that only the provider has.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_FAILED = "Signing in did not work. Try again; if it keeps failing, ask whoever runs this server."


class OidcSignIn:
    """The way to the provider and back."""

    def __init__(self, provider: Provider, people: People) -> None:
        self._people = people
        self._provider = provider
        self._claims = {
            "iss": {"essential": True, "value": provider.issuer},
            # Authlib by itself takes a token for somebody else, if it was asked for by this client.
            "aud": {"essential": True, "value": provider.client_id},
        }
        self._client: Any = OAuth().register(
            "sayo",
            client_id=provider.client_id,
            client_secret=provider.client_secret,
            server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": provider.scope, "code_challenge_method": "S256"},
        )

    def routes(self) -> list[Route]:
        return [
            Route(SIGN_IN, self.ask, methods=["GET"]),
            Route(_START, self.start, methods=["GET"]),
            Route(_CALLBACK, self.come_back, methods=["GET"]),
        ]

    async def ask(self, request: Request) -> Response:
        return self._page("sign-in/start")

    async def start(self, request: Request) -> Response:
        # Attempts that were given up would fill the cookie.
        request.session.clear()
        base = self._provider.public_url or str(request.base_url)
        try:
            redirect: Response = await self._client.authorize_redirect(
                request, f"{base.rstrip('/')}{_CALLBACK}"
            )
        except Exception as error:  # Authlib takes whichever HTTP client is there, with errors of its own
            log.warning("The provider at %s cannot be asked: %s", self._provider.issuer, error)
            return self._page("start", said=_FAILED, status=502)
        return redirect

    async def come_back(self, request: Request) -> Response:
        try:
            claims = await self._vouched_for(request)
        except Exception as error:  # whatever went wrong: nobody is let in
            log.warning("A sign-in was refused: %s: %s", type(error).__name__, error)
            return self._page("start", said=_FAILED, status=403)
        try:
            account = await run_in_threadpool(self._arrived, claims)
        except AccountError as error:
            log.warning("A sign-in was refused: %s", error)
            return self._page("start", said=_FAILED, status=403)
        except SayoError as error:
            log.warning("%s", error)
            return self._page("start", said=str(error), status=503)
        self._people.enter(request, account)
        return RedirectResponse("../", status_code=303)

    async def _vouched_for(self, request: Request) -> dict[str, Any]:
        """The claims of a token that is the provider's, for this client, this browser and now."""
        metadata = await self._client.load_server_metadata()
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [it for it in offered if it in _ALGORITHMS]
        token = await self._client.authorize_access_token(request, claims_options=self._claims)
        claims = token.get("userinfo")
        if not claims:
            raise ValueError("the provider sent no ID token")
        return dict(claims)

    def _arrived(self, claims: dict[str, Any]) -> Any:
        provider, subject = self._provider, str(claims["sub"])
        logins = {subject}
        if provider.unique_names and claims.get("preferred_username"):
            logins.add(str(claims["preferred_username"]))
        if claims.get("email_verified") is True and claims.get("email"):
            logins.add(str(claims["email"]))
        name = next(str(claims[it]) for it in _NAMES if claims.get(it))
        # Issuers of the settings may change, and each counts its own people.
        full = f"{subject} at {provider.issuer}" if provider.source == "oidc" else subject
        return self._people.arrived(provider.source, full, name, logins, provider.owners)

    def _page(self, start: str, **more: Any) -> Response:
        return elsewhere_page(start, self._provider.title, new_tab=self._provider.in_frame, **more)
