"""The SAYO reward of an answer, kept with its correction: the work list sorts by it."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from sayo_app.core.attention.metrics import sayo_reward
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.cells import looked_at, region_mask
from sayo_app.core.geometry.region import Region
from sayo_app.errors import SayoError

logger = logging.getLogger(__name__)


def shown_reward(trace: AttentionTrace, regions: Sequence[Region]) -> float | None:
    """The reward that training reads, of the answer traced, in the regions to look at together.

    None without a region, and in regions that have none, as the whole picture.
    """
    if not looked_at(regions):
        return None
    try:
        first = trace.of_picture(0)
        mask = region_mask(regions, first.grid)
        reward = sayo_reward(first.attention[:, -1].astype(float), first.entropies, mask)
    except SayoError as error:
        logger.warning("The reward of an answer is not known: %s", error)
        return None
    return reward if math.isfinite(reward) else None
