"""Looking after a store from the command line.

    python -m storage import FORMAT PATH     corrections from a file, all that can be used or nothing
    python -m storage export FORMAT PATH     corrections into a new file or folder
    python -m storage imports                what was imported
    python -m storage undo-import ID         takes an import back

Which store is told by `SAYO_DATA_DIR` and `SAYO_DATABASE_URL`, as for the app.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sayo_app.errors import SayoError
from storage.formats.commands import COMMANDS


def main(words: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 something was found or refused, 2 the words make no command."""
    arguments = parser().parse_args(words)
    try:
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
