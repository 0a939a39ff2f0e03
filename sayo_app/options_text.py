"""Options in words: for `--help`, and as the table of a README between two markers."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sayo_app.errors import InputError
from sayo_app.options import Option, Options

NONE: Mapping[str, Any] = MappingProxyType({})
BEGIN, END = "<!-- options: begin -->", "<!-- options: end -->"


def help_text(defaults: Options, others: Mapping[str, Any] = NONE, width: int = 80) -> str:
    """A paragraph for each option, its name beside it.

    Args:
        others: the defaults for other models, where they differ.
    """
    names = type(defaults).options()
    wide = max(map(len, names)) + 4
    lines = []
    for option in names.values():
        default = _default(option.name, defaults, others)
        text = f"{_meaning(option)} [{_values(option)}; default {default}]"
        filled = textwrap.wrap(text, max(width - wide, 30))
        lines += [f"  {option.name:<{wide - 2}}{filled[0]}", *(" " * wide + line for line in filled[1:])]
    return "\n".join(lines)


def table(defaults: Options, others: Mapping[str, Any] = NONE) -> str:
    """The same in Markdown."""
    lines = ["| option | what it is | takes | default |", "|---|---|---|---|"]
    for option in type(defaults).options().values():
        default = _default(option.name, defaults, others)
        lines.append(f"| `{option.name}` | {_meaning(option)} | {_values(option)} | {default} |")
    return "\n".join(lines)


def put_table(path: Path, text: str) -> None:
    """Put a table between the markers of a page, in place of what is there.

    Raises:
        InputError: the page has no such markers.
    """
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InputError(
            expected=f"a page with {BEGIN} and {END}",
            got=f"{path} without them",
            remedy="Put both where the table is to stand.",
        )
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def _meaning(option: Option) -> str:
    return f"{option.label}. {option.help}".strip()


def _values(option: Option) -> str:
    return f"{option.values}, in {option.unit}" if option.unit else option.values


def _default(name: str, defaults: Options, others: Mapping[str, Any]) -> str:
    found = _text(getattr(defaults, name))
    return f"{found} ({_text(others[name])} for other models)" if name in others else found


def _text(value: Any) -> str:
    """As it is written in YAML and after `--set`."""
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value) if value != "" else "empty"
