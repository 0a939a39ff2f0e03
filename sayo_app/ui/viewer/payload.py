"""What the browser is sent of a view: its maps as bytes, and the figures for drawn boxes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from sayo_app.core.attention.heatmap import METHODS, mean_map
from sayo_app.core.attention.metrics import (
    METRICS,
    region_metrics,
    sayo_contributions,
    sayo_log_ratio,
    sayo_reward,
)
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.cells import NO_STEP, region_mask, region_masks, region_note
from sayo_app.core.geometry.region import Region

Maps = Float[np.ndarray, "row image"]
# As the list of regions calls them, see assets/ui/regions/list.js.
_NAMES = {"box": "Box", "polygon": "Polygon", "brush": "Painting"}
# Special tokens belong to no step: for them only the boxes of the whole answer hold.
_OF_REGION = tuple(name for name, metric in METRICS.items() if metric.of_region)


def scope_of(view: str) -> str:
    """`answer` for a view with one map in all, else `token`."""
    return METHODS[view].scope if view in METHODS else "token"


def view_data(trace: AttentionTrace, maps: Maps, scope: str) -> dict[str, Any]:
    """All maps of one view, for `View` in maps/view.js.

    Each of token, step and answer is {bytes, peaks}: 255 stands for the largest value of a map, which
    `peaks` has. A step's map and the answer's are means over their tokens.
    """
    return {
        "scope": scope,
        "token": _packed(maps if scope == "token" else maps[:0]),
        "step": _packed(np.stack([pooled(maps, s.start, s.stop, scope) for s in trace.steps]))
        if trace.steps
        else _packed(maps[:0]),
        "answer": _packed(pooled(maps, 0, len(trace.tokens), scope)[None]),
    }


def pooled(maps: Maps, start: int, stop: int, scope: str) -> Float[np.ndarray, " image"]:
    """The mean map of tokens `start` to `stop`; zeros where they have none."""
    return mean_map(maps if scope == "answer" else maps[start:stop])


def region_numbers(
    trace: AttentionTrace, maps: Maps, regions: Sequence[Region], scope: str = "token"
) -> dict[str, Any]:
    """What the page shows beside the boxes, so that stepping needs no further question to the server.

    A token and a step are measured against the boxes that hold for that step or for the whole answer;
    the answer against all boxes. `sayo` is read off the last full-attention layer whatever is shown: for
    the answer it is the reward that training reads (its top-entropy tokens only), for a token or a step
    the same ratio over its own rows. All other figures are of the maps that are shown.

    Args:
        trace: of one picture (see `AttentionTrace.of_picture`).
        maps: token maps of the view over the same image tokens.
        regions: fitted to that picture.
    Returns:
        {"token", "step", "answer"}: each {metric: [...]}, None where no box holds; "notes": plain
        sentences about the boxes.
    """
    held = (None, NO_STEP, *(step.index for step in trace.steps))
    whole, of_none, *step_masks = region_masks(regions, trace.grid, held)
    token_masks = [of_none] * len(trace.attention)
    for step, mask in zip(trace.steps, step_masks, strict=True):
        for token in range(step.start, min(step.stop, len(token_masks))):
            token_masks[token] = mask
    rows = trace.attention[:, -1].astype(np.float64)
    tokens = [(i, i + 1, mask) for i, mask in enumerate(token_masks)]
    steps = [(step.start, step.stop, mask) for step, mask in zip(trace.steps, step_masks, strict=True)]
    answer = _figures(trace, maps, scope, [(0, len(trace.tokens), whole)])
    answer["sayo"] = [_finite(sayo_reward(rows, trace.entropies, whole)) if whole.any() else None]
    return {
        "token": _figures(trace, maps, scope, tokens) | {"sayo": [_sayo(rows, *it) for it in tokens]},
        "step": _figures(trace, maps, scope, steps) | {"sayo": [_sayo(rows, *it) for it in steps]},
        "answer": answer,
        "notes": [
            f"{_NAMES[region.kind]} {number}: {note}"
            for number, region in enumerate(regions, 1)
            if (note := region_note(region, trace.grid))
        ],
    }


def timeline(trace: AttentionTrace, regions: Sequence[Region]) -> tuple[list[float], list[float]] | None:
    """(energy in the boxes, SAYO contribution) of each row of the reward view; None without a box."""
    mask = region_mask(regions, trace.grid)
    if not mask.any() or not len(trace.attention):
        return None
    rows = trace.attention[:, -1].astype(np.float64)
    totals = rows.sum(axis=1)
    energy = np.divide(rows[:, mask].sum(axis=1), totals, out=np.zeros_like(totals), where=totals > 0)
    return energy.tolist(), sayo_contributions(rows, mask).tolist()


def _figures(
    trace: AttentionTrace, maps: Maps, scope: str, spans: Sequence[tuple[int, int, np.ndarray]]
) -> dict[str, list[float | None]]:
    """Each figure of `METRICS` that has to do with a region, one a span of tokens."""
    found = [
        region_metrics(pooled(maps, start, stop, scope), mask, trace.grid) for start, stop, mask in spans
    ]
    return {name: [_finite(one[name]) for one in found] for name in _OF_REGION}


def _sayo(rows: Maps, start: int, stop: int, mask: np.ndarray) -> float | None:
    part = rows[start:stop]
    return _finite(sayo_log_ratio(part, mask)) if mask.any() and len(part) else None


def _finite(value: float | None) -> float | None:
    return round(float(value), 4) if value is not None and np.isfinite(value) else None


def packed_bytes(maps: Maps) -> str:
    """Maps as base64 bytes, 255 being the largest value of each map on its own."""
    peaks = maps.max(axis=1, keepdims=True, initial=0.0)
    scaled = np.divide(255.0 * maps, peaks, out=np.zeros(maps.shape), where=peaks > 0)
    return base64.b64encode(
        np.round(np.clip(np.nan_to_num(scaled), 0, 255)).astype(np.uint8).tobytes()
    ).decode()


def _packed(maps: Maps) -> dict[str, Any]:
    peaks = maps.max(axis=1, initial=0.0)
    return {"bytes": packed_bytes(maps), "peaks": [float(f"{peak:.4g}") for peak in peaks]}
