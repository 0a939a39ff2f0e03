"""What is read of an answer: whether it is right, whose it is, and where it looked as it settled on that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.scenes.confounders import ConfoundedScene
from sayo_app.ui.tour.asking import Found, Said, deciding_row
from sayo_app.ui.tour.drawn import card_html, hints_html, lying_html, met_html, sides_html, steps_html
from sayo_app.ui.tour.scenes import Part, scene_of
from tests.ui.driving import make_trace

AGREES, LIES = scene_of(Part.SHOWN, 0), scene_of(Part.LYING, 0)


@pytest.fixture
def trace() -> AttentionTrace:
    """Row i looks at cell i; "The cat is here. <answer>cat</answer>": the reasoning names it in token 1."""
    return make_trace()


def test_the_row_that_decides_is_the_one_before_the_answer_in_the_reasoning(trace: AttentionTrace) -> None:
    assert int(np.argmax(deciding_row(trace))) == 0
    assert deciding_row(trace).dtype == np.float64
    np.testing.assert_allclose(deciding_row(trace), trace.attention[0, -1])


def test_an_answer_in_another_form_gives_the_mean(trace: AttentionTrace) -> None:
    other = replace(trace, tokens=tuple("abcdefghi"))
    np.testing.assert_allclose(deciding_row(other), trace.attention[:, -1].mean(axis=0), rtol=1e-5)


def said(scene: ConfoundedScene, text: str | None = None) -> Said:
    """An answer, the right one if no other is given, with a look that nobody had."""
    width, height = scene.picture.size
    trace = make_trace(image_wh=(width, height), grid_hw=(height // 32, width // 32))
    return Said(scene, trace, text or scene.question.answer, deciding_row(trace), 0.25, 0.5)


def test_an_answer_is_right_or_the_stamps() -> None:
    right, wrong, neither = said(LIES), said(LIES, LIES.suggested), said(LIES, "neither")
    assert (right.right, right.gives_the_stamp) == (True, False)
    assert (wrong.right, wrong.gives_the_stamp) == (False, True)
    assert (neither.right, neither.gives_the_stamp) == (False, False)


def test_a_card_says_what_was_answered_and_where_the_look_lay() -> None:
    text = card_html(said(LIES, "<b>"), "The stamp lies")
    assert "“&lt;b&gt;”" in text and f"wrong, it is {LIES.question.answer}" in text
    assert 'data-right="false"' in text and "width:50%" in text and "25 %" in text
    assert f"left:{100 * LIES.away_xyxy[0] / LIES.picture.width:.2f}%" in text
    assert 'data-right="true"' in card_html(said(AGREES), "The stamp agrees")


def test_what_was_met_is_summed_up() -> None:
    right, wrong = said(AGREES), said(LIES, LIES.suggested)
    text = met_html([right, right], 3, Found(wrong, 1, True), "")
    assert "Right in 2 of the first 3 pictures" in text and "50 % of the look" in text
    assert "right for the wrong reason" in text
    assert "right for the wrong reason" not in met_html([right], 3, Found(right, 40, False), "")
    assert "Asking" in met_html([right], 1, None, "Asking")


def test_before_and_after_say_so_where_nothing_was_mended() -> None:
    before, after = said(LIES, LIES.suggested), said(LIES)
    assert 'data-fits="true"' in sides_html(before, Found(after, 1, True))
    failed = sides_html(before, Found(before, 40, False))
    assert 'data-fits="false"' in failed and "Of 40 such pictures none" in failed


def test_steps_and_figures() -> None:
    text = steps_html(3)
    assert text.count("is-done") == 2 and text.count('aria-current="step"') == 1
    assert hints_html([scene_of(Part.SHOWN, 1)]).count("tour-box") == 2
    assert "answered <b>1</b> right before, and <b>23</b> now" in lying_html(1, 23, 24)
