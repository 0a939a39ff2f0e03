"""The model is asked about the tour's pictures: what it says, and where it looked as it settled on that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

from sayo_app.core.attention.metrics import region_energy
from sayo_app.core.attention.steps import answer_text, fact_tokens
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.cells import cells_of
from sayo_app.core.rendering.animate import view
from sayo_app.core.scenes.confounders import ConfoundedScene
from sayo_app.core.scenes.questions import answers_match
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.tour.scenes import Part, regions_of, scene_of

# Where the model is as it should be, no more than this many have to be asked for one that fits.
_MOST_ASKED = 40


@dataclass(frozen=True, eq=False)
class Said:
    """An answer to the question of a scene.

    Attributes:
        text: what it answered.
        row: where it looked, see `deciding_row`.
        on_object, on_stamp: shares of that look, from 0 to 1.
    """

    scene: ConfoundedScene
    trace: AttentionTrace
    text: str
    row: Float[np.ndarray, " image"]
    on_object: float
    on_stamp: float

    @property
    def right(self) -> bool:
        return answers_match(self.text, self.scene.question.answer)

    @property
    def gives_the_stamp(self) -> bool:
        return answers_match(self.text, self.scene.suggested)

    def picture(self, side: int) -> Image.Image:
        """The scene with the look laid over it. Args: side: the longer one, in pixels."""
        return Image.fromarray(view([self.scene.picture], self.trace.grids, self.row, side=side))


@dataclass(frozen=True, eq=False)
class Found:
    """An answer of the kind that was looked for, or the last one; and how many were asked until then."""

    said: Said
    asked: int
    fits: bool


def ask(studio: Studio, scene: ConfoundedScene, adapter_id: int | None) -> Said:
    """Raises ModelError: the model or the adapter cannot be loaded."""
    *_, last = studio.answer([scene.picture], scene.question.question, adapter_id)
    trace = last.trace
    assert trace is not None
    row = deciding_row(trace)
    shares = [region_energy(row, cells_of([region], trace.grid)) for region in regions_of(scene)]
    return Said(scene, trace, answer_text(trace.text) or trace.text, row, *shares)


def deciding_row(trace: AttentionTrace) -> Float[np.ndarray, " image"]:
    """The attention that the answer was chosen by, where the reasoning names it: the last layer's rows that
    predict its tokens, on average. An answer in another form gives the mean over all of its rows.
    """
    read = [token - 1 for token in fact_tokens(trace.tokens) if token > 0]
    rows: Float[np.ndarray, "row image"] = trace.attention[read or slice(None), -1].astype(np.float64)
    return rows.mean(axis=0)


def right_ones(studio: Studio, adapter_id: int, count: int) -> Iterator[tuple[Said, int]]:
    """Pictures where the stamp agrees, in turn: those answered right, each with how many were asked."""
    for number in range(_MOST_ASKED):
        said = ask(studio, scene_of(Part.SHOWN, number), adapter_id)
        if said.right:
            yield said, number + 1
            count -= 1
        if not count:
            return


def misled(studio: Studio, adapter_id: int) -> Found:
    """The first picture where the stamp lies and is believed."""
    for number in range(_MOST_ASKED):
        said = ask(studio, scene_of(Part.LYING, number), adapter_id)
        if said.gives_the_stamp:
            break
    return Found(said, number + 1, said.gives_the_stamp)


def mended(studio: Studio, before_id: int, after_id: int) -> tuple[Said, Found]:
    """(before, after) on the first picture where the stamp lies, was believed, and is not any more."""
    for number in range(_MOST_ASKED):
        scene = scene_of(Part.LYING, number)
        before, after = ask(studio, scene, before_id), ask(studio, scene, after_id)
        fits = before.gives_the_stamp and after.right
        if fits:
            break
    return before, Found(after, number + 1, fits)
