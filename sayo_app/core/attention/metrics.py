"""How well a map or attention rows agree with a region.

S >= 0 is a map over N image tokens and R the tokens of the region. What is counted are tokens, each as
one: where cells overlap (tiles with a thumbnail) a spot of the picture counts once for each of its
tokens, and a token without area (a newline token) counts in N and S but is never in R.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from sayo_app.core.geometry.grid import ImageGrid
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
    _check_region(region_mask)
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


def sayo_contributions(
    rows: Float[np.ndarray, "row image"], region_mask: Bool[np.ndarray, " image"]
) -> Float[np.ndarray, " row"]:
    """`sayo_log_ratio` of each row on its own, from -1 to 1: what the reward would be of that token alone.

    The reward itself takes the mean of the rows before the ratio, so it is not the mean of these.

    Raises:
        RegionError: a region mask without an image token.
    """
    _check_region(region_mask)
    inside = rows[:, region_mask].mean(axis=1, dtype=float) + EPSILON
    return np.tanh(np.log(inside / (rows.mean(axis=1, dtype=float) + EPSILON)))


def normalised_log_ratio(values: Float[np.ndarray, " image"], mask: Bool[np.ndarray, " image"]) -> float:
    """log(mean_R S / mean S) / log(N / |R|), from -1 to 1, so that regions of any size compare.

    1: all of the map lies in the region. 0: as much as by chance, an empty map, or a region of the
    whole picture. -1: N / |R| times less than by chance, or less still, down to nothing.

    Raises:
        RegionError: a region mask without an image token.
    """
    _check_region(mask)
    overall = float(values.mean(dtype=float))
    if mask.all() or not overall > 0:
        return 0.0
    ratio = float(values[mask].mean(dtype=float)) / overall
    if not ratio > 0:
        return -1.0
    return min(max(math.log(ratio) / math.log(mask.size / int(mask.sum())), -1.0), 1.0)


def region_energy(values: Float[np.ndarray, " image"], mask: Bool[np.ndarray, " image"]) -> float:
    """The map's share inside the region: sum_R S / sum S, from 0 to 1; 0 for an empty map."""
    total = float(values.sum(dtype=float))
    return float(values[mask].sum(dtype=float)) / total if total > 0 else 0.0


def pointing_game(
    values: Float[np.ndarray, " image"], mask: Bool[np.ndarray, " image"], grid: ImageGrid
) -> bool:
    """Whether the centre of the map's highest cell is in a cell of the region or within 15 px of one.

    Of equally high cells the first is taken. Zhang et al., "Top-down Neural Attention by Excitation
    Backprop", arXiv 1608.00507.
    """
    if not mask.any() or not values.max() > 0:
        return False
    peak = int(np.argmax(values))
    x0, y0, x1, y1 = grid.cells_xyxy[peak]
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    region = grid.cells_xyxy[mask]
    apart = np.maximum(np.maximum(region[:, :2] - centre, centre - region[:, 2:]), 0.0)
    return bool(np.hypot(apart[:, 0], apart[:, 1]).min() <= POINTING_TOLERANCE_PX)


def otsu_iou(values: Float[np.ndarray, " image"], mask: Bool[np.ndarray, " image"]) -> float:
    """|B ∩ R| / |B ∪ R| with B the tokens above Otsu's threshold of the map, from 0 to 1.

    The threshold is the one that sets the two sides' means furthest apart (weights of the two sides
    times the squared difference), found between the values themselves and not on a histogram; of
    equals the lowest. A map of one value alone has no bright part: 0. Otsu, 1979.
    """
    bright = values > otsu_threshold(values)
    either = int((bright | mask).sum())
    return int((bright & mask).sum()) / either if either else 0.0


def auc(values: Float[np.ndarray, " image"], mask: Bool[np.ndarray, " image"]) -> float:
    """How often a token of the region has a higher value than one outside, from 0 to 1; ties count half.

    P(S_in > S_out) + ½ P(S_in = S_out), the area under the ROC curve by ranks (Mann and Whitney, 1947).
    0.5 for a map of one value alone, and for a region of the whole picture: nothing to compare with.

    Raises:
        RegionError: a region mask without an image token.
    """
    _check_region(mask)
    inside, outside = int(mask.sum()), int((~mask).sum())
    if not outside:
        return 0.5
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    # Ranks from 1 on, those of equals averaged.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float(ranks[mask].sum() - inside * (inside + 1) / 2) / (inside * outside)


def nss(values: Float[np.ndarray, " image"], mask: Bool[np.ndarray, " image"]) -> float:
    """mean_R of (S - mean S) / sd S: standard deviations above the mean, at most sqrt(N / |R| - 1).

    Normalised scanpath saliency (Peters et al., 2005; Bylinskii et al., arXiv 1604.03605) with the
    tokens of the region for fixations and the standard deviation over all N. 0 for a map of one value.

    Raises:
        RegionError: a region mask without an image token.
    """
    _check_region(mask)
    if values.max() == values.min():
        return 0.0
    return float((values[mask].mean(dtype=float) - values.mean(dtype=float)) / values.std(dtype=float))


