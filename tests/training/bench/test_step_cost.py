"""The bench at its smallest: both sides on a tiny model, and what the figures add up to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from training.__main__ import main
from training.bench import step_cost
from training.bench.step_cost import COLUMNS, SIDES
from training.rl.reporting import PARTS


@pytest.mark.training
def test_a_small_bench_measures_both_sides(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ours in this process, as importing everything anew takes longer than the rest; trl's in its own."""

    def run(options: Any, side: str) -> dict[str, Any]:
        return step_cost.one(options, side) if side == "ours" else in_a_process(options, side)

    in_a_process = step_cost.in_a_process
    monkeypatch.setattr(step_cost, "in_a_process", run)
    out = tmp_path / "step_cost.json"
    words = "--rounds 1 --steps 1 --prompts 2 --generations 2 --max-new-tokens 5 --device cpu --json"
    assert main(["bench", "--model", str(tiny_model_dir), "--out", str(out), *words.split()]) == 0
    result = json.loads(out.read_text())
    assert result == json.loads(capsys.readouterr().out)
    assert set(result["sides"]) == set(SIDES) and "trl" in result["versions"]
    for row in result["sides"].values():
        assert set(COLUMNS) < set(row) and all(row[part] > 0 for part in PARTS)
        assert sum(row[part] for part in (*PARTS, "other")) == pytest.approx(row["seconds"], abs=1e-3)
        assert row["samples_s"] == pytest.approx(4 / row["seconds"], rel=1e-2)
        assert 0 < row["scoring_share"] < 1 and 1 <= row["tokens"] <= 5 and row["peak_mb"] >= 0
    ratio = result["times_faster"]
    mine, theirs = (result["sides"][side]["seconds"] for side in SIDES)
    assert ratio["least"] == ratio["median"] == ratio["most"] == pytest.approx(theirs / mine, abs=1e-2)
    assert "times_faster" in step_cost.table(result)


def test_without_trl_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(step_cost.importlib.util, "find_spec", lambda name: None)
    assert main(["bench"]) == 1
    assert "pip install -r tests/requirements.txt" in capsys.readouterr().err


def test_ratios_are_of_the_two_turns_of_a_round() -> None:
    def turns(*seconds: float) -> list[dict[str, Any]]:
        return [{"steps": [{"seconds": one}] * 3} for one in seconds]

    found = step_cost._ratio({"ours": turns(1.0, 2.0, 1.0), "trl": turns(2.0, 6.0, 5.0)}, "seconds")
    assert found == {"median": 3.0, "least": 2.0, "most": 5.0}
