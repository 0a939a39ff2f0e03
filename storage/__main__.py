"""python -m storage import | export | imports | undo-import"""

from __future__ import annotations

import argparse
import sys

from sayo_app.errors import SayoError
from storage.formats.commands import add_commands


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; the return value is the exit status."""
    options = _parser().parse_args(arguments)
    try:
        lines = options.run(options)
    except SayoError as error:
        # The message says all there is to say; a traceback would bury it.
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m storage", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="import | export | imports | undo-import")
    add_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
