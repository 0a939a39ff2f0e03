"""A run's held-out answers as its folder keeps them: the job writes, its verdict and the page read.

evaluations/000020.json     after step 20: figures of all answers, and their means
evaluations/000020-0.png    where the model looked for the first of them
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sayo_app.core.files import write_text
from sayo_app.core.verdict import KEPT, Verdict, judge_change
from sayo_app.errors import StorageError

_FOLDER = "evaluations"
_FIELDS = ("picture_id", "question", "wanted", "text")


@dataclass(frozen=True)
class HeldOutAnswer:
    """One answer.

    Attributes:
        wanted: the right answer, where somebody said what it is.
        text: what the model said.
        figures: by the names in `verdict.KEPT`; None for what could not be measured.
        drawn: name of the picture of where it looked; None where there is none.
    """

    picture_id: str
    question: str
    wanted: str | None
    text: str
    figures: Mapping[str, float | None]
    drawn: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """All held-out answers after so many steps, always in the same order, and the means of their figures."""

    step: int
    summary: Mapping[str, Any]
    answers: tuple[HeldOutAnswer, ...]


def evaluation_files(run_folder: Path) -> list[Path]:
    """Those of a run, first step first."""
    return sorted((run_folder / _FOLDER).glob("*.json"))


def picture_path(run_folder: Path, step: int, number: int) -> Path:
    """Where the picture lies of where the model looked for an answer. Args: number: of the answer, from 0."""
    return run_folder / _FOLDER / f"{step:06d}-{number}.png"


def write_evaluation(run_folder: Path, evaluation: Evaluation) -> None:
    """Raises: StorageError: it cannot be written."""
    content = {
        "step": evaluation.step,
        "summary": dict(evaluation.summary),
        "answers": [_row(answer) for answer in evaluation.answers],
    }
    write_text(_path(run_folder, evaluation.step), json.dumps(content, allow_nan=False))


def read_evaluation(path: Path) -> Evaluation:
    """One of `evaluation_files`.

    Raises:
        StorageError: it is damaged or gone.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        answers = tuple(_answer(row) for row in data["answers"])
        return Evaluation(int(data["step"]), dict(data["summary"]), answers)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            expected=f"the answers of an evaluation in {path.name}",
            got=f"{type(error).__name__}: {error}",
            remedy="Delete the file; the run's progress has the means of its figures.",
        ) from error


def verdict_after(run_folder: Path, step: int) -> Verdict:
    """Compare the answers before the first step with those after so many, pair by pair.

    Raises:
        StorageError: one of the two is damaged or gone.
    """
    before, after = (read_evaluation(_path(run_folder, number)) for number in (0, step))
    return judge_change(_figures(before.answers), _figures(after.answers))


def forget(run_folder: Path) -> None:
    """Delete all that a run has kept: it is to start from its beginning, on other corrections."""
    shutil.rmtree(run_folder / _FOLDER, ignore_errors=True)


def _path(run_folder: Path, step: int) -> Path:
    return run_folder / _FOLDER / f"{step:06d}.json"


def _figures(answers: Sequence[HeldOutAnswer]) -> list[Mapping[str, float | None]]:
    return [answer.figures for answer in answers]


def _row(answer: HeldOutAnswer) -> dict[str, Any]:
    row = {name: getattr(answer, name) for name in _FIELDS} | dict(answer.figures)
    return row if answer.drawn is None else row | {"drawn": answer.drawn}


def _answer(row: Mapping[str, Any]) -> HeldOutAnswer:
    figures = {name: row.get(name) for name in KEPT}
    return HeldOutAnswer(**{name: row[name] for name in _FIELDS}, figures=figures, drawn=row.get("drawn"))
