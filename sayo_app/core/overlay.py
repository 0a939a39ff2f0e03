"""A map laid over its picture."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from sayo_app.core.grid import ImageGrid
from sayo_app.errors import InputError

COLORMAPS: dict[str, int] = {
    "turbo": cv2.COLORMAP_TURBO,
    "viridis": cv2.COLORMAP_VIRIDIS,
    "inferno": cv2.COLORMAP_INFERNO,
    "hot": cv2.COLORMAP_HOT,
}


def overlay(
    picture: UInt8[np.ndarray, "height width 3"],
    values: Float[np.ndarray, " image"],
    grid: ImageGrid,
    strength: float = 0.6,
    colormap: str = "turbo",
) -> UInt8[np.ndarray, "height width 3"]:
    """A new RGB picture with the map over it, scaled to its highest value.

    Colour and opacity both follow the map: nothing lies over the picture where the map is 0 and
    `strength` (0 to 1) is the opacity at its peak. The picture may be a resized copy of the grid's.

    Raises:
        InputError: no such colour map, or a strength out of range.
    """
    if colormap not in COLORMAPS or not 0 <= strength <= 1:
        raise InputError(
            expected=f"a strength from 0 to 1 and a colour map out of {', '.join(COLORMAPS)}",
            got=f"{strength} and {colormap!r}",
            remedy="Choose one of these.",
        )
    heat = _heat(values, grid, (picture.shape[1], picture.shape[0]))
    bgr = cv2.applyColorMap(np.round(heat * 255).astype(np.uint8), COLORMAPS[colormap])
    alpha = (strength * heat)[..., None]
    mixed = picture * (1 - alpha) + bgr[..., ::-1] * alpha
    return np.round(mixed).astype(np.uint8)


def _heat(
    values: Float[np.ndarray, " image"], grid: ImageGrid, size_wh: tuple[int, int]
) -> Float[np.ndarray, "height width"]:
    """The map at the picture's size, from 0 to 1."""
    small = grid.paint(values).astype(np.float32)
    peak = float(small.max())
    if not peak > 0:
        return np.zeros((size_wh[1], size_wh[0]), dtype=np.float32)
    # Cubic interpolation overshoots next to a peak.
    large = cv2.resize(small / np.float32(peak), size_wh, interpolation=cv2.INTER_CUBIC)
    return np.clip(large, 0.0, 1.0)
