"""The answers that a browser tab can still be asked about."""

from __future__ import annotations

import pytest
from PIL import Image

from sayo_app.errors import CorrectionError, InputError
from sayo_app.ui.shared.answers import Answered, Answers, head_of
from tests.ui.driving import held, make_trace


def answered() -> Answered:
    return Answered("a", held(Image.new("RGB", (320, 240))), "What?", make_trace())


@pytest.mark.parametrize(
    "view", ["", "layer:", "layer:-1", "layer:7", "layer:x", "gradient", "no such", "head:0:0"]
)
def test_views_that_no_recording_has_are_refused(view: str) -> None:
    with pytest.raises(InputError):
        answered().token_maps(view)


def test_only_the_last_answers_are_kept() -> None:
    answers = Answers()
    for number in range(12):
        answers.remember(Answered(str(number), (), "", make_trace()))
    assert answers.get("11") is not None and answers.get("0") is None
    with pytest.raises(CorrectionError, match="let go of"):
        answers.find("0")
    with pytest.raises(CorrectionError, match="Ask the question again"):
        answers.find({"id": 3})


@pytest.mark.parametrize("view", ["head:1", "head:1:2:3", "head:a:b", "layer:1:2", "head:-1:0"])
def test_heads_are_named_by_layer_and_number(view: str) -> None:
    assert head_of("head:12:3") == (12, 3)
    with pytest.raises(InputError):
        head_of(view)
