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


def hanging(
    reliance: float | None = None,
    distraction: float | None = None,
    control: float | None = None,
    right: list[int] | None = None,
    attention: list[float] | None = None,
) -> list[dict[str, float | None]]:
    """Eight answers that hang alike on what is covered, all of them right unless it says which."""
    shares = {"reliance": reliance, "distraction": distraction, "control": control}
    looked = attention or [None] * 8
    rights = [1] * 8 if right is None else right or [None] * 8
    return [shares | {"answer": one, "attention": look} for one, look in zip(rights, looked, strict=True)]


SEVEN = [1] * 7 + [0]
NONE_KNOWN: list[int] = []
LITTLE, MUCH = [0.0, 0.1] * 4, [0.6, 0.7] * 4


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        # Eight that rose by 1: (8 + 0)/10 = 0.8 ± 1.96 √((1 - 0.64) / 10) = 0.8 ± 0.37.
        (hanging(0, control=0), hanging(1, control=0), "better"),
        (hanging(1, control=0), hanging(0, control=0), "worse"),
        # By a third each: 0.2667 ± 1.96 √((0.2889 - 0.0711) / 10) = 0.2667 ± 0.2893, which may be chance.
        (hanging(0, control=0), hanging(1 / 3, control=0), "same"),
        # Covering anything changes the answers: they hang on nothing in particular.
        (hanging(0, control=0), hanging(1, control=1), "same"),
        (hanging(1, control=1), hanging(1, control=0), "better"),
        # Nothing to hold it against.
        (hanging(0), hanging(1), "same"),
        (hanging(None, 1), hanging(None, 0), "better"),
        (hanging(None, 0), hanging(None, 1), "worse"),
        # It may have stopped looking: with right answers that would show.
        (hanging(None, 1, right=NONE_KNOWN), hanging(None, 0, right=NONE_KNOWN), "same"),
        # One does not make up for the other.
        (hanging(1, 1, 0), hanging(0, 0, 0), "worse"),
        (hanging(0, 0, 0), hanging(1, 1, 0), "worse"),
        # An answer lost on balance, and one gained.
        (hanging(0, control=0), hanging(1, control=0, right=SEVEN), "same"),
        (hanging(1, control=0, right=SEVEN), hanging(0, control=0), "same"),
        # What answers hang on goes before looks, either way.
        (hanging(0, control=0, attention=MUCH), hanging(1, control=0, attention=LITTLE), "better"),
        (hanging(1, control=0, attention=LITTLE), hanging(0, control=0, attention=MUCH), "worse"),
        (hanging(0, control=0, attention=LITTLE), hanging(0, control=0, attention=MUCH), "better"),
        # Right answers go before both.
        (hanging(1, control=0, right=[0] * 8), hanging(0, control=0), "better"),
    ],
)
def test_what_answers_hang_on_counts_where_no_answers_are_lost(
    before: list[dict[str, float | None]], after: list[dict[str, float | None]], word: str
) -> None:
    assert judge_change(before, after).word == word


def test_reliance_is_held_against_random_regions_answer_by_answer() -> None:
    # Less control: 0 - 1/3 → 1 - 0 in each of the first four, 0 → 0 in the others.
    before = hanging(0, control=1 / 3)[:4] + hanging(0, control=0)[:4]
    after = hanging(1, control=0)[:4] + hanging(0, control=0)[:4]
    change = judge_change(before, after).changes["margin"]
    # The differences 4/3 and 0: mean 16/3 / 10 = 0.5333, mean square (4 · 16/9 + 2) / 10 = 0.9111.
    assert (change.count, change.before, change.after) == (8, pytest.approx(-1 / 6), 0.5)
    assert (change.low, change.high) == pytest.approx((0.0427, 1.0240), abs=1e-4)


def test_the_text_says_what_answers_hang_on() -> None:
    text = judge_change(hanging(1 / 3, 1, 0), hanging(1, 0, 0)).text
    assert text.startswith(
        "Better. Same answers; they now hang on the drawn region: 33 % → 100 % (a random region: 0 % → 0 %); "
        "swayed by the marked distraction: 100 % → 0 %. Right answers 100 % → 100 % on 8 corrections"
    )
    text = judge_change(hanging(0, 1, 0), hanging(1 / 3, 2 / 3, 0, right=SEVEN)).text
    assert text.startswith(
        "No difference that could not be chance. Fewer right answers; they hang on the drawn region as "
        "before, as far as can be told: 0 % → 33 % (a random region: 0 % → 0 %); swayed by the marked "
        "distraction as before, as far as can be told: 100 % → 67 %."
    )
    text = judge_change(hanging(1, 0, 0, right=NONE_KNOWN), hanging(0, 1, 0, right=NONE_KNOWN)).text
    assert text.startswith(
        "Worse. They hang less on the drawn region: 100 % → 0 % (a random region: 0 % → 0 %); swayed more by "
        "the marked distraction: 0 % → 100 %."
    )
    looking = judge_change(
        hanging(1, control=0, attention=LITTLE), hanging(1, control=0, attention=MUCH)
    ).text
    assert looking.startswith(
        "Better at looking; answers are no worse on balance. Same answers; they hang on"
    )
    assert "SAYO reward 0.05 → 0.65 on 8 corrections" in looking
    lost = judge_change(hanging(0, control=0), hanging(1, control=0, right=SEVEN)).text
    assert lost.startswith("No better: what answers hang on and how many are right have changed in opposite")


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
