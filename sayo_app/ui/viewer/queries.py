"""What a viewer asks of the server: figures for its boxes, further maps, figures of every head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from sayo_app.core.attention.metrics import region_energy, spatial_entropy
from sayo_app.core.attention.proposals import proposals
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.cells import coverage, looked_at, region_mask
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.errors import InputError, SayoError
from sayo_app.ui.shared.answers import Answered, Answers
from sayo_app.ui.shared.handlers import say, warn
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.words import without_paths
from sayo_app.ui.viewer import rerun
from sayo_app.ui.viewer.chart import token_chart
from sayo_app.ui.viewer.page_state import fitted
from sayo_app.ui.viewer.payload import pooled, region_numbers, scope_of, timeline, view_data


@dataclass(frozen=True)
class Drawn:
    """What an event says of boxes: checked, and of one picture of the answer."""

    picture: int
    regions: list[Region]


def drawn(answered: Answered, event: Any) -> Drawn:
    """The boxes of an event, checked against the server's own picture.

    Raises:
        InputError, RegionError: no such picture, not a region, or outside the picture.
    """
    picture = getattr(event, "picture", 0)
    if not isinstance(picture, int) or not 0 <= picture < len(answered.pictures):
        raise InputError(
            expected=f"one of {len(answered.pictures)} pictures",
            got=repr(picture)[:80],
            remedy="Reload the page.",
        )
    return Drawn(picture, fitted(event.regions, answered.pictures[picture].size))


def own_columns(trace: AttentionTrace, picture: int) -> slice:
    """Where the image tokens of a picture stand among those of all pictures."""
    start = sum(grid.n_tokens for grid in trace.grids[:picture])
    return slice(start, start + trace.grids[picture].n_tokens)


def measured(answered: Answered, event: Any) -> tuple[dict[str, Any] | None, Any]:
    """(figures for the regions with the cells they mean, the timeline with them)."""
    own = drawn(answered, event)
    trace = answered.trace.of_picture(own.picture)
    figure = token_chart(answered.trace, timeline(trace, own.regions))
    if not own.regions:
        return None, figure
    maps = answered.token_maps(event.view)[:, own_columns(answered.trace, own.picture)]
    numbers = region_numbers(trace, maps, own.regions, scope_of(event.view))
    return {
        "id": event.id,
        "revision": event.revision,
        "view": event.view,
        "picture": own.picture,
        "cells": {
            "answer": told_cells(own.regions, trace.grid),
            "step": [told_cells(own.regions, trace.grid, step) for step in range(len(trace.steps))],
        },
        **numbers,
    }, figure


def told_cells(regions: Sequence[Region], grid: ImageGrid, step: int | None = None) -> dict[str, Any]:
    """What the model is told of the regions, for a step or for the whole answer.

    Returns:
        told: image tokens that count as theirs. covered: {cell: part of it, from 0 to 1} where they touch.
    """
    covered = coverage(looked_at(regions, step), grid)
    touched = {str(cell): round(float(covered[cell]), 3) for cell in np.flatnonzero(covered > 0)}
    return {"told": np.flatnonzero(region_mask(regions, grid, step)).tolist(), "covered": touched}


def proposed(answered: Answered, event: Any) -> dict[str, Any]:
    """Peaks of the map that the page shows, as regions to accept, change or reject.

    Raises:
        InputError: no such picture, view or selection.
    """
    picture = drawn(answered, event).picture
    rows, _ = selected(answered.trace, event.selection)
    maps = answered.token_maps(event.view)[:, own_columns(answered.trace, picture)]
    values = pooled(maps, rows.start, rows.stop, scope_of(event.view))
    found = proposals(values.astype(np.float64), answered.trace.grids[picture])
    if not found:
        say("This map has no peak to propose.")
    reply = {"id": event.id, "revision": event.revision, "picture": picture}
    return reply | {"regions": [region.to_dict() for region in found]}


def recorded_maps(answers: Answers, event: Any) -> dict[str, Any]:
    """The maps of a view that the recording of an answer has."""
    return _maps(answers, event, lambda answered: answered.token_maps(event.view))


def model_maps(studio: Studio, answers: Answers, event: Any) -> dict[str, Any]:
    """The maps of a view that the model is run again for, unless that was done before."""

    def compute(answered: Answered) -> Any:
        if event.view not in answered.maps:
            answered.keep_maps(event.view, rerun.view_maps(studio, answered, event.view))
        return answered.maps[event.view]

    return _maps(answers, event, compute)


def _maps(answers: Answers, event: Any, compute: Any) -> dict[str, Any]:
    """The maps of a view, or why there are none: the browser waits for one or the other."""
    reply = {"id": event.id, "view": event.view}
    try:
        answered = answers.find(event.id)
        reason = answered.why_not(event.view)
        if reason is not None:
            raise InputError(expected="a map of this answer", got=repr(event.view), remedy=reason)
        return reply | {"data": view_data(answered.trace, compute(answered), scope_of(event.view))}
    except SayoError as error:
        warn(str(error))
        return reply | {"reason": without_paths(str(error))}


def head_figures(studio: Studio, answers: Answers, event: Any) -> dict[str, Any]:
    """Of every layer and head, for the selected token, step or answer: image share, energy, narrowness.

    Raises:
        SayoError: no such answer or selection, or the model cannot be asked.
    """
    answered = answers.find(event.id)
    tokens, what = selected(answered.trace, event.selection)
    own = drawn(answered, event)
    maps = rerun.head_maps(studio, answered, tokens)
    figures = matrix_figures(
        maps,
        own_columns(answered.trace, own.picture),
        region_mask(own.regions, answered.trace.grids[own.picture]),
    )
    reply = {"id": event.id, "revision": event.revision, "what": what}
    return reply | {"layers": list(answered.trace.layers), "figures": figures}


def selected(trace: AttentionTrace, selection: Any) -> tuple[slice, str]:
    """(the rows of what is selected on the page, what to call it).

    Raises:
        InputError: no such token or step.
    """
    try:
        kind, index = selection["kind"], int(selection["index"])
        rows = len(trace.attention)
        if kind == "answer" and rows:
            return slice(0, rows), "the whole answer"
        if kind == "step" and index >= 0 and trace.steps[index].start < rows:
            step = trace.steps[index]
            return slice(step.start, min(step.stop, rows)), f"step {index + 1}"
        if kind == "token" and 0 <= index < rows:
            return slice(index, index + 1), f"token {index + 1}"
    except (KeyError, TypeError, ValueError, IndexError):
        pass
    raise InputError(
        expected="a token, a step or the answer",
        got=repr(selection)[:80],
        remedy="Select one of the answer's words.",
    )


def matrix_figures(
    maps: Float[np.ndarray, "layer head image"], own: slice, mask: Bool[np.ndarray, " own"]
) -> dict[str, Any]:
    """One number a layer and head: share (attention on the pictures), energy (of what is on this picture, in
    the region; None without one), focus (log N minus the spatial entropy in nats: 0 for an even look).
    """
    here = maps[..., own]
    entropy = spatial_entropy(here)
    energy = [[region_energy(head, mask) for head in layer] for layer in here] if bool(mask.any()) else None
    return {
        "share": _rounded(maps.sum(axis=-1, dtype=float)),
        "energy": None if energy is None else _rounded(np.asarray(energy)),
        "focus": _rounded(np.log(here.shape[-1]) - entropy),
    }


def _rounded(values: np.ndarray) -> Sequence[Any]:
    return np.round(values, 5).tolist()
