"""`python -m storage users | audit`: who signs in, and who changed what."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from pathlib import Path

from sayo_app.access.roles import ROLES, role_named
from sayo_app.core.files import whole_file
from sayo_app.errors import AccountError
from sayo_app.settings import Settings
from storage.people.audit_log import FORMATS, changes_text
from storage.store import Store


def _add_users(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    add = what.add_parser("add", help="an account with a password, which is asked for or read as a line")
    add.add_argument("name")
    add.add_argument("--role", choices=ROLES, default="annotator")
    role = what.add_parser("role", help="another role, from the next click on")
    role.add_argument("name")
    role.add_argument("role", choices=ROLES)
    reset = what.add_parser("reset", help="another password; ends where the person is signed in")
    reset.add_argument("name")
    what.add_parser("list", help="all accounts")


def _users(arguments: argparse.Namespace) -> int:
    with Store(Settings.from_environment()) as store:
        accounts = store.accounts
        if arguments.what == "add":
            made = accounts.add_local(arguments.name, _password(), role_named(arguments.role))
            print(f"{made.name} can sign in, with the role {made.role.word}")
        elif arguments.what == "role":
            made = accounts.set_role(arguments.name, role_named(arguments.role))
            print(f"{made.name} has the role {made.role.word}")
        elif arguments.what == "reset":
            made = accounts.reset(arguments.name, _password())
            print(f"{made.name} has another password and has to sign in again")
        else:
            for it in accounts.all():
                seen = "never" if it.seen_at is None else f"{it.seen_at:%Y-%m-%d %H:%M} UTC"
                print(f"{it.name}: {it.role.word}, signs in by {it.source}, last {seen}")
    return 0


def _password() -> str:
    """Never an argument, which others on the machine could read.

    Raises:
        AccountError: typed twice, and differently.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != password:
        raise AccountError(
            expected="the same password twice", got="two that differ", remedy="Run the command again."
        )
    return password


def _add_audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="csv")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to; without it, shown")


def _audit(arguments: argparse.Namespace) -> int:
    with Store(Settings.from_environment()) as store:
        lines = changes_text(store.audit.all(), arguments.format)
        if arguments.out is None:
            sys.stdout.writelines(lines)
            return 0
        with whole_file(arguments.out) as made, made.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
    print(f"The changes are in {arguments.out}")
    return 0


# Name: what it is for, its arguments, what it does.
COMMANDS: dict[
    str,
    tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]],
] = {
    "users": ("who signs in, with which role", _add_users, _users),
    "audit": ("write out who changed what", _add_audit, _audit),
}
