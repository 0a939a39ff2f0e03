"""Who changed what: written in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from sayo_app.access.current import author_name, current
from storage.base.models import AuditEntry
from storage.base.texts import clean

_MOST_CHARS = 200


def note_change(
    session: Session,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    typed: str = "",
) -> None:
    """Adds to the audit that the person on whose behalf this runs did something.

    Args:
        action: of the table of rights, or what a command or a run does beside it.
        subject: what it was done to, such as `correction 12`.
        before, after: what of it was changed, small and as JSON.
        typed: the name that somebody gave who has not signed in.
    """
    entry = AuditEntry(
        account_id=current().account_id,
        who=_short(current().name or author_name(typed)),
        action=action,
        subject=_short(subject),
        before=dict(before or {}),
        after=dict(after or {}),
    )
    session.add(entry)


def _short(text: str) -> str:
    return clean(text)[:_MOST_CHARS]
