"""Text that every database can keep."""

from __future__ import annotations

from sayo_app.errors import CorrectionError

# All control characters but tabulator and ends of lines: PostgreSQL refuses NUL, terminals obey others.
_CONTROL = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A, 0x0D})


def clean(text: str) -> str:
    """Without control characters, and with `?` for halves of characters, which have no UTF-8."""
    return text.translate(_CONTROL).encode("utf-8", "replace").decode()


def one_line(text: str) -> str:
    """The cleaned text with single blanks for all white space: a name."""
    return " ".join(clean(text).split())


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
