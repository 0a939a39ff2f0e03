"""What a question is, wherever one comes from: the page, a file, the model's prompt."""

from __future__ import annotations

from sayo_app.errors import QuestionError


def check_question(question: str | None, max_chars: int | None = None) -> str:
    """The question without the white space around it.

    Raises:
        QuestionError: nothing is left of it, or it is longer than `max_chars`.
    """
    text = (question or "").strip()
    if not text:
        raise QuestionError(expected="a question", got="an empty one", remedy="Type what you want to know.")
    if max_chars is not None and len(text) > max_chars:
        raise QuestionError(
            expected=f"a question of at most {max_chars:,} characters",
            got=f"{len(text):,} characters",
            remedy="Shorten it; what you typed is still there.",
        )
    return text
