"""Text that every database can keep."""

from __future__ import annotations

from sayo_app.errors import CorrectionError


def clean(text: str) -> str:
    """Without NUL, which PostgreSQL refuses, and with `?` for halves of characters, which have no UTF-8."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def short(what: str, text: str, limit: int) -> str:
    """The cleaned text without blanks round it.

    Raises:
        CorrectionError: it is longer than its column.
    """
    text = clean(text).strip()
    if len(text) > limit:
        raise CorrectionError(
            expected=f"{what} of at most {limit} characters", got=f"{len(text)}", remedy="Shorten it."
        )
    return text
