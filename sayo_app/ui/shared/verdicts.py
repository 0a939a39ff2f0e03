"""What the page says of an adapter's verdict."""

from __future__ import annotations

from sayo_app.core.verdict import Verdict
from storage.base.records import AdapterRecord

WORDS = {"better": "Better", "same": "No difference", "worse": "Worse"}


def verdict_of(record: AdapterRecord) -> Verdict | None:
    """None for an adapter that was not made by a run here, or whose run could not measure anything."""
    stored = record.summary.get("verdict")
    return Verdict.from_dict(stored) if stored else None
