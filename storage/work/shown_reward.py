"""The SAYO reward of a stored answer, kept with its correction: the work list sorts by it."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from sayo_app.core.attention.metrics import sayo_reward
from sayo_app.core.geometry.cells import looked_at, region_mask
from sayo_app.core.geometry.region import Region
from sayo_app.errors import SayoError
from storage.base.traces import Traces

logger = logging.getLogger(__name__)


def shown_reward(traces: Traces, trace_id: str | None, regions: Sequence[Region]) -> float | None:
    """The reward that training reads, of the answer shown, in the regions to look at together.

    None without a trace or a region, and where the trace cannot be read: a correction is not lost over it.
    """
    if trace_id is None or not looked_at(regions):
        return None
    try:
        trace = traces.load(trace_id).of_picture(0)
        mask = region_mask(regions, trace.grid)
        reward = sayo_reward(trace.attention[:, -1].astype(float), trace.entropies, mask)
    except SayoError as error:
        logger.warning("The reward of trace %s is not known: %s", trace_id, error)
        return None
    return reward if math.isfinite(reward) else None
