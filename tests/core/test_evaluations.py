"""Held-out answers in a run's folder: what is written comes back, and what the version before wrote."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from sayo_app.core.evaluations import (
    Evaluation,
    HeldOutAnswer,
    evaluation_files,
    forget,
    picture_path,
    read_evaluation,
    verdict_after,
    write_evaluation,
)
from sayo_app.core.verdict import KEPT
from sayo_app.errors import StorageError
from sayo_app.settings import REPOSITORY_DIR


def answered(right: float | None, drawn: str | None = None) -> HeldOutAnswer:
    figures = dict.fromkeys(KEPT) | {"answer": right}
    return HeldOutAnswer("a" * 64, "Which?", None, "<answer>é</answer>", figures, drawn)


def test_what_is_written_comes_back_in_the_order_of_the_steps(tmp_path: Path) -> None:
    for step in (20, 0, 100):
        drawn = picture_path(tmp_path, step, 0).name
        write_evaluation(tmp_path, Evaluation(step, {"count": 2}, (answered(1.0, drawn), answered(None))))
    files = evaluation_files(tmp_path)
    assert [read_evaluation(path).step for path in files] == [0, 20, 100]
    found = read_evaluation(files[1])
    assert found.answers == (answered(1.0, "000020-0.png"), answered(None))
    assert found.summary == {"count": 2} and files[1].parent == picture_path(tmp_path, 20, 0).parent
    forget(tmp_path)
    assert evaluation_files(tmp_path) == []


def test_the_verdict_compares_the_first_step_with_another(tmp_path: Path) -> None:
    for step, right in ((0, 0.0), (5, 1.0), (9, 0.0)):
        write_evaluation(tmp_path, Evaluation(step, {}, (answered(right),) * 8))
    assert [verdict_after(tmp_path, step).word for step in (5, 9)] == ["better", "same"]
    with pytest.raises(StorageError, match=r"000007\.json"):
        verdict_after(tmp_path, 7)


def test_what_answers_hang_on_is_kept_and_compared(tmp_path: Path) -> None:
    for step, reliance in ((0, 0.0), (5, 1.0)):
        figures = dict.fromkeys(KEPT) | {"reliance": reliance, "control": 1 / 3, "reliance_logp": 2 / 3}
        answer = HeldOutAnswer("a" * 64, "Which?", None, "", figures)
        write_evaluation(tmp_path, Evaluation(step, {}, (answer,) * 8))
    assert read_evaluation(evaluation_files(tmp_path)[1]).answers[0].figures["reliance_logp"] == 2 / 3
    found = verdict_after(tmp_path, 5)
    assert found.word == "better" and "hang on the drawn region: 0 % → 100 %" in found.text


@pytest.mark.parametrize("content", ["", "[]", '{"step": 1, "summary": {}}', '{"step": 1, "answers": [3]}'])
def test_a_damaged_file_is_said_to_be_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "000001.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StorageError, match="Delete the file"):
        read_evaluation(path)


def test_evaluations_of_the_version_before_are_read(tmp_path: Path) -> None:
    with tarfile.open(REPOSITORY_DIR / "tests" / "data" / "v0_1" / "data.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    run = tmp_path / "data" / "runs" / "1"
    files = evaluation_files(run)
    assert [path.stem for path in files] == ["000000", "000002", "000004"]
    for path in files:
        found = read_evaluation(path)
        rows = json.loads(path.read_text(encoding="utf-8"))["answers"]
        assert [answer.figures["answer"] for answer in found.answers] == [row["answer"] for row in rows]
        drawn = [answer.drawn for answer in found.answers if answer.drawn]
        assert drawn and all((path.parent / name).exists() for name in drawn)
        assert all(answer.figures["reliance"] is None for answer in found.answers)
    assert verdict_after(run, 4).changes
