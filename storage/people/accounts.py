"""Accounts: who signs in, with which role, and local passwords."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from sayo_app.access.roles import Role, role_named
from sayo_app.errors import AccountError, ReadOnlyStoreError, StorageError
from storage.base.audit import note_change
from storage.base.database import Database
from storage.base.models import Account, now
from storage.base.texts import clean

LOCAL = "local"
PASSWORD_CHARS = (10, 500)
_MOST_NAME, _MOST_SUBJECT = 100, 500
_SEEN_AGAIN = timedelta(minutes=10)
# Each hash takes 64 MB for a moment.
_hashing = threading.BoundedSemaphore(2)
_hasher = PasswordHasher()


@dataclass(frozen=True)
class AccountRecord:
    """An account.

    Attributes:
        source: where the person signs in: `local`, `oidc`, `huggingface` or `header`.
        subject: what they are called there for good.
        name: what work is kept under; of one account only.
        stamp: a sign-in is good for as long as this is the same.
        seen_at: when they last signed in.
    """

    id: int
    source: str
    subject: str
    name: str
    role: Role
    stamp: str
    created_at: datetime
    seen_at: datetime | None


class Accounts:
    """Those who sign in. None is ever removed: work names it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_local(self, name: str, password: str, role: Role) -> AccountRecord:
        """A new account with a password.

        Raises:
            AccountError: a name that is taken or cannot be one, or a password that is too short.
        """
        name = checked_name(name)
        hashed = _hashed(password)
        with self._database.write() as session:
            taken = session.scalar(select(Account).filter_by(source=LOCAL, subject=name.casefold()))
            if taken is not None or _named(session, name) is not None:
                raise AccountError(
                    expected="a name that nobody has",
                    got=repr(name),
                    remedy="Choose another one, or `python -m storage users reset` for a new password.",
                )
            row = _new(session, LOCAL, name.casefold(), name, role)
            row.password_hash = hashed
            return _record(row)

    def set_role(self, name: str, role: Role, *, keep_an_owner: bool = False) -> AccountRecord:
        """Another role, from the next request on.

        Args:
            keep_an_owner: refuse where nobody would be an owner any more.

        Raises:
            AccountError: nobody of that name, or the last owner.
        """
        with self._database.write() as session:
            row = _required(session, name)
            if keep_an_owner and role != Role.OWNER:
                _require_another_owner(session, row)
            if row.role != role.word:
                roles = {"role": row.role}, {"role": role.word}
                note_change(session, "accounts.role", _subject(row), before=roles[0], after=roles[1])
                row.role = role.word
            return _record(row)

    def reset(self, name: str, password: str) -> AccountRecord:
        """Another password; whoever is signed in with the one before no longer is.

        Raises:
            AccountError: nobody of that name, an account without a password, or one that is too short.
        """
        hashed = _hashed(password)
        with self._database.write() as session:
            row = _required(session, name)
            if row.source != LOCAL:
                raise AccountError(
                    expected="an account with a password",
                    got=f"{name}, who signs in elsewhere ({row.source})",
                    remedy="Change the password there.",
                )
            row.password_hash, row.stamp = hashed, _stamp()
            note_change(session, "accounts.reset", _subject(row))
            return _record(row)

    def signed_in(self, name: str, password: str) -> AccountRecord | None:
        """The account of that name and password; None where they do not fit, whichever of them is wrong."""
        with self._database.read() as session:
            row = session.scalar(select(Account).filter_by(source=LOCAL, subject=clean(name).casefold()))
            account_id, hashed = (None, None) if row is None else (row.id, row.password_hash)
        # Where there is nobody it takes as long: the time must not tell who has an account.
        hashed = hashed or _nobodys()
        if not _fits(password, hashed) or account_id is None:
            return None
        if self._database.read_only:
            return self.get(account_id)
        with self._database.write() as session:
            row = session.get_one(Account, account_id)
            row.seen_at = now()
            if _hasher.check_needs_rehash(hashed):
                row.password_hash = _hashed(password)
            return _record(row)

    def arrived(self, source: str, subject: str, name: str, role: Role) -> AccountRecord:
        """The account of somebody whom another place vouches for, made when they first come.

        Args:
            subject: what they are called there for good.
            name: what they would like to be called; where it is taken they get a number, too.
            role: of a new account.

        Raises:
            AccountError: a subject that cannot be stored.
        """
        if not 0 < len(subject) <= _MOST_SUBJECT or clean(subject) != subject:
            raise AccountError(
                expected=f"a person's number or name of 1 to {_MOST_SUBJECT} characters",
                got=repr(subject)[:80],
                remedy="Ask whoever runs the sign-in.",
            )
        with self._database.read() as session:
            row = session.scalar(select(Account).filter_by(source=source, subject=subject))
            # A proxy vouches at every request: not a write each time.
            recent = row is not None and row.seen_at is not None and now() - row.seen_at < _SEEN_AGAIN
            if row is not None and (recent or self._database.read_only):
                return _record(row)
        try:
            return self._entered(source, subject, name, role)
        except ReadOnlyStoreError:
            raise
        except StorageError:  # two first requests at once: the other one has made it
            return self._entered(source, subject, name, role)

    def _entered(self, source: str, subject: str, name: str, role: Role) -> AccountRecord:
        with self._database.write() as session:
            row = session.scalar(select(Account).filter_by(source=source, subject=subject))
            if row is None:
                row = _new(session, source, subject, _free(session, name), role)
            row.seen_at = now()
            return _record(row)

    def get(self, account_id: int) -> AccountRecord | None:
        """None where there is none."""
        with self._database.read() as session:
            row = session.get(Account, account_id)
            return None if row is None else _record(row)

    def all(self) -> list[AccountRecord]:
        """By name."""
        with self._database.read() as session:
            return [_record(row) for row in session.scalars(select(Account).order_by(Account.name))]

    def page(self, named: str = "", *, after: str | None = None, limit: int) -> list[AccountRecord]:
        """By name. Args: named: part of it. after: of the last one on the page before."""
        wanted = select(Account).order_by(Account.name).limit(limit)
        named = clean(named).strip()
        if named:
            wanted = wanted.where(Account.name.icontains(named, autoescape=True))
        if after is not None:
            wanted = wanted.where(Account.name > after)
        with self._database.read() as session:
            return [_record(row) for row in session.scalars(wanted)]


