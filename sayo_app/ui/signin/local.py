"""Signing in with a name and a password, and out again."""

from __future__ import annotations

import logging
import secrets

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sayo_app.errors import SayoError
from sayo_app.ui.signin.gate import SIGN_IN
from sayo_app.ui.signin.pages import password_page
from sayo_app.ui.signin.people import People
from sayo_app.ui.signin.tries import SECONDS, Tries
from storage.store import Store

log = logging.getLogger(__name__)
_TOKEN = "token"
_WRONG = "There is no account of that name and password."
_TOO_OFTEN = f"Too many wrong passwords. Wait {SECONDS / 60:.0f} minutes, then try again."
_MOST_BYTES = 20_000
# Wrong passwords in five minutes: from one address for one name, and for any.
_WRONG_A_NAME, _WRONG_AN_ADDRESS = 10, 50


class LocalSignIn:
    """The sign-in page and what it sends."""

    def __init__(self, people: People, store: Store) -> None:
        self._people = people
        self._store = store
        # Apart, so that whoever guesses at somebody's password elsewhere does not lock them out.
        self._of_name, self._of_address = Tries(_WRONG_A_NAME), Tries(_WRONG_AN_ADDRESS)

    def routes(self) -> list[Route]:
        return [
            Route(SIGN_IN, self.ask, methods=["GET"]),
            Route(SIGN_IN, self.enter, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        return password_page(_token(request))

    async def enter(self, request: Request) -> Response:
        if int(request.headers.get("content-length") or _MOST_BYTES + 1) > _MOST_BYTES:
            return Response(status_code=413)
        form = await request.form(max_files=0, max_fields=5)
        name, password, token = (str(form.get(it, "")) for it in ("name", "password", _TOKEN))
        if not secrets.compare_digest(token.encode(), _token(request).encode()):
            return password_page(_token(request), said="The page was too old. Try again.", status=403)
        address = request.client.host if request.client else ""
        both = f"{address} {name.casefold()}"
        if not (self._of_name.left(both) and self._of_address.left(address)):
            return password_page(_token(request), said=_TOO_OFTEN, name=name, status=429)
        try:
            account = await run_in_threadpool(self._store.accounts.signed_in, name, password)
            if account is not None:
                account = await run_in_threadpool(self._people.made_owner, account, {account.name})
        except SayoError as error:
            log.warning("%s", error)
            return password_page(_token(request), said=str(error), name=name, status=503)
        if account is None:
            self._of_name.fail(both)
            self._of_address.fail(address)
            log.warning("Somebody at %s gave a wrong password for %r", address, name[:80])
            return password_page(_token(request), said=_WRONG, name=name, status=403)
        self._people.enter(request, account)
        return RedirectResponse("./", status_code=303)


async def leave(request: Request) -> Response:
    """Sign out of this browser."""
    request.session.clear()
    return RedirectResponse("./", status_code=303)


def _token(request: Request) -> str:
    """Of this browser; only a page that was sent to it knows it."""
    return str(request.session.setdefault(_TOKEN, secrets.token_urlsafe(16)))
