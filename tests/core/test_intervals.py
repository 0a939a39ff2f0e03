"""95 % intervals worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayo_app.core.intervals import (
    mean_interval,
    median_interval,
    normal_half_width,
    paired_parts_interval,
    paired_share_interval,
    share_interval,
    t_quantile,
)


def test_a_share_by_hand() -> None:
    # 7 of 10, z² = 3.8415: (0.7 + 0.1921 ± 1.96 √(0.021 + 0.0096)) / 1.3841 = (0.8921 ± 0.3429) / 1.3841
    assert share_interval(0.7, 10) == pytest.approx((0.3968, 0.8922), abs=1e-4)
    # Nothing of 10 is not sure never to be: z² / (n + z²) = 3.8415 / 13.8415.
    assert share_interval(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_paired_shares_by_hand() -> None:
    # n = 8, 6 won, none lost: p = 7/10, q = 1/10; 0.6 ± 1.96 √((0.8 - 0.36) / 10) = 0.6 ± 0.4111
    assert paired_share_interval(6, 0, 8) == pytest.approx((0.1889, 1.0), abs=1e-4)
    # As many won as lost: 0 ± 1.96 √(0.8 / 10) = 0 ± 0.5544
    assert paired_share_interval(3, 3, 8) == pytest.approx((-0.5544, 0.5544), abs=1e-4)


def test_paired_parts_by_hand() -> None:
    # Thirds up by 1/3, 1, 1, with 1 and -1: mean (7/3)/5 = 0.4667, mean square (3 + 1/9 + 1)/5 = 0.8222;
    # 0.4667 ± 1.96 √((0.8222 - 0.2178) / 5) = 0.4667 ± 0.6814
    found = paired_parts_interval(np.array([1 / 3, 1.0, 1.0]))
    assert found == pytest.approx((-0.2148, 1.0), abs=1e-4)
    # No further than the largest difference goes, or 1.
    assert paired_parts_interval(np.full(8, 4 / 3))[1] == 4 / 3
    # Two alike are not certain, though they do not differ: (2/3)/4 = 0.1667 ± 1.96 √((0.5556 - 0.0278) / 4)
    assert paired_parts_interval(np.array([1 / 3, 1 / 3])) == pytest.approx((-0.5453, 0.8786), abs=1e-4)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20))
def test_parts_that_are_whole_have_the_interval_of_shares(won: int, lost: int, others: int) -> None:
    low, high = paired_parts_interval(np.repeat([1.0, -1.0, 0.0], [won, lost, others]))
    wanted = paired_share_interval(won, lost, won + lost + others)
    assert (low, high) == pytest.approx(wanted)


def test_a_mean_by_hand() -> None:
    # 0.1, 0.2, 0.3: deviation 0.1; 0.2 ± 4.303 · 0.1 / √3 = 0.2 ± 0.2484
    assert mean_interval(np.array([0.1, 0.2, 0.3])) == pytest.approx((-0.0484, 0.4484), abs=1e-4)
    assert mean_interval(np.array([0.5])) == (-math.inf, math.inf)


def test_the_normal_half_width_by_hand() -> None:
    # Three of four: deviation 0.5; 1.96 · 0.5 / 2 = 0.49
    assert normal_half_width(np.array([0.0, 1.0, 1.0, 1.0])) == pytest.approx(0.49, abs=1e-4)
    assert normal_half_width(np.array([2.0])) == 0


def test_a_median_does_not_move_for_one_wild_value() -> None:
    assert median_interval(np.full(9, 1.01)) == (1.01, 1.01)
    # It is the median of a sample only if drawn 5 times of 9, at a ninth each: about 1 in 1,000.
    assert median_interval(np.array([1.0] * 8 + [9.0])) == (1.0, 1.0)
    # Of 0 and 1: a sample's median is 0, 1/2 or 1, a quarter, a half, a quarter of the time.
    assert median_interval(np.array([0.0, 1.0])) == (0.0, 1.0)


def test_the_quantiles_of_t() -> None:
    # From tables: 12.706 at 1, 2.042 at 30, 2.021 at 40, 1.984 at 100.
    assert [round(t_quantile(n), 2) for n in (1, 30, 40, 100)] == [12.71, 2.04, 2.02, 1.98]


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20))
def test_swapping_won_and_lost_mirrors_the_interval(won: int, lost: int, others: int) -> None:
    (low, high), (back_low, back_high) = (
        paired_share_interval(*pair, won + lost + others) for pair in ((won, lost), (lost, won))
    )
    assert (low, high) == pytest.approx((-back_high, -back_low)) and low <= high
