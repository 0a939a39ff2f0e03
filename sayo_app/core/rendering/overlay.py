"""A map laid over its picture, as the page shows it."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.rendering.colormap import TABLE
from sayo_app.errors import InputError

# The page's slider begins here.
STRENGTH = 0.75
# As in assets/ui/maps/colours.js: where the map is 0 a thin dark veil, so that bright pictures do not
# swallow it.
VEIL = 0.3


def overlay(
    picture: UInt8[np.ndarray, "height width 3"],
    values: Float[np.ndarray, " image"],
    grid: ImageGrid,
    strength: float = STRENGTH,
    peak: float | None = None,
) -> UInt8[np.ndarray, "height width 3"]:
    """A new RGB picture with the map over it: colour and opacity both follow the map.

    Opacity is `strength` (0 to 1) at the peak and `VEIL` times that where the map is 0. Each cell is
    coloured first and colours are then blended from cell to cell, as a browser enlarges a canvas.

    Args:
        picture: may be a resized copy of the grid's.
        values: >= 0.
        peak: painted value that has the brightest colour; None for the map's own highest one. Several
            pictures of one map share one (see `highest`), so that they can be compared.

    Raises:
        InputError: a strength out of range.
    """
    if not 0 <= strength <= 1:
        raise InputError(
            expected="a strength from 0 to 1", got=str(strength), remedy="Choose one in between."
        )
    painted = grid.paint(values)
    most = float(painted.max()) if peak is None else peak
    share = np.clip(painted / most, 0.0, 1.0) if most > 0 else np.zeros(painted.shape)
    opacity = (strength * (VEIL + (1 - VEIL) * share))[..., None]
    colours = TABLE[np.round(share * 255).astype(np.uint8)]
    small = np.concatenate([colours * opacity, opacity], axis=-1).astype(np.float32)
    large = cv2.resize(small, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.round(picture * (1 - large[..., 3:]) + large[..., :3]).clip(0, 255).astype(np.uint8)


def highest(values: Float[np.ndarray, " image"], grids: tuple[ImageGrid, ...]) -> float:
    """The highest painted value of one map over all its pictures."""
    return max(float(grid.paint(part).max()) for part, grid in parts(values, grids))


def parts(
    values: Float[np.ndarray, " image"], grids: tuple[ImageGrid, ...]
) -> list[tuple[Float[np.ndarray, " part"], ImageGrid]]:
    """A map cut into those of its pictures."""
    cuts = np.cumsum([grid.n_tokens for grid in grids])[:-1]
    return list(zip(np.split(values, cuts), grids, strict=True))
