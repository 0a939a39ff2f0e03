from __future__ import annotations

import pytest

from sayo_app.core.question import check_question
from sayo_app.errors import QuestionError


def test_white_space_round_a_question_is_none_of_it() -> None:
    assert check_question("  Which? \n", 6) == "Which?"
    assert check_question("W" * 100_000) == "W" * 100_000


@pytest.mark.parametrize("question", ["", " \n\t", None])
def test_an_empty_question_is_refused(question: str | None) -> None:
    with pytest.raises(QuestionError, match="empty"):
        check_question(question)


def test_an_overlong_question_is_refused() -> None:
    with pytest.raises(QuestionError, match="at most 6 characters, got 7"):
        check_question(" Whiches ", 6)
