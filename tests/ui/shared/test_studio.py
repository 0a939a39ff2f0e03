"""Questions that cannot be asked are said to be so before the model is."""

from __future__ import annotations

import pytest

from sayo_app.errors import PictureError, QuestionError
from sayo_app.ui.shared.studio import Studio


@pytest.mark.parametrize("question", ["", "   \n", None, "a" * 20_000])
def test_empty_and_overlong_questions(studio: Studio, question: str | None) -> None:
    with pytest.raises(QuestionError):
        studio.check_question(question)


def test_question_without_a_picture(studio: Studio) -> None:
    with pytest.raises(PictureError, match="Upload one"):
        next(studio.answer((), "What is here?", None))
