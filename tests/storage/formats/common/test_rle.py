"""Run lengths against strings that the reference implementations wrote (pycocotools 2.0.11 and
label-studio-converter's brush encoder), and there and back."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from sayo_app.core.geometry.raster import Rle
from sayo_app.errors import ImportRowError
from storage.formats.common.rle import (
    counts_to_mask,
    counts_to_text,
    pack_brush,
    text_to_counts,
    unpack_brush,
)

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40))


def ellipse() -> np.ndarray:
    y, x = np.mgrid[:60, :80]
    return (x - 40) ** 2 / 900 + (y - 30) ** 2 / 400 <= 1


def tall() -> np.ndarray:
    mask = np.zeros((400, 3), dtype=bool)
    mask[10:390, 1] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        # Column by column: 5 outside, 1 inside, 6 outside.
        (np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]) == 1, "516"),
        (np.array([[1, 1], [0, 1]]) == 1, "0111"),
        (np.zeros((5, 7), dtype=bool), "S1"),
        (np.ones((5, 7), dtype=bool), "0S1"),
        (tall(), "j<l;j<"),
        (
            ellipse(),
            "fc01f1:I4M2N2M4M2O0O2N2O0O2N2O000O2O0O2O00000O2O000000000000000O20N1000000000000000"
            "1N1000001N101N10001N2N101N2N101N3L3N2N3L7FS`0",
        ),
    ],
)
def test_coco_text_is_that_of_pycocotools(mask: np.ndarray, text: str) -> None:
    assert counts_to_text(Rle.from_mask(mask).counts) == text
    assert np.array_equal(counts_to_mask(text_to_counts(text), mask.shape), mask)


@given(MASKS)
def test_coco_masks_come_back(mask: np.ndarray) -> None:
    counts = Rle.from_mask(mask).counts
    assert text_to_counts(counts_to_text(counts)) == list(counts)
    assert np.array_equal(counts_to_mask(counts, mask.shape), mask)


@pytest.mark.parametrize("text", ["5\u00e9", " 51", "5~", "S", "o" * 30])
def test_text_that_no_encoder_writes_is_refused(text: str) -> None:
    with pytest.raises(ImportRowError, match="run lengths"):
        text_to_counts(text)


@pytest.mark.parametrize("counts", [[], [5], [3, 4], [10, -4], [2**70, -(2**70) + 6]])
def test_run_lengths_that_do_not_fit_are_refused_before_anything_is_made(counts: list[int]) -> None:
    with pytest.raises(ImportRowError, match="2 x 3 px"):
        counts_to_mask(counts, (3, 2))


def test_a_label_studio_brush_is_read() -> None:
    packed = [0, 0, 0, 24, 57, 27, 252, 96, 19, 255, 206, 1, 31, 248]
    assert np.array_equal(unpack_brush(packed, (2, 3)), np.array([[0, 1, 1], [0, 0, 1]]) == 1)


def test_the_blocks_that_label_studio_itself_writes_are_read() -> None:
    # The head of a real export (1,024 x 2,048 px would be 8,388,608 bytes; here 65,536 = 128 x 128 x 4):
    # one block of 65,536 zero bytes, width 16.
    packed = [0, 1, 0, 0, 57, 27, 255, 255, 255, 0, 0]
    assert not unpack_brush(packed, (128, 128)).any()


@given(MASKS)
def test_label_studio_brushes_come_back(mask: np.ndarray) -> None:
    assert np.array_equal(unpack_brush(pack_brush(mask), mask.shape), mask)


@given(st.lists(st.integers(0, 255), max_size=40), st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_any_bytes_are_a_mask_or_refused(packed: list[int], size_hw: tuple[int, int]) -> None:
    head = [*(4 * size_hw[0] * size_hw[1]).to_bytes(4, "big"), 57, 27]
    for data in (packed, head + packed):
        with suppress(ImportRowError):
            assert unpack_brush(data, size_hw).shape == size_hw


def test_literal_words_are_read_at_any_bit() -> None:
    # 24 bytes: 1 repeated word of 4 bytes (255), then 20 literal ones.
    words = [0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 1, 0, 0, 0, 128]
    bits = f"{24:032b}00111" + "0010" + "0011" + "0111" + "1111"
    bits += "1" + "00" + "011" + f"{255:08b}" + "0" + "10" + f"{19:08b}" + "".join(f"{w:08b}" for w in words)
    bits += "0" * (-len(bits) % 8)
    packed = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert unpack_brush(packed, (2, 3)).tolist() == [[True, True, False], [True, False, True]]


@pytest.mark.parametrize("packed", [[256], [-1], ["1"], [1.5], [0, 0, 0, 24], [0, 0, 0, 24, 7, 27, 1]])
def test_what_is_no_brush_is_refused(packed: list[int]) -> None:
    with pytest.raises(ImportRowError):
        unpack_brush(packed, (2, 3))
