"""Curves and areas by hand, on scores that only look at pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.rendering import erasing
from sayo_app.core.rendering.erasing import STEPS, Cells, Curves, erased, orders, revealed, without


def picture(size_wh: tuple[int, int] = (8, 4), seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size_wh[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def last(steps: object) -> tuple[float, Curves]:
    *_, end = steps  # type: ignore[misc]
    return end


def test_the_curves_of_a_score_that_hangs_on_one_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight cells of 2 x 2 px, a step each; the score is 1 while cell 0 is as it was."""
    image = picture()
    corner = np.asarray(image)[:2, :2]

    def score(pictures: erasing.Pictures) -> float:
        return float(np.array_equal(np.asarray(pictures[0])[:2, :2], corner))

    by_map, first, fifth, never = (
        range(8),
        [0, 1, 2, 3, 4, 5, 6, 7],
        [1, 2, 3, 4, 0, 5, 6, 7],
        [*range(7, -1, -1)],
    )
    ranked = np.array([by_map, first, fifth, never])
    monkeypatch.setattr(erasing, "orders", lambda values: ranked)
    cells = Cells(((2, 4),), np.arange(8.0)[::-1].copy())
    done, curves = last(erased((image,), cells, score))
    assert done == 1
    # Gone, or back, after step 1, 1, 5 and 8 of 8.
    np.testing.assert_array_equal(curves.deletion.sum(axis=1), [1, 1, 5, 8])
    np.testing.assert_array_equal(curves.insertion.sum(axis=1), [8, 8, 4, 1])
    assert (curves.deletion[:, 0] == 1).all() and (curves.deletion[:, -1] == 0).all()
    assert (curves.insertion[:, 0] == 0).all() and (curves.insertion[:, -1] == 1).all()
    # Under a curve that falls with step k lie (k - 1/2) / 8: 1/16, and 1/16, 9/16, 15/16 by chance.
    mean = (1 + 9 + 15) / 3 / 16
    assert curves.areas == pytest.approx((mean - 1 / 16, mean - 1 / 16))
    assert curves.area == pytest.approx(mean - 1 / 16)


def test_areas_by_hand() -> None:
    curves = Curves(
        np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.5, 0.0]]),  # 1/4; 3/4 and 1/2
        np.array([[0.2, 0.6, 1.0], [0.2, 0.2, 1.0], [0.2, 0.4, 1.0]]),  # 0.6; 0.4 and 0.5
    )
    np.testing.assert_array_equal(curves.shares, [0, 0.5, 1])
    assert curves.areas == pytest.approx((0.375, 0.15))
    assert curves.area == pytest.approx(0.2625)


def test_scores_come_one_by_one_and_the_rest_is_not_there_yet() -> None:
    asked: list[int] = []
    steps = erased((picture(),), Cells(((2, 4),), np.ones(8)), lambda _: float(asked.append(0) or 0.25))
    done, curves = next(steps)
    assert len(asked) == 1 and done == pytest.approx(1 / (3 + 2 * 4 * 7))
    assert (curves.deletion[:, 0] == 0.25).all() and np.isnan(curves.deletion[:, 1:]).all()
    assert np.isnan(curves.area)
    for count, _ in enumerate(steps, 2):
        assert len(asked) == count
    assert count == 59 and not np.isnan(curves.deletion).any() and curves.area == 0


def test_orders_are_all_cells_the_brightest_first_and_equal_ones_by_chance() -> None:
    values = np.zeros(60)
    values[[7, 31, 12]] = 3, 2, 1
    found = orders(values)
    assert found.shape == (4, 60) and (np.sort(found, axis=1) == np.arange(60)).all()
    assert found[0, :3].tolist() == [7, 31, 12]
    assert (np.diff(found[0, 3:]) < 0).any(), "not row by row from the top"
    np.testing.assert_array_equal(found, orders(values))
    assert len({tuple(order) for order in found.tolist()}) == 4


def test_cells_are_changed_in_their_own_picture_and_nowhere_else() -> None:
    pictures = (picture((8, 4)), picture((5, 7), 1))
    cells = Cells(((1, 2), (2, 1)), np.zeros(4))
    chosen = np.array([False, True, True, False])
    blurred = tuple(Image.new("RGB", it.size, (1, 2, 3)) for it in pictures)
    gone, shown = without(pictures, cells, chosen), revealed(pictures, blurred, cells, chosen)
    wanted = [np.zeros((4, 8), bool), np.zeros((7, 5), bool)]
    wanted[0][:, 4:] = wanted[1][:3] = True  # the centre of row 3 of 7 lies where the second half begins
    for before, after, back, mask in zip(pictures, gone, shown, wanted, strict=True):
        own = np.asarray(before)
        mean = np.round(own.mean(axis=(0, 1)))
        np.testing.assert_array_equal(np.asarray(after), np.where(mask[..., None], mean, own))
        np.testing.assert_array_equal(np.asarray(back), np.where(mask[..., None], own, (1, 2, 3)))
    assert without(pictures, cells, np.zeros(4, bool)) == pictures


def test_the_cells_of_a_map_are_its_tokens_or_equal_parts_of_what_is_painted() -> None:
    regular = ImageGrid.regular((40, 20), (2, 4))
    # The left half of a square is one token, the right half two that lie over each other.
    halves = np.array([[0, 0, 48, 96], [48, 0, 96, 96], [48, 0, 96, 96]], float)
    other = ImageGrid((96, 96), halves, None)
    cells = Cells.of_map(np.array([*range(8), 1, 2, 4], np.float32), (regular, other))
    assert cells.shapes_hw == ((2, 4), (24, 24))
    np.testing.assert_array_equal(cells.values[:8], range(8))
    left, right = np.split(cells.values[8:].reshape(24, 24), 2, axis=1)
    assert np.ptp(left) == pytest.approx(0) and np.ptp(right) == pytest.approx(0)
    assert right[0, 0] == pytest.approx(6 * left[0, 0])
    assert [part.shape for part in cells.split(cells.values > 3)] == [(2, 4), (24, 24)]


def test_the_ends_are_the_picture_and_nothing_of_it() -> None:
    image = picture((64, 48))
    cells = Cells(((6, 8),), np.random.default_rng(3).uniform(size=48))
    seen: list[np.ndarray] = []
    last(erased((image,), cells, lambda it: float(seen.append(np.asarray(it[0])) or 0)))
    np.testing.assert_array_equal(seen[0], np.asarray(image))
    assert (seen[1] == seen[1][0, 0]).all(), "one colour"
    assert seen[2].astype(float).std(axis=(0, 1)).max() < 0.2 * seen[0].astype(float).std(), (
        "no letter is left"
    )
    kept = [(pixels == seen[0]).all(axis=-1).mean() for pixels in seen[3 : 3 + 2 * (STEPS - 1)]]
    assert kept[::2] == pytest.approx(np.linspace(7, 1, 7) / 8, abs=0.02)
    assert kept[1::2] == pytest.approx(np.linspace(1, 7, 7) / 8, abs=0.02)
