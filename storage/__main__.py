"""Looking after a store from the command line.

    python -m storage import FORMAT PATH     corrections from a file, all that can be used or nothing
    python -m storage export FORMAT PATH     corrections into a new file or folder
    python -m storage imports                what was imported
    python -m storage undo-import ID         takes an import back
    python -m storage backup FILE            a copy of everything, while the app is running
    python -m storage restore FILE           into an empty store
    python -m storage users add NAME         who signs in: add, role, reset, list
    python -m storage audit --format csv     who changed what
    python -m storage check [--repair]       files without rows, rows without files, damaged pictures
    python -m storage bench --json           how long saving and listing take in a large store

Which store is told by `SAYO_DATA_DIR` and `SAYO_DATABASE_URL`, as for the app.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sayo_app.access.current import acting
from sayo_app.access.roles import Person, Role
from sayo_app.errors import SayoError
from sayo_app.settings import Settings
from storage.backup import backup, restore
from storage.bench import SERVER_VARIABLE, measured, slowest_page
from storage.check import check
from storage.formats import commands as exchange
from storage.store import Store
from storage.users import COMMANDS as PEOPLE


def _backup(arguments: argparse.Namespace) -> int:
    with Store(Settings.from_environment()) as store:
        copied = backup(store, arguments.file)
    print(f"{copied.rows:,} rows and {copied.files:,} files ({copied.bytes:,} bytes) are in {arguments.file}")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    with Store(Settings.from_environment()) as store:
        copied = restore(store, arguments.file)
    print(f"{copied.rows:,} rows and {copied.files:,} files are back")
    return 0


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)


def _check(arguments: argparse.Namespace) -> int:
    with Store(Settings.from_environment()) as store:
        found = check(store, repair=arguments.repair)
    for finding in found:
        print(f"{finding.what}: {finding.where}" + (f": {finding.done}" if finding.done else ""))
    left = sum(not finding.done for finding in found)
    print(f"{len(found)} found, {len(found) - left} put right")
    return 1 if left else 0


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repair", action="store_true", help="put right what can be without loss")


def _bench(arguments: argparse.Namespace) -> int:
    figures = []
    for figure in measured(arguments.rows, arguments.repeats, arguments.server):
        figures.append(figure)
        line = json.dumps(figure)
        if arguments.json:
            print(line, flush=True)
        if arguments.out is not None:
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
    if arguments.json:
        return 0
    for database in dict.fromkeys(figure["database"] for figure in figures):
        own = [figure for figure in figures if figure["database"] == database]
        save = next(figure["p95"] for figure in own if figure["what"] == "save")
        print(
            f"{database}, {arguments.rows:,} corrections, 95th percentile: "
            f"save {save} ms, slowest page {slowest_page(own)} ms"
        )
    return 0


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="a line of JSON a figure, as it comes")
    parser.add_argument("--out", type=Path, metavar="FILE", help="append those lines to a file")
    parser.add_argument(
        "--server",
        metavar="URL",
        default=os.environ.get(SERVER_VARIABLE),
        help="a PostgreSQL server, where a schema is made and dropped; default: $" + SERVER_VARIABLE,
    )


# Name: what it is for, its arguments, what it does.
COMMANDS: dict[
    str,
    tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]],
] = (
    {
        "backup": ("copy everything into a file, while the app is running", _add_file, _backup),
        "restore": ("put a backup into an empty store", _add_file, _restore),
        "check": ("look whether rows and files fit together", _add_check, _check),
        "bench": ("measure saving and listing in a large store", _add_bench, _bench),
    }
    | exchange.COMMANDS
    | PEOPLE
)
# Of the machine's own, who may do all of it.
_OPERATOR = Person(Role.OWNER, "command line")


def main(words: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 something was found or refused, 2 the words make no command."""
    arguments = parser().parse_args(words)
    try:
        with acting(_OPERATOR):
            return COMMANDS[arguments.command][2](arguments)
    except SayoError as error:
        print(error, file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m storage", description="Look after a store.")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (purpose, add_arguments, _) in COMMANDS.items():
        add_arguments(commands.add_parser(name, help=purpose, description=purpose))
    return made


if __name__ == "__main__":
    sys.exit(main())
