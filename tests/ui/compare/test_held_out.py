"""Before and after on held-out corrections, as the Compare tab has it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

from sayo_app.ui.compare.held_out import table
from sayo_app.ui.shared.studio import Studio
from storage.base.records import AdapterRecord


def shown(**summary: Any) -> str:
    record = AdapterRecord(1, "one", Path("one"), "bundled", 1, datetime.now(UTC), summary)
    studio = create_autospec(Studio, instance=True)
    studio.adapters.return_value = [record]
    return table(studio, 0, 1)


def test_what_was_measured_has_a_row_and_nothing_else_has_one() -> None:
    text = shown(
        before={"count": 8, "accuracy": 1.0, "reliance": 0.125, "control": 0.0},
        after={"count": 8, "accuracy": 1.0, "reliance": 0.875, "control": 0.0},
    )
    assert "held-out-reliance" in text and "<td>12 %</td><td>88 %</td>" in text and "+75 points" in text
    assert "held-out-control" in text and "held-out-distraction" not in text
    text = shown(before={"distraction": 0.9, "control": 0.1}, after={"distraction": 0.1, "control": 0.3})
    assert '<span class="change-up">−80 points' in text, "to be swayed less is better"
    assert '<span class="change-same">+20 points' in text, "a control is no merit"
    assert "held-out-reliance" not in shown(before={"accuracy": 0.5}, after={"accuracy": 0.5})
