"""From a trace to a map over the image tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sayo_app.core.trace import AttentionTrace, Step
from sayo_app.errors import InputError


@dataclass(frozen=True)
class Method:
    """A way to make a map, with the words that the page uses for it."""

    name: str
    label: str
    description: str


DEFAULT = "centred"
METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            DEFAULT,
            "Centred",
            "Where this token looked more than the answer's tokens do on average: layers at 50 to 75 % "
            "of the depth, attention sinks left out.",
        ),
        Method(
            "reward",
            "Reward view",
            "The attention that the SAYO reward reads: the last full-attention layer, as it is.",
        ),
    )
}
_BAND = (0.5, 0.75)


def token_maps(trace: AttentionTrace, method: str = DEFAULT) -> Float[np.ndarray, "row image"]:
    """One map a completion token but the last, all values >= 0.

    reward: A[t, last layer]. centred: max(0, B_t - mean over t of B) with B the mean of A over the
    layers at 50-75 % of the depth; sinks 0. A completion with a single row has nothing to be
    centred on and keeps it as it is.

    Raises:
        InputError: no such method.
    """
    if method not in METHODS:
        raise InputError(
            expected=f"a map out of {', '.join(METHODS)}", got=repr(method), remedy="Choose one."
        )
    if method == "reward":
        return np.asarray(trace.attention[:, -1, :], dtype=float)
    middle = trace.attention[:, _middle_layers(trace), :].mean(axis=1, dtype=float)
    if len(middle) > 1:
        middle = np.maximum(middle - middle.mean(axis=0), 0.0)
    return middle if trace.sink_mask is None else middle * trace.sink_mask


def step_map(trace: AttentionTrace, method: str, step: Step) -> Float[np.ndarray, " image"]:
    """The mean of the step's token maps; zeros where the step is the last token alone."""
    return _pooled(token_maps(trace, method)[step.start : step.stop])


def answer_map(trace: AttentionTrace, method: str = DEFAULT) -> Float[np.ndarray, " image"]:
    """The mean of all token maps."""
    return _pooled(token_maps(trace, method))


def _pooled(maps: Float[np.ndarray, "row image"]) -> Float[np.ndarray, " image"]:
    return maps.mean(axis=0) if len(maps) else np.zeros(maps.shape[1])


def _middle_layers(trace: AttentionTrace) -> list[int]:
    """Entries of axis 1 at 50-75 % of the depth, or the nearest one where none lies there."""
    depths = [(layer + 1) / trace.depth for layer in trace.layers]
    low, high = _BAND
    inside = [i for i, depth in enumerate(depths) if low <= depth <= high]
    return inside or [int(np.argmin([abs(depth - (low + high) / 2) for depth in depths]))]
