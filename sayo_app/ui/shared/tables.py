"""Plain tables."""

from __future__ import annotations

import html
from collections.abc import Sequence


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table; whatever stands in it stays text."""

    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return (
        '<div class="plain-scroll"><table class="plain-table">'
        + line("th", names)
        + "".join(line("td", row) for row in rows)
        + "</table></div>"
    )
