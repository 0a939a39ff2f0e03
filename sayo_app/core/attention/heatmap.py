"""From a trace to a map over the image tokens, and the formulas of maps that need more than a trace.

A stands for attention weights: from a generated token t, at a layer l and head h, to an image token j.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from sayo_app.core.attention.metrics import normalised_log_ratio, spatial_entropy
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.errors import InputError


@dataclass(frozen=True)
class Method:
    """A way to make a map, with the words that the page uses for it.

    Attributes:
        name: what code and files call it.
        label: what a button calls it.
        description: what it shows, for somebody who has never heard of it.
        formula: the same in a line of mathematics.
        source: where it comes from.
        needs: "trace" where a recorded answer is enough, "model" where the model must run again.
        scope: "token" for one map a token, "answer" for one map in all.
    """

    name: str
    label: str
    description: str
    formula: str
    source: str
    needs: Literal["trace", "model"] = "trace"
    scope: Literal["token", "answer"] = "token"


DEFAULT = "centred"
# In the order of the number keys 1 to 8.
METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            DEFAULT,
            "Centred",
            "Where this token looked more than the answer's tokens do on average: middle layers, without "
            "the spots that collect attention whatever is asked.",
            "max(0, A_t − mean over t of A), mean over heads and the layers at 50–75 % of the depth, sinks 0",
            "SAYO Studio; sinks after Kang et al., arXiv 2503.03321",
        ),
        Method(
            "reward",
            "Reward view",
            "The attention that the SAYO reward reads: the last layer that can see the picture, as it is.",
            "A_t, mean over heads, last full-attention layer",
            "SAYO, arXiv 2602.08241",
        ),
        Method(
            "raw",
            "Raw",
            "All attention of the middle layers, as it is. Often dominated by a few spots that collect "
            "attention whatever is asked.",
            "A_t, mean over heads and the layers at 50–75 % of the depth",
            "Vaswani et al., arXiv 1706.03762",
        ),
        Method(
            "filtered",
            "Without sinks",
            "The raw map without the spots that collect attention whatever is asked (attention sinks).",
            "A_t · keep, mean over heads and the layers at 50–75 % of the depth; keep is 0 for sinks",
            "Kang et al., arXiv 2503.03321",
        ),
        Method(
            "relative",
            "Relative",
            "Where the question makes the model look more than a request to describe the picture does.",
            "A(question) / A(describe the picture), at the last prompt token",
            "Zhang et al., arXiv 2502.17422",
            needs="model",
            scope="answer",
        ),
        Method(
            "gradient",
            "Gradient",
            "The attention that pushed the model towards this very token: looks that did not matter for "
            "the choice drop out.",
            "mean over h of A · max(0, ∂ logit / ∂A)",
            "Chefer et al., arXiv 2103.15679",
            needs="model",
        ),
        Method(
            "rollout",
            "Rollout",
            "Attention followed through all layers, so that looks passed on by other words count too.",
            "product over l of ½ (mean over h of A + I), the token's row",
            "Abnar and Zuidema, arXiv 2005.00928",
            needs="model",
        ),
        Method(
            "heads",
            "Best heads",
            "Only the few attention heads that look at the picture a lot and at one place in it.",
            "mean of A over the heads first in order of spatial entropy among those with much image mass",
            "Kang et al., arXiv 2503.06287",
            needs="model",
        ),
    )
}
TRACE_METHODS: tuple[str, ...] = tuple(name for name, method in METHODS.items() if method.needs == "trace")
_BAND = (0.5, 0.75)
_EPSILON = 1e-8


def unavailable(trace: AttentionTrace, method: str, has_model: bool) -> str | None:
    """Why a map cannot be made of this trace, in a sentence for the page; None where it can.

    Args:
        has_model: whether the model that gave the trace is there to run again.

    Raises:
        InputError: no such method.
    """
    if _method(method).needs == "model" and not has_model:
        return "This map needs the model that gave the answer, and only its recording is here."
    if method == "filtered" and trace.sink_mask is None:
        return "It was not recorded which image tokens of this answer are attention sinks."
    return None


def token_maps(trace: AttentionTrace, method: str = DEFAULT) -> Float[np.ndarray, "row image"]:
    """One map a completion token but the last, all values >= 0.

    With B the mean of A over the captured layers at 50-75 % of the depth, or over the nearest one:
    raw B_t; filtered B_t with sinks 0; centred max(0, B_t - mean over t of B) with sinks 0 where they
    are known; reward A_t of the last layer. A completion with a single row has nothing to be centred
    on and keeps it as it is. Where every image token is a sink, filtered and centred maps are 0.

    Raises:
        InputError: no such method, or one that cannot be made of a trace (see `unavailable`).
    """
    reason = unavailable(trace, method, has_model=False)
    if reason is not None:
        raise InputError(
            expected="a map that this recording can give",
            got=repr(method),
            remedy=f"{reason} Choose another.",
        )
    if method == "reward":
        return np.asarray(trace.attention[:, -1, :], dtype=float)
    maps = trace.attention[:, middle_layers(trace.layers, trace.depth), :].mean(axis=1, dtype=float)
    if method == "raw":
        return maps
    if method == "centred" and len(maps) > 1:
        maps = np.maximum(maps - maps.mean(axis=0), 0.0)
    return maps if trace.sink_mask is None else maps * trace.sink_mask


def mean_map(maps: Float[np.ndarray, "row image"]) -> Float[np.ndarray, " image"]:
    """What a step or an answer looks at: the mean of its token maps; zeros where none of them has a row."""
    return maps.mean(axis=0) if len(maps) else np.zeros(maps.shape[1])


def layer_maps(trace: AttentionTrace, layer: int) -> Float[np.ndarray, "row image"]:
    """A_t of one decoder layer, heads averaged, as it is.

    Args:
        layer: its number in the model, from 0; not every layer is captured, and some have no map.

    Raises:
        InputError: a layer without a map.
    """
    if layer not in trace.layers:
        raise InputError(
            expected=f"a layer with an attention map: {', '.join(map(str, trace.layers))}",
            got=str(layer),
            remedy="Choose one of these.",
        )
    return np.asarray(trace.attention[:, trace.layers.index(layer), :], dtype=float)


def middle_layers(layers: Sequence[int], depth: int) -> list[int]:
    """Entries of `layers` at 50-75 % of the depth, or the nearest one where none lies there.

    Args:
        layers: decoder layers with a map, ascending.
        depth: number of decoder layers in the model.
    """
    depths = [(layer + 1) / depth for layer in layers]
    low, high = _BAND
    inside = [i for i, depth in enumerate(depths) if low <= depth <= high]
    return inside or [int(np.argmin([abs(depth - (low + high) / 2) for depth in depths]))]


def relative_map(
    question_rows: Float[np.ndarray, "layer image"], generic_rows: Float[np.ndarray, "layer image"]
) -> Float[np.ndarray, " image"]:
    """mean over layers of (A(question) + 1e-8) / (A(generic) + 1e-8): above 1 where the question draws.

    The ratio takes out what the model looks at whatever it is asked. Zhang et al., "MLLMs Know Where
    to Look", arXiv 2502.17422, use one layer and divide plainly; the small number keeps image tokens
    that neither prompt looks at at 1.

    Args:
        question_rows: heads averaged, the last token of the prompt with the question as the query.
        generic_rows: the same with a prompt that asks for a description of the picture.
    """
    return ((question_rows + _EPSILON) / (generic_rows + _EPSILON)).mean(axis=0, dtype=float)


def gradient_weighted(
    attention: Float[np.ndarray, "head image"], gradient: Float[np.ndarray, "head image"]
) -> Float[np.ndarray, " image"]:
    """mean over h of A · max(0, g): the attention that raised the token's logit.

    Equation 5 of Chefer et al., arXiv 2103.15679, mean over h of max(0, A · g), as A is never below 0.

    Args:
        attention: one query row of one layer.
        gradient: of that token's logit with respect to `attention`.
    """
    return (attention * np.maximum(gradient, 0.0)).mean(axis=0, dtype=float)


def rank_heads(head_maps: Float[np.ndarray, "layer head image"]) -> list[tuple[int, int]]:
    """(entry of axis 0, head) from the sharpest on, of the half of the heads that look at the image most.

    Heads whose image mass Σ_j A reaches the median over all heads, in ascending order of spatial
    entropy. The two criteria are those of Kang et al., "Your Large Vision-Language Model Only Needs A
    Few Attention Heads For Visual Grounding", arXiv 2503.06287. There the threshold on the mass is the
    elbow of its sorted values and the entropy that of connected patches of the map; the median needs
    no curve to bend and the entropy over image tokens no threshold and no regular grid.
    """
    entropy = spatial_entropy(head_maps)
    return sorted(_looking_heads(head_maps), key=lambda place: float(entropy[place]))


def rank_heads_by_region(
    head_maps: Float[np.ndarray, "layer head image"], region_mask: Bool[np.ndarray, " image"]
) -> list[tuple[int, int]]:
    """(entry of axis 0, head) from the one on that favours the region most.

    The half of the heads that look at the image most, as in `rank_heads`, in descending order of
    `normalised_log_ratio`: a head that hardly looks at the image is no find, wherever it looks.

    Raises:
        RegionError: a region mask without an image token.
    """
    ratios = {
        place: normalised_log_ratio(head_maps[place], region_mask) for place in _looking_heads(head_maps)
    }
    return sorted(ratios, key=lambda place: -ratios[place])


def _looking_heads(head_maps: Float[np.ndarray, "layer head image"]) -> list[tuple[int, int]]:
    mass = head_maps.sum(axis=-1, dtype=float)
    if not mass.size:
        return []
    return [(int(layer), int(head)) for layer, head in np.argwhere(mass >= np.median(mass))]


def _method(name: str) -> Method:
    if name not in METHODS:
        raise InputError(expected=f"a map out of {', '.join(METHODS)}", got=repr(name), remedy="Choose one.")
    return METHODS[name]
