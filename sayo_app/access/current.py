"""On whose behalf the code at hand runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sayo_app.access.roles import UNNAMED_OWNER, Person

_current: ContextVar[Person] = ContextVar("sayo_person", default=UNNAMED_OWNER)


@contextmanager
def acting(person: Person) -> Iterator[None]:
    """What runs inside is done by this person; by an owner without a name where nothing says so."""
    token = _current.set(person)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Person:
    return _current.get()


def author_name(typed: str | None) -> str:
    """The name that work is kept under: the account's, and what was typed only where there is none."""
    person = current()
    return person.name if person.signed_in else (typed or "").strip()
