"""Who is behind a request."""

from __future__ import annotations

import logging
from collections.abc import Iterable, MutableMapping
from typing import Any

from starlette.requests import HTTPConnection

from sayo_app.access.roles import Person, Role, role_named
from sayo_app.errors import AccountError, SettingsError
from sayo_app.settings import Settings
from sayo_app.ui.signin.vouched import by_header, vouching_networks
from storage.people.accounts import AccountRecord
from storage.store import Store

log = logging.getLogger(__name__)
_ACCOUNT, _STAMP = "account", "stamp"
# Where people sign in once, and not at every request.
_BY_COOKIE = ("local", "oidc", "huggingface")


class People:
    """Tells who is asking, by what the settings believe.

    The account is looked up at each request: another role or another password holds from then on.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self._store = store
        self.guest = self._as_person(guest_role(settings))
        self._trusted = vouching_networks(settings) if settings.sign_in == "header" else ()

    def person(self, connection: HTTPConnection | None) -> Person:
        """The guest where nobody has signed in."""
        account = None if connection is None else self._account(connection)
        return self.guest if account is None else self._as_person(account.role, account.name, account.id)

    def _as_person(self, role: Role | None, name: str = "", account_id: int | None = None) -> Person:
        sandboxed = self.settings.public_demo and (role is None or role <= Role.VISITOR)
        return Person(role, name, account_id, sandboxed)

    def enter(self, connection: HTTPConnection, account: AccountRecord) -> None:
        """From now on this browser is that account's."""
        session = connection.session
        session.clear()
        session.update({_ACCOUNT: account.id, _STAMP: account.stamp})

    def arrived(
        self, source: str, subject: str, name: str, logins: set[str], owners: Iterable[str] = ()
    ) -> AccountRecord:
        """The account of somebody whom another place vouches for.

        Args:
            logins: what that place calls them and gives to nobody else, for the list of owners.
            owners: who are listed beside those of the settings.

        Raises:
            AccountError, StorageError
        """
        role = role_named(self.settings.first_role)
        account = self._store.accounts.arrived(source, subject, name, role)
        return self.made_owner(account, logins, owners)

    def made_owner(
        self, account: AccountRecord, logins: set[str], owners: Iterable[str] = ()
    ) -> AccountRecord:
        """The account, an owner's now if the settings, or `owners`, list one of these names."""
        names = (*self.settings.owners.split(","), *owners)
        listed = {it.strip().casefold() for it in names if it.strip()}
        if account.role == Role.OWNER or not listed & {it.casefold() for it in logins}:
            return account
        return self._store.accounts.set_role(account.name, Role.OWNER)

    def _account(self, connection: HTTPConnection) -> AccountRecord | None:
        source = self.settings.sign_in
        if source in _BY_COOKIE:
            return self._by_cookie(connection.session)
        name = None
        if source == "header":
            name = by_header(connection, self.settings.sign_in_header, self._trusted)
        if name is None:
            return None
        try:
            return self.arrived(source, name, name, {name})
        except AccountError as error:
            log.warning("Somebody cannot have an account: %s", error)
            return None

    def _by_cookie(self, session: MutableMapping[str, Any]) -> AccountRecord | None:
        account = None if _ACCOUNT not in session else self._store.accounts.get(int(session[_ACCOUNT]))
        if account is None or account.stamp != session.get(_STAMP):
            return None
        return account if account.source == self.settings.sign_in else None


def guest_role(settings: Settings) -> Role | None:
    """Of whoever has not signed in; None where they may do nothing.

    Raises:
        SettingsError: a public demo where strangers would be more than visitors.
    """
    if settings.public_demo:
        return _guest_of_demo(settings)
    if settings.guest_role == "auto":
        return Role.OWNER if settings.sign_in == "none" else None
    return None if settings.guest_role == "none" else role_named(settings.guest_role)


def _guest_of_demo(settings: Settings) -> Role:
    """Strangers are visitors, whether they sign in or not: what others may do is kept."""
    strangers = {"guest_role": settings.guest_role, "first_role": settings.first_role}
    for name, role in strangers.items():
        if role not in ("auto", Role.VISITOR.word):
            raise SettingsError(
                expected=f"{name} (SAYO_{name.upper()}) to be visitor, as this is a public demo",
                got=repr(role),
                remedy="Leave it out, or leave out --public-demo (SAYO_PUBLIC_DEMO).",
            )
    return Role.VISITOR
