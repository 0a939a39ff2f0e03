"""Accounts: names, roles, passwords, and people whom another place vouches for."""

from __future__ import annotations

import pytest

from sayo_app.access.roles import Role
from sayo_app.errors import AccountError
from storage.base.models import Account
from storage.people import accounts as module
from storage.store import Store

PASSWORD = "four words in a row"


def test_a_password_opens_its_own_account_only(store: Store) -> None:
    ada = store.accounts.add_local(" Ada ", PASSWORD, Role.REVIEWER)
    store.accounts.add_local("Bob", PASSWORD + "!", Role.VISITOR)
    assert (ada.name, ada.role, ada.seen_at) == ("Ada", Role.REVIEWER, None)
    signed = store.accounts.signed_in("ADA", PASSWORD)
    assert signed is not None and (signed.id, signed.stamp) == (ada.id, ada.stamp)
    assert signed.seen_at is not None
    for name, password in (("Ada", PASSWORD + "!"), ("Ada", ""), ("Cy", PASSWORD), ("Ada", "x" * 10_000)):
        assert store.accounts.signed_in(name, password) is None


def test_passwords_are_argon2_hashes(store: Store) -> None:
    store.accounts.add_local("Ada", PASSWORD, Role.VISITOR)
    store.accounts.add_local("Bob", PASSWORD, Role.VISITOR)
    with store.database.read() as session:
        one, other = (row.password_hash or "" for row in session.query(Account).all())
    assert one.startswith("$argon2id$") and one != other
    assert PASSWORD not in one


def test_somebody_who_is_not_there_takes_a_hash_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the time of an answer would tell who has an account."""
    tried: list[str] = []
    fits = module._fits

    def counted(password: str, hashed: str) -> bool:
        tried.append(hashed[:10])
        return fits(password, hashed)

    monkeypatch.setattr(module, "_fits", counted)
    assert store.accounts.signed_in("nobody", PASSWORD) is None
    assert tried == ["$argon2id$"]


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [
        ("Ada", PASSWORD, "a name that nobody has"),
        ("ada", PASSWORD, "a name that nobody has"),
        ("", PASSWORD, "1 to 100 characters"),
        ("B\nob", PASSWORD, "can be seen"),
        ("B" * 101, PASSWORD, "1 to 100 characters"),
        ("Bob", "short", "10 to 500 characters, got 5"),
    ],
)
def test_what_makes_no_account(store: Store, name: str, password: str, said: str) -> None:
    store.accounts.add_local("Ada", PASSWORD, Role.VISITOR)
    with pytest.raises(AccountError, match=said):
        store.accounts.add_local(name, password, Role.VISITOR)
    assert [it.name for it in store.accounts.all()] == ["Ada"]


def test_another_password_ends_what_is_signed_in(store: Store) -> None:
    before = store.accounts.add_local("Ada", PASSWORD, Role.VISITOR)
    after = store.accounts.reset("Ada", "other " + PASSWORD)
    assert after.stamp != before.stamp
    assert store.accounts.signed_in("Ada", PASSWORD) is None
    assert store.accounts.signed_in("Ada", "other " + PASSWORD) is not None
    with pytest.raises(AccountError, match="name of an account"):
        store.accounts.reset("Bob", PASSWORD)


def test_a_role_is_changed_and_the_sign_in_stays(store: Store) -> None:
    before = store.accounts.add_local("Ada", PASSWORD, Role.VISITOR)
    after = store.accounts.set_role("Ada", Role.OWNER)
    assert (after.role, after.stamp) == (Role.OWNER, before.stamp)
    assert store.accounts.get(before.id) == after
    assert store.accounts.get(before.id + 1) is None


def test_people_from_elsewhere_keep_their_account_and_their_name(store: Store) -> None:
    first = store.accounts.arrived("oidc", "1234", "Ada", Role.VISITOR)
    store.accounts.set_role("Ada", Role.TRAINER)
    again = store.accounts.arrived("oidc", "1234", "Ada Byron", Role.VISITOR)
    assert (again.id, again.name, again.role) == (first.id, "Ada", Role.TRAINER)
    # Nobody gets another's account or work by calling themselves like them.
    other = store.accounts.arrived("oidc", "99", "Ada", Role.VISITOR)
    assert (other.name, other.role) == ("Ada (2)", Role.VISITOR)
    assert store.accounts.arrived("header", "1234", "Ada", Role.VISITOR).name == "Ada (3)"
    assert store.accounts.arrived("oidc", "7", "\u200b\n", Role.VISITOR).name == "somebody"
    with pytest.raises(AccountError, match="signs in elsewhere"):
        store.accounts.reset("Ada", PASSWORD)
    assert store.accounts.signed_in("Ada", PASSWORD) is None


@pytest.mark.parametrize("subject", ["", "x" * 501, "a\0b"])
def test_a_subject_that_cannot_be_stored_is_refused(store: Store, subject: str) -> None:
    with pytest.raises(AccountError):
        store.accounts.arrived("header", subject, "Ada", Role.VISITOR)


def test_accounts_page_by_page(store: Store) -> None:
    for name in ("Cy", "ada", "Bo_b", "Ada (2)"):
        store.accounts.arrived("header", name, name, Role.VISITOR)
    by_name = [it.name for it in store.accounts.all()]
    first = [it.name for it in store.accounts.page(limit=3)]
    assert first + [it.name for it in store.accounts.page(after=first[-1], limit=3)] == by_name
    assert {it.name for it in store.accounts.page("ADA", limit=9)} == {"ada", "Ada (2)"}
    assert [it.name for it in store.accounts.page("_", limit=9)] == ["Bo_b"]


def test_somebody_remains_an_owner(store: Store) -> None:
    for name in ("Ada", "Bob"):
        store.accounts.arrived("header", name, name, Role.OWNER)
    store.accounts.set_role("Ada", Role.VISITOR, keep_an_owner=True)
    store.accounts.set_role("Bob", Role.OWNER, keep_an_owner=True)
    with pytest.raises(AccountError, match="Bob, the only one"):
        store.accounts.set_role("Bob", Role.TRAINER, keep_an_owner=True)
    assert {it.name: it.role for it in store.accounts.all()} == {"Ada": Role.VISITOR, "Bob": Role.OWNER}
    # The operator may take it all the same: by command.
    assert store.accounts.set_role("Bob", Role.TRAINER).role == Role.TRAINER
