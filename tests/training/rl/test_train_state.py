"""A checkpoint is written where there is room for it."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from sayo_app.run_config import RunConfig
from training.rl import train_state
from training.state.checkpoint import Progressed


def test_no_checkpoint_takes_the_room_of_corrections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The earlier one stays, and the run goes on."""
    written: list[Path] = []
    monkeypatch.setattr(train_state, "save_checkpoint", lambda folder, *_: written.append(folder))
    state = Mock(spec=train_state.TrainState)
    state.accelerator, state.policy, state.optimiser = Mock(is_main_process=True), None, None
    state.config = RunConfig()
    for free in (299_000_000, 300_000_000):
        monkeypatch.setattr(train_state, "free_bytes", lambda folder, free=free: free)
        train_state.keep(state, tmp_path, Progressed(1, {}))
    assert written == [tmp_path]
    assert "No checkpoint: 299 MB are free, and 300 MB are for corrections" in caplog.text
