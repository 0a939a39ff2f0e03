from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sayo_app.core.attention.metrics import (
    METRICS,
    auc,
    chance,
    image_share,
    normalised_log_ratio,
    nss,
    otsu_iou,
    pointing_game,
    region_energy,
    region_metrics,
    sayo_contributions,
    sayo_log_ratio,
    sayo_reward,
    spatial_entropy,
    top_entropy_tokens,
)
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.errors import RegionError
from sayo_app.settings import REPOSITORY_DIR

GOLDEN = json.loads((REPOSITORY_DIR / "tests" / "data" / "sayo_reward_golden.json").read_text())["cases"]
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


def test_the_contribution_of_each_token_is_its_own_ratio() -> None:
    # In the region .3 of a mean of .15: tanh(log 2) = .6. Nothing in it: -1. All alike, and nothing: 0.
    rows = np.array([[0.3, 0.1, 0.1, 0.1], [0.0, 0.0, 0.0, 0.9], [0.2, 0.2, 0.2, 0.2], [0, 0, 0, 0]])
    assert sayo_contributions(rows, mask_of(4, 0)) == pytest.approx([0.6, -1, 0, 0], abs=1e-6)
    assert sayo_contributions(np.zeros((0, 4)), mask_of(4, 0)).tolist() == []
    with pytest.raises(RegionError):
        sayo_contributions(rows, mask_of(4))


