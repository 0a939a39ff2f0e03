"""The table of robustness: what holds is told, what does not ends with 1, and nothing is left of either."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from tests.robustness import registry
from tests.robustness.__main__ import main
from tests.robustness.registry import Figure, none

FAKES = """
import subprocess, sys, time
from tests.robustness.registry import Figure, Scenario, none

def holds(folder):
    (folder / "data").mkdir()
    return {"lost": 0, "words": "all told", "share": 0.25}

def breaks(folder):
    return {"lost": 3}

def raises(folder):
    raise ValueError("a disk that is on fire")

def hangs(folder):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "%s"], start_new_session=True)
    time.sleep(600)

LOST = none("lost", "lost", before="7")
SHARE = Figure("share", "share", most=0.5)
SCENARIOS = (
    Scenario("holds", "nothing", (LOST, Figure("words", "in words"), SHARE), holds),
    Scenario("breaks", "a bit", (LOST,), breaks),
    Scenario("raises", "more", (LOST,), raises),
    Scenario("hangs", "most", (LOST,), hangs, limit_s=3),
)
"""


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with four scenarios; the name of the data folder marks what they start."""
    folder = tmp_path / "fakes_of_robustness"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "some.py").write_text(FAKES % tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return folder.name


def rows(text: str) -> dict[str, str]:
    """The first row of each scenario."""
    return {line.split("**")[1]: line for line in text.splitlines() if line.startswith("| **")}


@pytest.mark.processes
def test_what_does_not_hold_is_told_and_nothing_is_left_running(
    fakes: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table.md"
    assert main(["--out", str(out)], fakes) == 1
    told = rows(out.read_text())
    assert told["holds"] == "| **holds**: nothing | lost | 0 | 7 | 0 |"
    assert "|  | share | at most 0.5 |  | 0.25 |" in out.read_text()
    assert told["breaks"].endswith("| 0 | 7 | **3** |")
    assert "**failed**: ended with 1: ValueError: a disk that is on fire" in told["raises"]
    assert "**failed**: took longer than 3 s" in told["hangs"]
    assert "Failed: breaks, raises, hangs." in out.read_text()
    assert "breaks: lost: wanted 0, got 3" in capfd.readouterr().err
    assert not [it for it in psutil.process_iter() if str(tmp_path) in " ".join(_words(it))]

    # What was not run anew is kept; the exit code is of what was run.
    assert main(["--out", str(out), "--only", "holds"], fakes) == 0
    assert set(rows(out.read_text())) == {"holds", "breaks", "raises", "hangs"}
    assert json.loads(out.with_suffix(".json").read_text())["now"]["breaks"]["figures"] == {"lost": 3}


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_an_unknown_scenario_is_refused(fakes: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "nothing"], fakes) == 2
    assert "there are holds, breaks" in capfd.readouterr().err
    assert main(["--list", "--without", "hangs"], fakes) == 0
    assert capfd.readouterr().out == "holds: nothing\nbreaks: a bit\nraises: more\n"


def test_a_figure_holds_within_its_bounds() -> None:
    assert Figure("a", "a").holds("said") and not Figure("a", "a").holds(None)
    assert Figure("a", "a", most=5).holds(5) and not Figure("a", "a", most=5).holds(5.1)
    assert Figure("a", "a", least=5).holds(5) and not Figure("a", "a", least=5).holds(4)
    assert not none("a", "a").holds("0") and not none("a", "a").holds(float("nan"))
    assert Figure("a", "a", least=1, most=2).wanted() == "at least 1, at most 2"
    assert none("a", "a").wanted() == "0"


def test_every_scenario_says_what_it_tells() -> None:
    for _, scenario in registry.find().values():
        names = [figure.name for figure in scenario.figures]
        assert names and len(names) == len(set(names))
        assert scenario.tried and "|" not in scenario.tried
        assert any(figure.wanted() for figure in scenario.figures)
