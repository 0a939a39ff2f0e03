"""Which OpenID Connect provider is asked: the one that the settings name, or Hugging Face on a Space.

Hugging Face is one more provider here, and not Gradio's `LoginButton`: that stands on the page, which nobody
is to reach before; keeps the whole answer with its access token in the cookie; asks without PKCE; and plays a
made-up sign-in wherever it is not on a Space.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sayo_app.errors import SettingsError
from sayo_app.settings import Settings

# What a Space with `hf_oauth: true` has in its environment.
_SPACE = ("SPACE_ID", "SPACE_HOST", "OPENID_PROVIDER_URL", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET")


@dataclass(frozen=True)
class Provider:
    """Whom to ask, and what to believe of the answer.

    Attributes:
        source: what accounts from there are called.
        title: what the page calls it.
        public_url: where it sends people back to; None for where they came to.
        in_frame: the page is shown in a frame of another, where a sign-in page is not: it opens a tab.
        owners: who become owners beside those of the settings, as `logins`.
        unique_names: `preferred_username` is of one person there, and given to them by the provider.
    """

    source: str
    title: str
    issuer: str
    client_id: str
    client_secret: str
    scope: str = "openid profile email"
    public_url: str | None = None
    in_frame: bool = False
    owners: frozenset[str] = frozenset()
    unique_names: bool = False


def provider_of(settings: Settings) -> Provider:
    """The one that people sign in at.

    Raises:
        SettingsError: issuer or client are not set, or the issuer is reached without encryption; or it is
            Hugging Face, and this is no Space where people can sign in.
    """
    return _of_space(settings, os.environ) if settings.sign_in == "huggingface" else _of_settings(settings)


def _of_settings(settings: Settings) -> Provider:
    issuer, client, secret = settings.oidc_issuer or "", settings.oidc_client_id, settings.oidc_client_secret
    encrypted = _encrypted(issuer)
    if not (encrypted and client and secret):
        raise SettingsError(
            expected="an https:// issuer, a client and its secret, as sign_in is oidc",
            got=repr(issuer) if not encrypted else "no client or no secret",
            remedy="Set SAYO_OIDC_ISSUER, SAYO_OIDC_CLIENT_ID and SAYO_OIDC_CLIENT_SECRET.",
        )
    title = urlsplit(issuer).hostname or issuer
    return Provider("oidc", title, issuer, client, secret, public_url=settings.public_url)


def _of_space(settings: Settings, environment: Mapping[str, str]) -> Provider:
    missing = [name for name in _SPACE if not environment.get(name)]
    issuer = environment.get("OPENID_PROVIDER_URL", "")
    if missing or not _encrypted(issuer):
        raise SettingsError(
            expected="a Hugging Face Space where people can sign in, as sign_in is huggingface",
            got=f"no {', '.join(missing)} in the environment" if missing else repr(issuer),
            remedy="Put `hf_oauth: true` into the front matter of the Space's README and restart it. "
            "Elsewhere than on a Space, sign_in is local, oidc or header (SAYO_SIGN_IN).",
        )
    author = environment.get("SPACE_AUTHOR_NAME", "").strip()
    scopes = environment.get("OAUTH_SCOPES", "").split()
    return Provider(
        source="huggingface",
        title="Hugging Face",
        issuer=issuer,
        client_id=environment["OAUTH_CLIENT_ID"],
        client_secret=environment["OAUTH_CLIENT_SECRET"],
        scope=" ".join(dict.fromkeys(["openid", "profile", *scopes])),
        public_url=settings.public_url or f"https://{environment['SPACE_HOST']}/",
        in_frame=True,
        owners=frozenset({author} if author else ()),
        unique_names=True,
    )


def _encrypted(address: str) -> bool:
    parts = urlsplit(address)
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and here)
