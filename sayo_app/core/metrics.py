"""How well a map or attention rows agree with a region."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from sayo_app.core.grid import ImageGrid
from sayo_app.errors import RegionError

TOP_SHARE = 0.3
EPSILON = 1e-8
POINTING_TOLERANCE_PX = 15.0


def top_entropy_tokens(
    entropies: Float[np.ndarray, " token"], share: float = TOP_SHARE
) -> Int[np.ndarray, " picked"]:
    """Positions of the tokens that the SAYO reward reads, ascending.

    The int(share * (T - 1)) most uncertain, at least one, of all T completion tokens but the last,
    which is never the query of a row. Of equals the earlier is taken. Empty for one token or none.
    """
    candidates = entropies[:-1]
    count = min(max(1, int(share * len(candidates))), len(candidates))
    return np.sort(np.argsort(-candidates, kind="stable")[:count])


def sayo_log_ratio(rows: Float[np.ndarray, "row image"], region_mask: Bool[np.ndarray, " image"]) -> float:
    """tanh(log((mean of A in the region + 1e-8) / (mean of A on the image + 1e-8))), from -1 to 1.

    0 where there is no row to read.

    Raises:
        RegionError: a region mask without an image token.
    """
    if not region_mask.any():
        raise RegionError(
            expected="a region with at least one image token", got="none", remedy="Draw a region to look at."
        )
    if not len(rows):
        return 0.0
    inside = float(rows[:, region_mask].mean(dtype=float)) + EPSILON
    return math.tanh(math.log(inside / (float(rows.mean(dtype=float)) + EPSILON)))


def sayo_reward(
    rows: Float[np.ndarray, "row image"],
    entropies: Float[np.ndarray, " token"],
    region_mask: Bool[np.ndarray, " image"],
) -> float:
    """The SAYO reward (arXiv 2602.08241) of one completion, from -1 to 1.

    Args:
        rows: one for each completion token but the last, last full-attention layer, heads averaged.
        entropies: one for each completion token.
        region_mask: True for the image tokens of the region.
    """
    return sayo_log_ratio(rows[top_entropy_tokens(entropies)], region_mask)


def region_energy(values: Float[np.ndarray, " image"], mask: Bool[np.ndarray, " image"]) -> float:
    """The map's share inside the region: sum_R S / sum S, from 0 to 1; 0 for an empty map."""
    total = float(values.sum(dtype=float))
    return float(values[mask].sum(dtype=float)) / total if total > 0 else 0.0


def pointing_game(
    values: Float[np.ndarray, " image"], mask: Bool[np.ndarray, " image"], grid: ImageGrid
) -> bool:
    """Whether the centre of the map's highest cell is in a cell of the region or within 15 px of one."""
    if not mask.any() or not values.max() > 0:
        return False
    peak = int(np.argmax(values))
    x0, y0, x1, y1 = grid.cells_xyxy[peak]
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    region = grid.cells_xyxy[mask]
    apart = np.maximum(np.maximum(region[:, :2] - centre, centre - region[:, 2:]), 0.0)
    return bool(np.hypot(apart[:, 0], apart[:, 1]).min() <= POINTING_TOLERANCE_PX)


def image_share(rows: Float[np.ndarray, "row image"]) -> Float[np.ndarray, " row"]:
    """How much of each token's attention lies on the image, from 0 to 1."""
    return rows.sum(axis=1, dtype=float)
