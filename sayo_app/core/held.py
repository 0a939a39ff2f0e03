"""Pictures that are kept as the files they came in, and decoded when somebody needs their pixels."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from sayo_app.core.picture import open_picture
from sayo_app.core.shelf import Place, Shelf
from sayo_app.errors import PictureError


@dataclass(eq=False)
class Held:
    """A picture whose pixels are in memory only while they are needed: a file of 5 KB may have 160 MB.

    Attributes:
        size: (width, height).
        picture_id: the store's name for its pixels; empty as long as nobody has worked it out.
    """

    size: tuple[int, int]
    _open: Callable[[], Image.Image]
    picture_id: str = ""

    def image(self) -> Image.Image:
        """The picture, RGB, decoded anew.

        Raises:
            PictureError: it was let go of to make room for others.
            StorageError: of a stored one, as the store says it.
        """
        return self._open()


def images(pictures: tuple[Held, ...]) -> tuple[Image.Image, ...]:
    """Raises: as `Held.image`."""
    return tuple(held.image() for held in pictures)


def hold_file(
    shelf: Shelf, file: bytes, *, max_bytes: int, max_pixels: int, owner: str = ""
) -> tuple[Held, Image.Image]:
    """(a picture file on the shelf, its pixels for whoever needs them at once).

    Raises:
        PictureError: as `open_picture`.
    """
    image = open_picture(file, max_bytes=max_bytes, max_pixels=max_pixels)
    place = shelf.put(file, len(file), owner)
    return Held(image.size, lambda: _from(place, max_bytes, max_pixels)), image


def hold_image(shelf: Shelf, image: Image.Image, owner: str = "") -> Held:
    """Pixels that came in no file, kept as one without loss."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG", compress_level=1)
    weight = buffer.tell()
    place = shelf.put(buffer.getvalue(), weight, owner)
    pixels = image.width * image.height
    return Held(image.size, lambda: _from(place, weight, pixels))


def _from(place: Place[bytes], max_bytes: int, max_pixels: int) -> Image.Image:
    file = place.get()
    if file is None:
        raise let_go()
    return open_picture(file, max_bytes=max_bytes, max_pixels=max_pixels)


def let_go() -> PictureError:
    """What to say where a picture has given way to others."""
    return PictureError(
        expected="a picture that the app still holds",
        got="one that it has let go of, to make room for others",
        remedy="Choose or upload the picture again.",
    )
