"""Regions to begin with: the connected peaks of a map."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float

from sayo_app.core.attention.metrics import otsu_threshold
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region

# Fine maps have ragged edges; the outline of a proposal may leave them by this many map pixels.
_SMOOTH = 1.5


def proposals(values: Float[np.ndarray, " image"], grid: ImageGrid, most: int = 3) -> list[Region]:
    """The brightest connected parts of a map, brightest first, tightly outlined in original pixels.

    The map is painted (`ImageGrid.paint`) and cut at Otsu's threshold (Otsu, 1979); what touches side by
    side belongs together, and parts are ranked by the sum of the map on them. A part that fills its box
    becomes a box, any other a polygon; holes are filled. A map of one value alone has no peak.
    """
    painted = grid.paint(values)
    bright = painted > otsu_threshold(painted.ravel())
    count, labels = cv2.connectedComponents(bright.astype(np.uint8), connectivity=4)
    if bright.all() or count < 2:
        return []
    masses = np.bincount(labels.ravel(), weights=painted.ravel())[1:]
    ranked = 1 + np.argsort(-masses, kind="stable")[:most]
    return [_outlined(labels == label, grid) for label in ranked]


def _outlined(part: Bool[np.ndarray, "row column"], grid: ImageGrid) -> Region:
    rows, columns = part.shape
    scale = np.array([grid.image_wh[0] / columns, grid.image_wh[1] / rows])
    ys, xs = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    low, high = np.array([xs[0], ys[0]]), np.array([xs[-1] + 1, ys[-1] + 1])
    box = np.round(np.concatenate([low * scale, high * scale]))
    if part[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1].all():
        return Region.box(*box)
    # OpenCV follows pixel centres. At twice the size, centre 2i is the near edge of pixel i and 2i + 1 its
    # far one, so that (c + 1) // 2 is an edge of the map's pixels.
    doubled = part.repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)
    [outline, *_], _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    edges = (outline[:, 0] + 1) // 2
    if grid.grid_hw is None:
        edges = cv2.approxPolyDP(edges.astype(np.int32), _SMOOTH, closed=True)[:, 0]
    points = np.round(edges * scale)
    return Region.polygon(points.tolist()) if len(points) >= 3 else Region.box(*box)