def spatial_entropy(rows: Float[np.ndarray, "*any image"]) -> Float[np.ndarray, "*any"]:
    """-Σ_j p_j log p_j in nats, p the row divided by its sum: 0 for one token, log N for all alike.

    0 log 0 counts as 0, and a row of zeros as log N: it points nowhere.
    """
    totals = rows.sum(axis=-1, keepdims=True, dtype=float)
    shares = np.divide(rows, totals, out=np.zeros(rows.shape), where=totals > 0)
    logs = np.log(shares, out=np.zeros(rows.shape), where=shares > 0)
    return np.asarray(np.where(totals[..., 0] > 0, -(shares * logs).sum(axis=-1), math.log(rows.shape[-1])))


def image_share(rows: Float[np.ndarray, "row image"]) -> Float[np.ndarray, " row"]:
    """How much of each token's attention lies on the image, from 0 to 1."""
    return rows.sum(axis=1, dtype=float)


@dataclass(frozen=True)
class Metric:
    """A figure with the words that the page uses for it.

    Attributes:
        name: what code and files call it.
        label: what the page calls it.
        description: what it means, for somebody who sees it for the first time.
        low: its least value, None without a limit.
        high: its greatest value, None without a limit.
        chance: what a map that knows nothing of the region has; None where that depends on the region.
        of_region: whether it compares with a region or describes the map alone.
    """

    name: str
    label: str
    description: str
    low: float | None
    high: float | None
    chance: float | None = None
    of_region: bool = True


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "sayo",
            "SAYO reward",
            "The score that training raises: above 0 if a spot in the region gets more attention than a "
            "spot of the picture on average, below 0 if less. It nears 1 and -1 without reaching them.",
            -1.0, 1.0, 0.0,
        ),
        Metric(
            "log_ratio",
            "Focus",
            "Like the SAYO reward, but fair to regions of any size: 1 if all of the map lies in the "
            "region, 0 if as much as by chance.",
            -1.0, 1.0, 0.0,
        ),
        Metric(
            "energy",
            "Energy in region",
            "Which part of the map lies in the region. By chance it is the region's share of the picture.",
            0.0, 1.0,
        ),
        Metric(
            "pointing",
            "Pointing game",
            "1 if the brightest spot is in the region or within 15 pixels of it, else 0.",
            0.0, 1.0,
        ),
        Metric(
            "otsu_iou",
            "Overlap (IoU)",
            "The bright part of the map and the region laid over each other: what they share, divided by "
            "what they cover together. 1 if they are the same.",
            0.0, 1.0,
        ),
        Metric(
            "auc",
            "AUC",
            "How often a spot in the region is brighter than a spot outside: 1 always, 0.5 as by chance.",
            0.0, 1.0, 0.5,
        ),
        Metric(
            "nss",
            "NSS",
            "How far the region stands out: how many standard deviations it is brighter than the picture "
            "on average. 0 as by chance.",
            None, None, 0.0,
        ),
        Metric(
            "spatial_entropy",
            "Spread",
            "How spread out the map is (entropy in nats): 0 if it is on one spot alone.",
            0.0, None, of_region=False,
        ),
        Metric(
            "image_share",
            "Image share",
            "How much of this word's attention goes to the picture at all; the rest goes to words.",
            0.0, 1.0, of_region=False,
        ),
    )
}  # fmt: skip


def region_metrics(
    values: Float[np.ndarray, " image"], mask: Bool[np.ndarray, " image"], grid: ImageGrid
) -> dict[str, float | None]:
    """Every figure of `METRICS` that compares a map with a region, by name.

    All None where there is nothing to compare: an empty map, or a region without an image token.
    """
    if not mask.any() or not values.max() > 0:
        return {name: None for name, metric in METRICS.items() if metric.of_region}
    return {
        "sayo": sayo_log_ratio(values[None], mask),
        "log_ratio": normalised_log_ratio(values, mask),
        "energy": region_energy(values, mask),
        "pointing": float(pointing_game(values, mask, grid)),
        "otsu_iou": otsu_iou(values, mask),
        "auc": auc(values, mask),
        "nss": nss(values, mask),
    }


def chance(name: str, mask: Bool[np.ndarray, " image"]) -> float | None:
    """What a map that knows nothing of this region has of a figure; None where no number says it.

    The energy of such a map is |R| / N; the others are in `METRICS`.
    """
    return float(mask.mean()) if name == "energy" else METRICS[name].chance


def _check_region(mask: Bool[np.ndarray, " image"]) -> None:
    if not mask.any():
        raise RegionError(
            expected="a region with at least one image token", got="none", remedy="Draw a region to look at."
        )


def otsu_threshold(values: Float[np.ndarray, " image"]) -> float:
    """The value up to which, itself included, tokens belong to the dark side."""
    levels, counts = np.unique(values.astype(float), return_counts=True)
    if len(levels) == 1:
        return float(levels[0])
    dark = np.cumsum(counts)[:-1]
    dark_sum, bright = np.cumsum(counts * levels)[:-1], values.size - dark
    means_apart = dark_sum / dark - ((counts * levels).sum() - dark_sum) / bright
    return float(levels[int(np.argmax(dark * bright * means_apart**2))])
