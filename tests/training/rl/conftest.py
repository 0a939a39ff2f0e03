"""A run of the loop for each test that asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.rl.runs import Run


@pytest.fixture
def make_run(tiny_model_dir: Path, tmp_path: Path):
    return lambda name="run": Run(tiny_model_dir, tmp_path / name)
