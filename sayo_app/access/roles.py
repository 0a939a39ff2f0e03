"""Roles, each of which may do what those below it may, and the people who have them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """From the one who may least to the one who may most."""

    VISITOR = 1
    ANNOTATOR = 2
    REVIEWER = 3
    TRAINER = 4
    OWNER = 5

    @property
    def word(self) -> str:
        """As it is stored, set and said."""
        return self.name.lower()


ROLES = tuple(role.word for role in Role)


def role_named(word: str) -> Role:
    """Raises ValueError for what is none of `ROLES`."""
    if word not in ROLES:
        raise ValueError(f"{word!r} is none of {', '.join(ROLES)}")
    return Role[word.upper()]


@dataclass(frozen=True)
class Person:
    """Whoever is asking for something.

    Attributes:
        role: None for somebody who may do nothing before they sign in.
        name: of the account; empty for somebody who has not signed in.
        account_id: None for somebody who has not signed in.
        sandboxed: nothing that they do is kept: the store refuses it, whatever asks.
    """

    role: Role | None
    name: str = ""
    account_id: int | None = None
    sandboxed: bool = False

    @property
    def signed_in(self) -> bool:
        return self.account_id is not None

    @property
    def words(self) -> str:
        """Who they are, in the middle of a sentence."""
        role = "without a role" if self.role is None else f"with the role {self.role.word}"
        return f"{self.name}, {role}" if self.signed_in else f"somebody who has not signed in, {role}"


# Alone on one's own machine nobody is asked who they are.
UNNAMED_OWNER = Person(Role.OWNER)
