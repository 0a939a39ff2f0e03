"""What the Retrain tab says of a run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sayo_app.run_config import RunConfig
from sayo_app.ui.retrain import run_view
from sayo_app.ui.retrain.tab import cancelled_text
from sayo_app.ui.shared.studio import Studio
from storage.base.records import RunRecord


def run_record(folder: Path, **fields: object) -> RunRecord:
    now = datetime.now(UTC)
    values = {
        "id": 3,
        "state": "running",
        "config": RunConfig(steps=10).to_dict(),
        "record": {},
        "notes": "",
        "device": "cpu",
        "pid": 1,
        "host": None,
        "process_started_at": 0.0,
        "process_identity": None,
        "error": None,
        "created_at": now,
        "started_at": now,
        "cancel_requested_at": None,
        "finished_at": None,
        "adapter_id": None,
        "folder": folder,
    }
    return RunRecord(**(values | fields))


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("running", "running", "Run 3 is being cancelled."),
        ("queued", "cancelled", "Run 3 is cancelled."),
        ("finished", "finished", "Run 3 is finished already: there is nothing to cancel."),
        ("running", "finished", "Run 3 is finished already: there is nothing to cancel."),
        ("cancelled", "cancelled", "Run 3 is cancelled already: there is nothing to cancel."),
    ],
)
def test_a_press_of_cancel_says_what_it_did(tmp_path: Path, before: str, after: str, text: str) -> None:
    assert cancelled_text(run_record(tmp_path, state=before), run_record(tmp_path, state=after)) == text


def test_status_of_a_run(studio: Studio, tmp_path: Path) -> None:
    events = [{"kind": "step", "step": 4, "steps": 10, "remaining_s": 75.2}]
    text = run_view._status(studio, run_record(tmp_path), events)
    assert "step 4 of 10" in text
    assert "about 1 min 15 s left" in text
    assert "width:40.0%" in text
    now = datetime.now(UTC)
    failed = run_record(
        tmp_path, state="failed", error="<killed>", started_at=now - timedelta(seconds=9), finished_at=now
    )
    text = run_view._status(studio, failed, events)
    assert "&lt;killed&gt;" in text
    assert "took 9 s" in text
    assert "Being cancelled" in run_view._status(
        studio, run_record(tmp_path, cancel_requested_at=now), events
    )


def test_too_few_corrections_says_how_many(studio: Studio) -> None:
    assert "9 more" in run_view.enough_text(studio, 3, 12)
    assert "too-few" not in run_view.enough_text(studio, 12, 12)


def test_nothing_is_sent_when_nothing_changed(studio: Studio) -> None:
    view = run_view.run_view(studio, {}, 0)
    assert view is not None
    assert run_view.run_view(studio, view[0], 0) is None
