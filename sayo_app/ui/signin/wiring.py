"""What the settings say about signing in, made into what the server and the page need."""

from __future__ import annotations

import logging
import os
import secrets
from ipaddress import ip_address

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import Route, Router

from sayo_app.access.roles import Person, Role
from sayo_app.core.files import file_error, whole_file
from sayo_app.settings import Settings
from sayo_app.ui.signin.gate import SIGN_IN, SIGN_OUT, Gate
from sayo_app.ui.signin.local import LocalSignIn, leave
from sayo_app.ui.signin.oidc import OidcSignIn
from sayo_app.ui.signin.pages import by_proxy_only
from sayo_app.ui.signin.people import People, guest_role
from sayo_app.ui.signin.providers import provider_of
from storage.store import Store

log = logging.getLogger(__name__)
_SECRET_FILE = "session-secret"


class SignIn:
    """Who is asking, and what stands before the page.

    Attributes:
        people: tells who is behind a request.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self.people = People(settings, store)

    def who(self, request: gr.Request | None) -> Person:
        """For `close_doors`: the person behind a call of one of the page's functions."""
        return self.people.person(None if request is None else request.request)

    def middleware(self) -> list[Middleware]:
        """Outermost first; nothing where nobody can sign in.

        Raises:
            SettingsError: something is missing or cannot be.
            StorageError: the secret that signs cookies cannot be kept.
        """
        settings = self._settings
        if settings.sign_in == "none":
            warn_if_open(settings)
            return []
        if settings.sign_in == "header":
            # Or the address that a request comes from would be one that it tells itself.
            os.environ["FORWARDED_ALLOW_IPS"] = ""
            own = Router([Route(SIGN_IN, by_proxy_only, methods=["GET"])])
            return [Middleware(Gate, people=self.people, own=own)]
        own = Router([Route(SIGN_OUT, leave, methods=["POST"]), *self._routes()])
        return [_cookies(settings), Middleware(Gate, people=self.people, own=own)]

    def _routes(self) -> list[Route]:
        if self._settings.sign_in != "local":
            return OidcSignIn(provider_of(self._settings), self.people).routes()
        return LocalSignIn(self.people, self._store).routes()


def _cookies(settings: Settings) -> Middleware:
    """The browser's part of a session: signed, of this site only, and out of reach of scripts.

    A Space is shown in a frame of the hub's page, where a browser keeps no cookie that is of its site only.
    Pages of elsewhere still change nothing with it: see `web/shield`.
    """
    in_frame = settings.sign_in == "huggingface"
    return Middleware(
        SessionMiddleware,
        secret_key=settings.session_secret or _kept_secret(settings),
        session_cookie="sayo_session",
        max_age=settings.session_hours * 3600,
        same_site="none" if in_frame else "lax",
        https_only=in_frame or (settings.public_url or "").startswith("https:"),
    )


def _kept_secret(settings: Settings) -> str:
    """Made once, readable by this user only; whoever has it can be anybody."""
    path = settings.data_dir / _SECRET_FILE
    try:
        if not path.exists():
            with whole_file(path) as made:
                made.touch(0o600)
                made.write_text(secrets.token_hex(32), encoding="utf-8")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise file_error(path, error) from error


def warn_if_open(settings: Settings) -> None:
    """Say it where strangers may be owners."""
    if guest_role(settings) != Role.OWNER or _on_this_machine(settings.host):
        return
    space = " A Space is open to all." if "SPACE_ID" in os.environ else ""
    log.warning(
        "Nobody has to sign in, and the page listens on %s: whoever reaches it is an owner, who may delete "
        "corrections, switch the model and start runs. Set SAYO_SIGN_IN, or what guests may do "
        "(SAYO_GUEST_ROLE=visitor).%s",
        settings.host,
        space,
    )


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
