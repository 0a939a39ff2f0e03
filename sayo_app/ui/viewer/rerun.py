"""What the model is run again for: maps of a finished answer, every head, an answer steered to a region or on
other pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from sayo_app.core.attention.heatmap import middle_layers, relative_map
from sayo_app.core.attention.said import first_said
from sayo_app.core.attention.steps import answer_text
from sayo_app.core.held import images
from sayo_app.errors import InputError
from sayo_app.ui.shared.answers import Answered, head_of
from sayo_app.ui.shared.studio import Studio

if TYPE_CHECKING:
    from sayo_app.mllm.analysis.maps import Finished
    from sayo_app.mllm.answering.chat import Chunk
    from sayo_app.mllm.answering.steer import Found, Steering
    from sayo_app.mllm.models.loading import LoadedModel


def view_maps(studio: Studio, answered: Answered, view: str) -> Float[np.ndarray, "row image"]:
    """The token maps of a view that the recording does not have: a map method or `head:LAYER:HEAD`.

    Raises:
        InputError: no such view.
        ModelError: the model or the adapter cannot be loaded.
    """
    from sayo_app.mllm.analysis import maps

    loaded, finished = _finished(studio, answered)
    if view == "relative":
        question_rows, generic_rows = maps.relative_rows(loaded, finished)
        band = middle_layers(answered.trace.layers, answered.trace.depth)
        return relative_map(question_rows[band], generic_rows[band])[None]
    if view == "gradient":
        return maps.gradient_maps(loaded, finished)
    if view == "rollout":
        return maps.rollout_maps(loaded, finished)
    if view == "heads":
        return maps.focus_heads_maps(loaded, finished)
    layer, head = head_of(view)
    return maps.one_head_rows(loaded, finished, layer, head)


def head_maps(studio: Studio, answered: Answered, tokens: slice) -> Float[np.ndarray, "layer head image"]:
    """What every head looks at, on average over some of the answer's tokens.

    Raises:
        InputError: only the recording of the answer is here.
    """
    from sayo_app.mllm.analysis import maps

    _require_model(answered)
    return maps.head_maps(*_finished(studio, answered), tokens)


@dataclass(frozen=True)
class Plan:
    """How an answer is to be steered towards a region.

    Attributes:
        heads: "found" for those kept with the model, "looking" for the tenth that looked most at the region
            in the first answer, "layers" for all heads of `layers`.
        strength: what is added to the attention scores of the region, in nats.
        prompt: bias the words of the question too, not only those of the answer.
    """

    heads: str
    layers: tuple[int, ...]
    strength: float
    prompt: bool


def steering_of(studio: Studio, answered: Answered, mask: Bool[np.ndarray, " image"], plan: Plan) -> Steering:
    """The heads of a plan, for this model and region.

    Raises:
        InputError: a plan that names no head, or heads that nobody has found yet.
    """
    from sayo_app.mllm.analysis.heads import heads_for_region
    from sayo_app.mllm.answering.steer import Steering

    if plan.heads == "layers":
        return Steering(dict.fromkeys(sorted(plan.layers)), plan.strength, plan.prompt)
    if plan.heads == "looking":
        rows = slice(0, len(answered.trace.attention))
        chosen = heads_for_region(head_maps(studio, answered, rows), mask, answered.trace.layers)
        return Steering(chosen, plan.strength, plan.prompt)
    found = found_for(studio)
    if found is None:
        raise InputError(
            expected="heads that were found for this model",
            got="none yet",
            remedy="Choose the heads that look at the region, or layers.",
        )
    return Steering(found.steering.heads, plan.strength, plan.prompt)


def steered(
    studio: Studio, answered: Answered, masks: Sequence[Bool[np.ndarray, " _"]], plan: Plan
) -> tuple[Steering, Iterator[Chunk]]:
    """(the steering, the answer to the same question with attention biased towards a region).

    Args:
        masks: one a picture: True for the image tokens of the region.
    """
    steering = steering_of(studio, answered, np.concatenate(masks), plan)
    chunks = studio.answer(
        answered.pictures, answered.question, answered.adapter_id, steering=steering, region_masks=masks
    )
    return steering, chunks


def answer_on(
    studio: Studio, answered: Answered, pictures: tuple[Image.Image, ...], on_stop: Callable[[], bool]
) -> str:
    """What is answered to the same question, by the same model and adapter, on other pictures.

    Args:
        on_stop: asked before each token; True ends the answer as it stands.
    """
    *_, last = studio.answer(pictures, answered.question, answered.adapter_id, on_stop=on_stop)
    return answer_text(last.text) or last.text


def likelihood(studio: Studio, answered: Answered) -> Callable[[tuple[Image.Image, ...]], float]:
    """How likely the answer is, on pictures in place of its own: `said.first_said` says which tokens.

    Raises:
        InputError: only the recording of the answer is here.
    """
    from sayo_app.mllm.analysis.likelihood import probability

    _require_model(answered)
    loaded, finished = _finished(studio, answered)
    tokens = first_said(answered.trace.tokens)
    return lambda pictures: probability(loaded, replace(finished, pictures=pictures), tokens)


def found_for(studio: Studio) -> Found | None:
    """The steering that is kept with the model in use."""
    from sayo_app.mllm.answering.steer import found_steering

    return found_steering(studio.settings.model, studio.settings)


def _require_model(answered: Answered) -> None:
    reason = answered.why_not("heads")
    if reason is not None:
        raise InputError(expected="an answer of the model in use", got="another one", remedy=reason)


def _finished(studio: Studio, answered: Answered) -> tuple[LoadedModel, Finished]:
    """The model, and the answer with the adapter that gave it."""
    from sayo_app.mllm.analysis.maps import Finished

    loaded = studio.loaded()
    adapter = studio.loaded_adapter(loaded, studio.adapter(answered.adapter_id))
    return loaded, Finished(images(answered.pictures), answered.question, answered.trace.token_ids, adapter)
