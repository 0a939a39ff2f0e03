"""Node, for the page's own modules without a browser; only who changes them needs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sayo_app.settings import REPOSITORY_DIR

SCRIPTS = REPOSITORY_DIR / "tests" / "js"


def node() -> str:
    """The command; without one the test is skipped, or fails where SAYO_REQUIRE_NODE asks for it."""
    path = shutil.which("node")
    if path is None:
        _missing("No Node found. Install Node 18.19 or later.")
    return str(path)


def npm_tools() -> str:
    """Node, with the tools that `npm ci` installs in assets/ui."""
    path = node()
    if not (REPOSITORY_DIR / "assets" / "ui" / "node_modules").is_dir():
        _missing("No tools for the page's scripts found. Run `npm ci` in assets/ui.")
    return path


def _missing(how_to: str) -> None:
    if os.environ.get("SAYO_REQUIRE_NODE") == "1":
        pytest.fail(how_to)
    pytest.skip(how_to)


@contextmanager
def modules(*paths: str) -> Iterator[Callable[..., Any]]:
    """The functions of these modules of assets/ui, called by name: `page("stamp", [1, 1], 2, size)`."""
    command = [node(), str(SCRIPTS / "call.mjs"), *paths]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, encoding="utf-8") as process:
        assert process.stdin is not None and process.stdout is not None
        asked, answered = process.stdin, process.stdout

        def call(name: str, *arguments: Any) -> Any:
            asked.write(json.dumps([name, arguments]) + "\n")
            asked.flush()
            return json.loads(answered.readline())

        yield call
        asked.close()
