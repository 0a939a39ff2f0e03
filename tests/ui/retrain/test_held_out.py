"""What the page says of held-out corrections: the verdict, and where the model looked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sayo_app.core.evaluations import (
    Evaluation,
    HeldOutAnswer,
    evaluation_files,
    picture_path,
    write_evaluation,
)
from sayo_app.core.verdict import judge_change
from sayo_app.ui.retrain.held_out import looks_html, verdict_html
from storage.base.records import AdapterRecord

RIGHT, WRONG = {"answer": 1.0}, {"answer": 0.0}


def adapter(**summary: Any) -> AdapterRecord:
    return AdapterRecord(1, "one", Path("one"), "bundled", 1, datetime.now(UTC), summary)


@pytest.mark.parametrize(
    ("before", "after", "word", "said"),
    [
        ([WRONG] * 8, [RIGHT] * 8, "better", "<b>Better.</b> It is offered"),
        ([RIGHT] * 8, [WRONG] * 8, "worse", "<b>Worse.</b> It is not offered"),
        (
            [RIGHT, WRONG],
            [WRONG, RIGHT],
            "same",
            "<b>No difference that could not be chance.</b> It is not offered",
        ),
    ],
)
def test_only_what_is_better_is_offered(before: list, after: list, word: str, said: str) -> None:
    stored = json.loads(json.dumps(judge_change(before, after).to_dict()))
    text = verdict_html(adapter(verdict=stored, step=5), done=5)
    assert f'data-word="{word}"' in text and said in text
    assert f"on {len(before)} corrections" in text and "SAYO reward" not in text


def test_what_answers_hang_on_is_said_and_explained() -> None:
    before, after = ({"answer": 1.0, "reliance": share, "control": 0.0} for share in (0.0, 1.0))
    text = verdict_html(adapter(verdict=judge_change([before] * 8, [after] * 8).to_dict(), step=5), done=5)
    assert "<b>Better.</b> Same answers; they now hang on the drawn region: 0 % → 100 %" in text
    assert "<li>Answers that change when the drawn region is covered 0 % → 100 % on 8 corrections" in text
    assert "by a blur" in text
    before, after = ({"attention": look, "reliance": 1.0} for look in (0.0, 0.5))
    text = verdict_html(adapter(verdict=judge_change([before] * 8, [after] * 8).to_dict(), step=5), done=5)
    assert (
        "<b>Better at looking; answers are no worse on balance.</b> They hang on the drawn region as" in text
    )
    assert "by a blur" not in verdict_html(adapter(verdict=judge_change([WRONG], [RIGHT]).to_dict()), done=5)


def test_an_adapter_that_went_back_says_to_which_step_and_one_without_a_verdict_where_to_look() -> None:
    stored = judge_change([WRONG] * 8, [RIGHT] * 8).to_dict()
    assert "after step 5" not in verdict_html(adapter(verdict=stored, step=5), done=5)
    assert "after step 5" in verdict_html(adapter(verdict=stored, step=5), done=9)
    assert "Compare" in verdict_html(adapter(), done=5)
    assert "deleted" in verdict_html(None, done=5)


def test_the_first_evaluation_and_the_last_three_are_shown_and_text_stays_text(tmp_path: Path) -> None:
    for step in (0, 5, 10, 15, 20):
        drawn = picture_path(tmp_path, step, 0)
        answers = (
            HeldOutAnswer("a", "<b>Which?", None, "<i>", {"answer": 1.0}, drawn.name),
            HeldOutAnswer("b", "Not drawn", "cat", "cat", {"answer": 1.0}),
        )
        write_evaluation(tmp_path, Evaluation(step, {}, answers))
        Image.new("RGB", (20, 10)).save(drawn)
    text = looks_html(evaluation_files(tmp_path))
    assert [f"After step {step}<" in text for step in (5, 10, 15, 20)] == [False, True, True, True]
    assert 'data-count="4"' in text and text.count("<img") == 4
    assert "&lt;b&gt;Which?" in text and "&lt;i&gt;" in text and "Not drawn" not in text
    picture_path(tmp_path, 20, 0).unlink()
    assert looks_html(evaluation_files(tmp_path)).count("<img") == 3
    assert "first evaluation" in looks_html([])
    evaluation_files(tmp_path)[1].write_text("{")
    assert "Before" in looks_html(evaluation_files(tmp_path)), "one that is not shown need not be whole"
    evaluation_files(tmp_path)[0].write_text("{")
    assert "000000.json" in looks_html(evaluation_files(tmp_path))