@given(rows_and_masks)
def test_a_contribution_is_the_reward_of_that_row_alone(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    rows, mask = drawn
    wanted = [sayo_log_ratio(rows[i : i + 1], mask) for i in range(len(rows))]
    assert sayo_contributions(rows, mask) == pytest.approx(wanted, abs=1e-9)


def test_the_normalised_log_ratio_by_hand() -> None:
    # Region 2 of 8 tokens, so N/|R| = 4. In it 2 a token of a mean of 1: log 2 / log 4 = 1/2.
    half = np.array([2.0, 2.0, 1, 1, 1, 1, 0, 0])
    assert normalised_log_ratio(half, mask_of(8, 0, 1)) == pytest.approx(0.5)
    assert normalised_log_ratio(half, mask_of(8, 2, 3)) == 0
    assert normalised_log_ratio(half, mask_of(8, 6, 7)) == -1
    assert normalised_log_ratio(np.array([0.0, 3, 0, 0]), mask_of(4, 1)) == pytest.approx(1)
    # A sixteenth of chance, where the floor is a quarter of it.
    assert normalised_log_ratio(np.array([1.0, 21, 21, 21]), mask_of(4, 0)) == -1
    with pytest.raises(RegionError):
        normalised_log_ratio(half, mask_of(8))


def test_the_overlap_by_hand() -> None:
    # Two bright of five; the region has one of them and one dark: 1 shared of 3.
    values = np.array([0.1, 0.9, 0.2, 0.8, 0.1])
    assert otsu_iou(values, mask_of(5, 1, 2)) == pytest.approx(1 / 3)
    assert otsu_iou(values, mask_of(5, 1, 3)) == 1
    assert otsu_iou(values, mask_of(5, 0, 2)) == 0
    assert otsu_iou(np.ones(5), mask_of(5, 0)) == 0 == otsu_iou(np.ones(5), mask_of(5))
    # 0 1 2: splits 0|12 and 01|2 set means equally far apart, (1/3)(2/3)(1.5)² both; the lower is taken.
    assert otsu_iou(np.array([0.0, 1.0, 2.0]), mask_of(3, 1, 2)) == 1


def test_the_threshold_sets_the_means_of_two_sides_furthest_apart() -> None:
    values = np.random.default_rng(0).gamma(0.5, size=60)
    mask = mask_of(60, *range(0, 60, 2))
    apart = {}
    for level in np.sort(values)[:-1]:
        bright = values > level
        apart[level] = (
            bright.mean() * (~bright).mean() * (values[bright].mean() - values[~bright].mean()) ** 2
        )
    bright = values > max(apart, key=lambda level: apart[level])
    assert otsu_iou(values, mask) == (bright & mask).sum() / (bright | mask).sum()


def test_auc_by_hand() -> None:
    # In: 3, 1. Out: 2, 1, 0. Pairs won 3 > 2 1 0 and 1 > 0: 4, tied 1 = 1: ½. 4.5 of 6.
    assert auc(np.array([3.0, 1, 2, 1, 0]), mask_of(5, 0, 1)) == 0.75
    assert auc(np.array([5.0, 1, 2]), mask_of(3, 0)) == 1
    assert auc(np.array([0.0, 1, 2]), mask_of(3, 0)) == 0
    assert auc(np.zeros(4), mask_of(4, 1)) == 0.5
    assert auc(np.array([1.0, 2, 3]), mask_of(3, 0, 1, 2)) == 0.5
    with pytest.raises(RegionError):
        auc(np.ones(3), mask_of(3))


def test_nss_by_hand() -> None:
    # Mean 1, variance (4 * 1) / 4 = 1: in the region 2 is one standard deviation above.
    assert nss(np.array([2.0, 0.0, 2.0, 0.0]), mask_of(4, 0)) == 1
    assert nss(np.array([2.0, 0.0, 2.0, 0.0]), mask_of(4, 0, 1)) == 0
    assert nss(np.full(7, 0.1), mask_of(7, 0)) == 0
    # All in one of N tokens: (N - 1) / sqrt(N - 1).
    assert nss(np.eye(10)[3], mask_of(10, 3)) == pytest.approx(3)
    with pytest.raises(RegionError):
        nss(np.ones(3), mask_of(3))


def test_spatial_entropy_by_hand() -> None:
    # Halves: log 2. A quarter, a quarter, a half: 1.5 log 2. One token: 0. Nothing at all: log 4.
    rows = np.array([[1, 1, 0, 0], [1, 1, 2, 0], [0, 0, 9, 0], [0, 0, 0, 0.0]])
    wanted = [math.log(2), 1.5 * math.log(2), 0, math.log(4)]
    assert spatial_entropy(rows) == pytest.approx(wanted)
    assert spatial_entropy(rows[:, None, :]).shape == (4, 1)
    assert float(spatial_entropy(rows[0])) == pytest.approx(math.log(2))


@given(arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 20)), elements=st.floats(0, 1)))
def test_spatial_entropy_is_between_none_and_that_of_all_alike(rows: np.ndarray) -> None:
    entropy = spatial_entropy(rows)
    assert (entropy >= -1e-9).all() and (entropy <= math.log(rows.shape[1]) + 1e-9).all()
    assert spatial_entropy(rows * 8) == pytest.approx(entropy, abs=1e-9)
    assert spatial_entropy(rows[:, ::-1]) == pytest.approx(entropy, abs=1e-9)


# Sixteenths, so that ties are common and sums exact.
maps_and_masks = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=st.integers(0, 16).map(lambda k: k / 16)),
        arrays(np.bool_, n).filter(lambda mask: mask.any()),
        st.permutations(range(n)),
    )
)
Drawn = tuple[np.ndarray, np.ndarray, list[int]]


def row_of_cells(count: int) -> ImageGrid:
    return ImageGrid.regular((40 * count, 40), (1, count))


def shuffled(grid: ImageGrid, order: list[int]) -> ImageGrid:
    return ImageGrid(grid.image_wh, grid.cells_xyxy[order], None)


@given(maps_and_masks)
def test_the_order_of_image_tokens_does_not_count(drawn: Drawn) -> None:
    values, mask, order = drawn
    grid = row_of_cells(len(values))
    before = region_metrics(values, mask, grid)
    after = region_metrics(values[order], mask[order], shuffled(grid, order))
    if (values == values.max()).sum() > 1:
        before.pop("pointing"), after.pop("pointing")  # of equal peaks the first is taken
    for name in before:
        assert after[name] == pytest.approx(before[name], abs=1e-9), name


