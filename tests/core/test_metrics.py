from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sayo_app.core.grid import ImageGrid
from sayo_app.core.metrics import (
    image_share,
    pointing_game,
    region_energy,
    sayo_log_ratio,
    sayo_reward,
    top_entropy_tokens,
)
from sayo_app.errors import RegionError

GOLDEN = json.loads((Path(__file__).parent.parent / "data" / "sayo_reward_golden.json").read_text())["cases"]
attention = st.floats(1e-6, 1)


def mask_of(count: int, *cells: int) -> np.ndarray:
    mask = np.zeros(count, bool)
    mask[list(cells)] = True
    return mask


@pytest.mark.parametrize("case", GOLDEN, ids=[f"case{i}" for i in range(len(GOLDEN))])
def test_the_reward_is_that_of_the_reference_formula(case: dict[str, Any]) -> None:
    rows = np.array(case["head_mean_image_rows"])
    entropies = np.array(case["entropies"])
    assert top_entropy_tokens(entropies).tolist() == case["top_tokens"]
    reward = sayo_reward(rows, entropies, mask_of(rows.shape[1], *case["region_cells"]))
    assert reward == pytest.approx(case["reward"], abs=1e-5)


def test_the_reward_by_hand() -> None:
    # Of 4 tokens the last is out; int(0.3 * 3) = 0, at least one: token 1. Its mean in the region
    # is 0.3, on the image 0.15: tanh(log 2) = (4 - 1) / (4 + 1) = 0.6.
    rows = np.array([[0.9, 0.0, 0.0, 0.0], [0.3, 0.1, 0.1, 0.1], [0.0, 0.0, 0.0, 0.9]])
    entropies = np.array([0.1, 2.0, 0.3, 9.0])
    assert sayo_reward(rows, entropies, mask_of(4, 0)) == pytest.approx(0.6, abs=1e-6)


@pytest.mark.parametrize(
    ("entropies", "picked"),
    [
        ([], []),
        ([1.0], []),
        ([1.0, 5.0], [0]),
        ([1.0, 1.0, 1.0, 1.0], [0]),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99.0], [7, 8, 9]),
    ],
)
def test_how_many_tokens_are_read(entropies: list[float], picked: list[int]) -> None:
    assert top_entropy_tokens(np.array(entropies, dtype=float)).tolist() == picked


@given(arrays(np.float64, st.integers(2, 60), elements=st.floats(0, 12)))
def test_the_most_uncertain_are_picked_and_never_the_last(entropies: np.ndarray) -> None:
    picked = top_entropy_tokens(entropies)
    candidates = len(entropies) - 1
    rest = np.delete(entropies[:-1], picked)
    assert len(picked) == max(1, int(0.3 * candidates))
    assert picked.tolist() == sorted(set(picked.tolist())) and picked[-1] < candidates
    assert len(rest) == 0 or entropies[picked].min() >= rest.max()


rows_and_masks = st.integers(1, 8).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, (3, n), elements=attention),
        arrays(np.bool_, n).filter(lambda mask: mask.any()),
    )
)


@given(rows_and_masks, st.floats(0.5, 2))
def test_the_log_ratio_is_a_ratio(drawn: tuple[np.ndarray, np.ndarray], scale: float) -> None:
    rows, mask = drawn
    ratio = sayo_log_ratio(rows, mask)
    assert -1 <= ratio <= 1
    assert sayo_log_ratio(rows, np.ones_like(mask)) == pytest.approx(0, abs=1e-9)
    assert sayo_log_ratio(rows * scale, mask) == pytest.approx(ratio, abs=0.02)
    # Above 0 exactly where the region gets more than its share of the attention.
    if abs(ratio) > 1e-6:
        assert (ratio > 0) == (region_energy(rows.mean(axis=0), mask) > mask.mean())


def test_nothing_to_read_and_nowhere_to_look() -> None:
    assert sayo_reward(np.zeros((0, 3)), np.array([1.0]), mask_of(3, 1)) == 0
    with pytest.raises(RegionError, match="at least one image token"):
        sayo_reward(np.ones((2, 3)), np.ones(3), mask_of(3))


def test_no_attention_at_all_is_neither_good_nor_bad() -> None:
    # Both means are 0: log(1e-8 / 1e-8) = 0.
    assert sayo_reward(np.zeros((2, 3)), np.ones(3), mask_of(3, 1)) == 0


def test_float32_rows_give_the_same_reward() -> None:
    rows = np.random.default_rng(0).random((9, 500))
    mask = mask_of(500, *range(40))
    assert sayo_log_ratio(rows.astype(np.float32), mask) == pytest.approx(
        sayo_log_ratio(rows, mask), abs=1e-6
    )


def test_energy_by_hand() -> None:
    assert region_energy(np.array([1.0, 2.0, 3.0, 2.0]), mask_of(4, 1, 2)) == 5 / 8
    assert region_energy(np.zeros(4), mask_of(4, 1)) == 0
    assert region_energy(np.ones(4), mask_of(4)) == 0


@given(rows_and_masks)
def test_energy_inside_and_outside_make_one(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    rows, mask = drawn
    inside, outside = region_energy(rows[0], mask), region_energy(rows[0], ~mask)
    assert 0 <= inside <= 1 and inside + outside == pytest.approx(1)


@pytest.mark.parametrize(
    ("width", "peak", "hit"),
    # Cells of width w; the region is cell 0. The centre of cell 1 is w / 2 from it, that of cell 2 is 1.5 w.
    [(40, 0, True), (30, 1, True), (32, 1, False), (10, 2, True), (12, 2, False)],
)
def test_pointing_allows_fifteen_pixels(width: int, peak: int, hit: bool) -> None:
    grid = ImageGrid.regular((4 * width, width), (1, 4))
    values = np.full(4, 0.1)
    values[peak] = 0.7
    assert pointing_game(values, mask_of(4, 0), grid) is hit
    upright = ImageGrid.regular((width, 4 * width), (4, 1))
    assert pointing_game(values, mask_of(4, 0), upright) is hit


def test_pointing_nowhere_hits_nothing() -> None:
    grid = ImageGrid.regular((40, 10), (1, 4))
    assert not pointing_game(np.zeros(4), mask_of(4, 0), grid)
    assert not pointing_game(np.ones(4), mask_of(4), grid)


def test_the_image_share_of_a_token_is_its_rows_sum() -> None:
    assert image_share(np.array([[0.1, 0.2], [0.0, 0.5]])) == pytest.approx([0.3, 0.5])


def test_the_reward_reads_the_most_uncertain_rows_only() -> None:
    rows = np.full((10, 4), 0.25)
    rows[[2, 5, 7]] = [0.97, 0.01, 0.01, 0.01]
    entropies = np.zeros(11)
    entropies[[2, 5, 7]] = 3.0
    # 3 of 10 rows: in the region 0.97, on the image 0.25.
    assert sayo_reward(rows, entropies, mask_of(4, 0)) == pytest.approx(
        math.tanh(math.log(0.97 / 0.25)), abs=1e-6
    )
