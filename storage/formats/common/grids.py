"""How a model cuts a picture into image tokens, as far as token ids in files need to know it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.errors import SettingsError


@dataclass(frozen=True)
class GridRule:
    """Picture size -> image grid, row-major, one cell an image token.

    Attributes:
        token_px: side of the square that one token stands for, in pixels of the resized picture: 28 in
            Qwen2.5-VL and in the official SAYO data, 32 in Qwen3-VL.
        min_pixels, max_pixels: the resized picture has between so many pixels.
        squash_wh: every picture is squashed to this size instead, as the official SAYO data was made for
            InternVL (448 x 448).

    Raises:
        SettingsError: sizes that make no grid.
    """

    token_px: int = 28
    min_pixels: int = 56 * 56
    max_pixels: int = 14 * 14 * 4 * 1280
    squash_wh: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        squash = self.squash_wh or (self.token_px, self.token_px)
        if self.token_px < 1 or not self.token_px**2 <= self.min_pixels <= self.max_pixels:
            raise _error(f"tokens of {self.token_px} px, {self.min_pixels} to {self.max_pixels} pixels")
        if min(squash) < 1 or any(side % self.token_px for side in squash):
            raise _error(f"tokens of {self.token_px} px in pictures of {squash[0]} x {squash[1]} px")

    def resized_wh(self, image_wh: tuple[int, int]) -> tuple[int, int]:
        """Width and height that the model sees.

        Both are multiples of `token_px`, nearest to the original, then scaled to lie between the limits:
        `smart_resize` of the Qwen-VL image processors.
        """
        if self.squash_wh is not None:
            return self.squash_wh
        width, height = image_wh
        side = self.token_px
        new_w, new_h = round(width / side) * side, round(height / side) * side
        if new_w * new_h > self.max_pixels:
            scale = math.sqrt(width * height / self.max_pixels)
            new_w = max(side, math.floor(width / scale / side) * side)
            new_h = max(side, math.floor(height / scale / side) * side)
        elif new_w * new_h < self.min_pixels:
            scale = math.sqrt(self.min_pixels / (width * height))
            new_w, new_h = math.ceil(width * scale / side) * side, math.ceil(height * scale / side) * side
        return new_w, new_h

    def grid(self, image_wh: tuple[int, int]) -> ImageGrid:
        """The cells in pixels of the picture as it is given."""
        new_w, new_h = self.resized_wh(image_wh)
        return ImageGrid.regular(image_wh, (new_h // self.token_px, new_w // self.token_px))


def _error(got: str) -> SettingsError:
    return SettingsError(
        expected="tokens of at least one pixel, and room for at least one in every picture",
        got=got,
        remedy="Take the figures from the model's image processor.",
    )
