"""The benchmark runs on a small store; what it measures is of no interest here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storage.__main__ import main
from storage.bench import QUERIES


def test_figures_are_written_as_they_come(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bench.jsonl"
    out.write_text('{"earlier": true}\n')
    assert main(["bench", "--rows", "60", "--repeats", "2", "--json", "--out", str(out), "--server", ""]) == 0
    lines = out.read_text().splitlines()
    assert capsys.readouterr().out.splitlines() == lines[1:]
    figures = [json.loads(line) for line in lines[1:]]
    assert {figure["what"] for figure in figures} == {"save", "draft", "count"} | {
        f"page: {name}" for name in QUERIES
    }
    assert all(figure["p50"] <= figure["p95"] and figure["rows"] == 60 for figure in figures)
