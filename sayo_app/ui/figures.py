"""Figures for drawn boxes: the SAYO reward and the energy of every token, every step and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sayo_app.core.heatmap import TRACE_METHODS, answer_map, step_map, token_maps, unavailable
from sayo_app.core.metrics import region_energy, sayo_log_ratio, sayo_reward
from sayo_app.core.region import Region, region_mask, region_note
from sayo_app.core.trace import AttentionTrace

# Special tokens belong to no step: for them only the boxes of the whole answer hold.
_NO_STEP = -1


def region_numbers(trace: AttentionTrace, regions: Sequence[Region]) -> dict[str, Any]:
    """What the page shows beside the boxes, so that stepping needs no further question to the server.

    A token and a step are measured against the boxes that hold for that step or for the whole answer;
    the answer against all boxes. The reward of the answer is the one that training reads (only its
    top-entropy tokens); that of a token or a step is the same ratio over its own rows.

    Args:
        trace: of the answer.
        regions: fitted to its picture.
    Returns:
        {"token", "step", "answer"}: each {"reward": [...], "energy": {method: [...]}}, None where no
        box holds; "notes": plain sentences about the boxes.
    """
    rows = trace.attention[:, -1].astype(np.float64)
    step_masks = [_mask(trace, regions, step.index) for step in trace.steps]
    whole = region_mask(regions, trace.grid)
    token_masks = [_mask(trace, regions, _NO_STEP)] * len(rows)
    for step, mask in zip(trace.steps, step_masks, strict=True):
        for token in range(step.start, min(step.stop, len(rows))):
            token_masks[token] = mask
    steps = [(rows[step.start : step.stop], mask) for step, mask in zip(trace.steps, step_masks, strict=True)]
    numbers: dict[str, Any] = {
        "token": {
            "reward": [_ratio(rows[i : i + 1], mask) for i, mask in enumerate(token_masks)],
            "energy": {},
        },
        "step": {"reward": [_ratio(part, mask) for part, mask in steps], "energy": {}},
        "answer": {"reward": [_finite(sayo_reward(rows, trace.entropies, whole))], "energy": {}},
        "notes": _notes(trace, regions),
    }
    for method in TRACE_METHODS:
        if unavailable(trace, method, has_model=False) is not None:
            continue
        maps = token_maps(trace, method)
        numbers["token"]["energy"][method] = [_energy(maps[i], mask) for i, mask in enumerate(token_masks)]
        numbers["step"]["energy"][method] = [
            _energy(step_map(trace, method, step), mask)
            for step, mask in zip(trace.steps, step_masks, strict=True)
        ]
        numbers["answer"]["energy"][method] = [_energy(answer_map(trace, method), whole)]
    return numbers


def _mask(trace: AttentionTrace, regions: Sequence[Region], step: int) -> np.ndarray | None:
    """The image tokens that the boxes of a step mean, None where no box holds for it."""
    mask = region_mask(regions, trace.grid, step)
    return mask if mask.any() else None


def _ratio(rows: np.ndarray, mask: np.ndarray | None) -> float | None:
    return _finite(sayo_log_ratio(rows, mask)) if mask is not None and len(rows) else None


def _energy(values: np.ndarray, mask: np.ndarray | None) -> float | None:
    return _finite(region_energy(values, mask)) if mask is not None else None


def _finite(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _notes(trace: AttentionTrace, regions: Sequence[Region]) -> list[str]:
    notes = (region_note(region, trace.grid) for region in regions)
    return [f"Box {number}: {note}" for number, note in enumerate(notes, 1) if note]