def checked_name(name: str) -> str:
    """Raises AccountError for one that is empty, too long, or of characters that cannot be seen."""
    name = name.strip()
    if not 0 < len(name) <= _MOST_NAME or not name.isprintable():
        raise AccountError(
            expected=f"a name of 1 to {_MOST_NAME} characters that can be seen",
            got=repr(name)[:80],
            remedy="Choose another one.",
        )
    return name


def _hashed(password: str) -> str:
    least, most = PASSWORD_CHARS
    if not least <= len(password) <= most:
        raise AccountError(
            expected=f"a password of {least} to {most} characters",
            got=f"{len(password)}",
            remedy="Choose another one: a few words in a row are long and easy to keep in mind.",
        )
    with _hashing:
        return _hasher.hash(password)


def _fits(password: str, hashed: str) -> bool:
    if len(password) > PASSWORD_CHARS[1]:
        return False
    try:
        with _hashing:
            return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def _new(session: Session, source: str, subject: str, name: str, role: Role) -> Account:
    row = Account(source=source, subject=subject, name=name, role=role.word, stamp=_stamp())
    session.add(row)
    session.flush()
    note_change(session, "accounts.add", _subject(row), after={"role": role.word, "source": source})
    return row


def _free(session: Session, wanted: str) -> str:
    """The name, or the first one like it that nobody has."""
    wanted = "".join(it for it in clean(wanted) if it.isprintable()).strip()[:_MOST_NAME] or "somebody"
    name, number = wanted, 1
    while _named(session, name) is not None:
        number += 1
        name = f"{wanted} ({number})"
    return name


def _named(session: Session, name: str) -> Account | None:
    return session.scalar(select(Account).filter_by(name=name))


def _required(session: Session, name: str) -> Account:
    row = _named(session, name.strip())
    if row is None:
        raise AccountError(
            expected="the name of an account",
            got=repr(name)[:80],
            remedy="`python -m storage users list` shows all of them.",
        )
    return row


def _require_another_owner(session: Session, row: Account) -> None:
    # Locked where the database locks rows: two owners may be taking each other's role at this moment.
    owners = select(Account.id).filter_by(role=Role.OWNER.word).order_by(Account.id).with_for_update()
    if set(session.scalars(owners)) == {row.id}:
        raise AccountError(
            expected="an owner who remains",
            got=f"{row.name}, the only one",
            remedy="Make somebody else an owner first. Nothing was changed.",
        )


def _stamp() -> str:
    return secrets.token_hex(16)


def _subject(row: Account) -> str:
    return f"account {row.id}, {row.name}"


def _record(row: Account) -> AccountRecord:
    return AccountRecord(
        id=row.id,
        source=row.source,
        subject=row.subject,
        name=row.name,
        role=role_named(row.role),
        stamp=row.stamp,
        created_at=row.created_at,
        seen_at=row.seen_at,
    )


@cache
def _nobodys() -> str:
    """The hash of a password that nobody knows."""
    return _hashed(secrets.token_hex(16))
