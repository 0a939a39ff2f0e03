"""Verdicts on pairs worked out by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayo_app.core.verdict import Verdict, judge_change, paired_change


def answers(*values: float | None, attention: float | None = None) -> list[dict[str, float | None]]:
    return [{"answer": value, "attention": attention} for value in values]


def test_the_interval_of_paired_shares_by_hand() -> None:
    # n = 8, b = 6, c = 0: p = 7/10, q = 1/10; 0.6 ± 1.96 √((0.8 - 0.36) / 10) = 0.6 ± 0.4111
    change = paired_change([0] * 6 + [1, 1], [1] * 8)
    assert (change.count, change.before, change.after) == (8, 0.25, 1.0)
    assert (change.low, change.high) == pytest.approx((0.1889, 1.0), abs=1e-4)


def test_the_interval_of_paired_means_by_hand() -> None:
    # Differences 0.1, 0.2, 0.3: mean 0.2, deviation 0.1; 0.2 ± 4.303 · 0.1 / √3 = 0.2 ± 0.2484
    change = paired_change([0.0, 0.1, 0.2], [0.1, 0.3, 0.5])
    assert (change.low, change.high) == pytest.approx((-0.0484, 0.4484), abs=1e-4)


def test_one_pair_tells_nothing() -> None:
    change = paired_change([0.2], [0.9])
    assert (change.low, change.high) == (-math.inf, math.inf)
    found = judge_change(answers(None, attention=0.2), answers(None, attention=0.9))
    assert found.word == "same"
    stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert stored["changes"]["attention"]["low"] is None
    assert Verdict.from_dict(stored) == found


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ([0] * 6 + [1, 1], [1] * 8, "better"),
        ([1] * 8, [0] * 6 + [1, 1], "worse"),
        ([0, 0, 0], [1, 1, 1], "same"),  # three out of three may be chance: 0.6 ± 0.70
        ([0, 1] * 8, [1, 0] * 8, "same"),
    ],
)
def test_right_answers_decide(before: list[int], after: list[int], word: str) -> None:
    found = judge_change(answers(*before), answers(*after))
    assert (found.word, found.offered) == (word, word == "better")


def looks(values: list[float], right: list[int]) -> list[dict[str, float]]:
    return [{"attention": look, "answer": one} for look, one in zip(values, right, strict=True)]


@pytest.mark.parametrize(
    ("right", "then", "word"),
    [([1, 0, 0, 1], [1, 0, 0, 1], "better"), ([1, 1, 0, 0], [0, 1, 0, 0], "same")],
)
def test_better_looks_count_where_no_answers_are_lost(right: list[int], then: list[int], word: str) -> None:
    off, on = [0.0, 0.1, 0.0, 0.1], [0.5, 0.7, 0.4, 0.6]
    found = judge_change(looks(off, right), looks(on, then))
    assert found.word == word
    assert "SAYO reward 0.05 → 0.55 on 4 corrections" in found.text
    assert judge_change(looks(on, right), looks(off, right)).word == "worse"


def test_what_only_one_side_knows_is_left_out() -> None:
    found = judge_change(answers(1, None, 0), answers(None, 1, 1))
    assert found.changes["answer"].count == 1
    assert list(found.changes) == ["answer"]
    assert judge_change([], []).word == "same"


def test_the_text_has_the_numbers() -> None:
    text = judge_change(answers(*[0] * 6, 1, 1), answers(*[1] * 8)).text
    assert (
        text == "Better. Right answers 25 % → 100 % on 8 corrections, +75 points (95 % interval +19 to +100)."
    )


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=40))
def test_swapping_before_and_after_mirrors_the_interval(pairs: list[tuple[float, float]]) -> None:
    one, two = zip(*pairs, strict=True)
    there, back = paired_change(one, two), paired_change(two, one)
    assert np.allclose([there.low, there.high], [-back.high, -back.low])
    assert there.low <= there.high