@given(maps_and_masks, st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**20]))
def test_only_proportions_count(drawn: Drawn, scale: float) -> None:
    values, mask, _ = drawn
    grid = row_of_cells(len(values))
    before, after = region_metrics(values, mask, grid), region_metrics(values * scale, mask, grid)
    # The SAYO reward adds a small number to both of its means, which counts beside small ones.
    before.pop("sayo"), after.pop("sayo")
    for name in before:
        assert after[name] == pytest.approx(before[name], abs=1e-9), name


@given(maps_and_masks)
def test_the_whole_picture_is_neither_good_nor_bad(drawn: Drawn) -> None:
    values, _, _ = drawn
    found = region_metrics(values, np.ones(len(values), bool), row_of_cells(len(values)))
    if not values.any():
        assert set(found.values()) == {None}
        return
    assert [found[name] for name in ("sayo", "log_ratio", "nss")] == pytest.approx([0, 0, 0], abs=1e-7)
    assert (found["auc"], found["energy"], found["pointing"]) == (0.5, 1, 1)


@given(maps_and_masks)
def test_every_figure_stays_in_its_range(drawn: Drawn) -> None:
    values, mask, _ = drawn
    for name, value in region_metrics(values, mask, row_of_cells(len(values))).items():
        if value is not None:
            low, high = METRICS[name].low, METRICS[name].high
            assert (low is None or value >= low) and (high is None or value <= high), name
    assert abs(nss(values, mask)) <= math.sqrt(len(values)) + 1e-9
    assert nss(values, mask) <= math.sqrt(len(values) / mask.sum() - 1) + 1e-9


@given(maps_and_masks)
def test_inside_and_outside_are_two_sides_of_one_thing(drawn: Drawn) -> None:
    values, mask, _ = drawn
    if mask.all():
        return
    assert auc(values, ~mask) == pytest.approx(1 - auc(values, mask))
    weighted = nss(values, mask) * mask.sum() + nss(values, ~mask) * (~mask).sum()
    assert weighted == pytest.approx(0, abs=1e-9)
    if values.any():
        assert auc(values.max() - values, mask) == pytest.approx(1 - auc(values, mask))


@given(maps_and_masks)
def test_a_map_of_one_value_is_as_good_as_chance(drawn: Drawn) -> None:
    _, mask, _ = drawn
    found = region_metrics(np.full(len(mask), 0.1), mask, row_of_cells(len(mask)))
    for name in ("sayo", "log_ratio", "energy", "auc", "nss"):
        assert found[name] == pytest.approx(chance(name, mask), abs=1e-9), name


def test_nothing_to_compare_gives_no_figure() -> None:
    grid = row_of_cells(3)
    for values, mask in [(np.zeros(3), mask_of(3, 1)), (np.ones(3), mask_of(3))]:
        assert set(region_metrics(values, mask, grid).values()) == {None}


def test_every_figure_has_words_for_the_page() -> None:
    found = region_metrics(np.ones(3), mask_of(3, 0), row_of_cells(3))
    assert [*found] == [name for name, metric in METRICS.items() if metric.of_region]
    for name, metric in METRICS.items():
        assert metric.name == name and metric.label and metric.description.endswith(".")
        assert metric.chance is None or (metric.low or -9) < metric.chance < (metric.high or 9)
    assert chance("energy", mask_of(4, 0)) == 0.25 and chance("pointing", mask_of(4, 0)) is None


def test_tokens_without_area_and_overlapping_cells_count_as_tokens() -> None:
    # A thumbnail over two tiles and a newline token: 4 tokens, of which the left tile is the region.
    cells = np.array([[0, 0, 50, 50], [50, 0, 100, 50], [0, 0, 100, 50], [100, 0, 100, 50]], float)
    found = region_metrics(np.array([0.4, 0.2, 0.2, 0.2]), mask_of(4, 0), ImageGrid((100, 50), cells, None))
    assert found["energy"] == pytest.approx(0.4)
    assert found["log_ratio"] == pytest.approx(math.log(0.4 / 0.25) / math.log(4))
    assert (found["pointing"], found["otsu_iou"], found["auc"]) == (1, 1, 1)
