"""The table of rights and its check."""

from __future__ import annotations

import re

import pytest

from sayo_app.access.current import acting, author_name, current
from sayo_app.access.rights import ACTIONS, may, require
from sayo_app.access.roles import ROLES, UNNAMED_OWNER, Person, Role, role_named
from sayo_app.errors import AccessError
from sayo_app.settings import REPOSITORY_DIR

ADA = Person(Role.ANNOTATOR, "Ada", 1)


def test_roles_are_in_order() -> None:
    assert ROLES == ("visitor", "annotator", "reviewer", "trainer", "owner")
    assert [role_named(word) for word in ROLES] == sorted(Role)
    with pytest.raises(ValueError, match="king"):
        role_named("king")


# The lowest role that may, as the product promises it; whoever changes it changes a promise.
@pytest.mark.parametrize(
    ("action", "least"),
    [
        ("look", "visitor"),
        ("ask", "visitor"),
        ("draft", "visitor"),
        ("corrections.save", "annotator"),
        ("corrections.judge", "reviewer"),
        ("runs.start", "trainer"),
        ("runs.cancel", "trainer"),
        ("adapters.import", "trainer"),
        ("adapters.export", "trainer"),
        ("corrections.delete", "owner"),
        ("imports.undo", "owner"),
        ("runs.delete", "owner"),
        ("adapters.switch", "owner"),
        ("adapters.delete", "owner"),
    ],
)
def test_promised_rights(action: str, least: str) -> None:
    assert [role.word for role in Role if may(Person(role), action)] == list(ROLES[ROLES.index(least) :])


def test_nobody_may_anything() -> None:
    assert not any(may(Person(None), action) for action in ACTIONS)


def test_a_refusal_says_who_may_and_who_asked() -> None:
    with pytest.raises(AccessError) as refused:
        require(ADA, "corrections.judge")
    assert str(refused.value) == (
        "Expected somebody with the role reviewer or a higher one to accept corrections or send them back, "
        "got Ada, with the role annotator. Ask an owner for that role. Nothing was changed."
    )
    with pytest.raises(AccessError, match="Sign in"):
        require(Person(Role.VISITOR), "corrections.save")


def test_what_is_not_listed_is_refused_to_everybody() -> None:
    with pytest.raises(AccessError, match="teleport"):
        require(UNNAMED_OWNER, "teleport")


def test_work_is_the_accounts_and_not_a_typed_names() -> None:
    assert (current(), author_name(" Bob ")) == (UNNAMED_OWNER, "Bob")
    with acting(ADA):
        assert (current(), author_name("Bob")) == (ADA, "Ada")
    assert (author_name(None), current()) == ("", UNNAMED_OWNER)


def test_the_readme_has_the_table() -> None:
    text = (REPOSITORY_DIR / "sayo_app" / "access" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z._]+)` \| (.+) \| (\w+) \|$", text, re.MULTILINE)
    assert rows == [(name, it.words, it.least.word) for name, it in ACTIONS.items()]
