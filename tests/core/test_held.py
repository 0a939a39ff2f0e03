"""Pictures that are kept as files: the same pixels, and few bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.held import hold_file, hold_image, images
from sayo_app.core.shelf import Shelf
from sayo_app.errors import PictureError

LIMITS = {"max_bytes": 10_000_000, "max_pixels": 40_000_000}


def turned_file() -> bytes:
    """A JPEG that is to be shown upright by its EXIF data."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_a_file_is_decoded_to_the_same_pixels_each_time() -> None:
    held, image = hold_file(Shelf(10**6), turned_file(), **LIMITS)
    assert held.size == image.size == (40, 60)
    [again], [once_more] = images((held,)), images((held,))
    assert np.array_equal(np.asarray(again), np.asarray(image)) and again is not once_more


def test_pixels_are_kept_without_loss() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8))
    held = hold_image(Shelf(10**6), noise)
    assert np.array_equal(np.asarray(held.image()), np.asarray(noise))


def test_a_large_picture_of_a_small_file_takes_the_room_of_the_file() -> None:
    """Five kilobytes that decode to 40 megapixels: the session that had it kept 160 MB."""
    buffer = io.BytesIO()
    Image.new("1", (8_000, 5_000)).save(buffer, "PNG")
    shelf = Shelf(10**9)
    held, image = hold_file(shelf, buffer.getvalue(), **LIMITS)
    assert held.size == image.size == (8_000, 5_000)
    assert shelf.weight == len(buffer.getvalue()) < 10_000


def test_one_that_gave_way_is_told_in_words() -> None:
    shelf = Shelf(100)
    held = hold_image(shelf, Image.new("RGB", (30, 30)))
    others = [hold_image(shelf, Image.new("RGB", (30, 30), "red")) for _ in range(5)]
    assert others[-1].image().size == (30, 30)
    with pytest.raises(PictureError, match=r"let go of.*upload the picture again"):
        held.image()
