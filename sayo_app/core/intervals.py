"""95 % intervals, all of them: what of a figure may be chance."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

# The two-sided 95 % quantile of the normal distribution.
Z = 1.959964
# Those of Student's t for 1 to 30 degrees of freedom.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
_TAILS = (0.025, 0.975)


def share_interval(share: float, count: int) -> tuple[float, float]:
    """Of a share p of n cases, by Wilson: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)."""
    middle = share + Z**2 / (2 * count)
    spread = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    scale = 1 + Z**2 / count
    return (middle - spread) / scale, (middle + spread) / scale


def paired_share_interval(won: int, lost: int, count: int) -> tuple[float, float]:
    """Of the change of a share over n pairs: Bonett and Price's adjusted Wald interval, within -1 and 1.

    With p = (won+1)/(n+2), q = (lost+1)/(n+2): p - q ± z √((p + q - (p - q)²) / (n + 2)).

    Args:
        won, lost: pairs that went from 0 to 1, and from 1 to 0.
    """
    p, q = (won + 1) / (count + 2), (lost + 1) / (count + 2)
    half = Z * math.sqrt((p + q - (p - q) ** 2) / (count + 2))
    return max(-1.0, p - q - half), min(1.0, p - q + half)


def paired_parts_interval(differences: Float[np.ndarray, " case"]) -> tuple[float, float]:
    """Of the change of a mean of shares of a few cases each, such as one out of three.

    It is that of `paired_share_interval` where all differences are -1, 0 or 1: two are added, 1 and -1, so
    that a few alike do not count as certain. With the mean m and the standard deviation s of all n + 2:
    m ± z s / √(n + 2), no further than the largest of them. In simulations of 2 to 48 pairs without a change
    of the mean, at most 3 % of the intervals lay above nought.
    """
    more = np.concatenate([differences, [1.0, -1.0]])
    mean, most = float(np.mean(more)), float(np.abs(more).max())
    half = Z * float(np.std(more)) / math.sqrt(len(more))
    return max(-most, mean - half), min(most, mean + half)


def mean_interval(values: Float[np.ndarray, " case"]) -> tuple[float, float]:
    """Of a mean, by Student's t: mean ± t s / √n. A single value tells nothing: from -inf to inf."""
    count = len(values)
    if count == 1:
        return -math.inf, math.inf
    half = t_quantile(count - 1) * float(np.std(values, ddof=1)) / math.sqrt(count)
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def normal_half_width(values: Float[np.ndarray, " case"]) -> float:
    """Half the interval of a mean over many cases: z s / √n; 0 for a single one."""
    count = len(values)
    return Z * float(np.std(values, ddof=1)) / math.sqrt(count) if count > 1 else 0.0


def median_interval(
    values: Float[np.ndarray, " case"], seed: int = 0, samples: int = 10_000
) -> tuple[float, float]:
    """Of a median, by bootstrap: what 95 % of the medians of so many samples lie between."""
    drawn = np.random.default_rng(seed).choice(values, (samples, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), _TAILS)
    return float(low), float(high)


def t_quantile(degrees: int) -> float:
    """Student's t, two-sided 95 %; beyond 30 degrees of freedom by its first expansion, z + (z³ + z) / 4d."""
    return _T[degrees - 1] if degrees <= len(_T) else Z + (Z**3 + Z) / (4 * degrees)
