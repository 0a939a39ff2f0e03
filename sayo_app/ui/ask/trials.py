"""What a model looked at is changed, and it is asked again: where, how, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image

from sayo_app.core.attention.proposals import proposals
from sayo_app.core.geometry.cells import cells_of
from sayo_app.core.geometry.elsewhere import elsewhere
from sayo_app.core.geometry.region import Region
from sayo_app.core.rendering.covering import covered, moved, recoloured
from sayo_app.core.scenes.questions import answers_match
from sayo_app.errors import RegionError
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.viewer.payload import pooled, scope_of
from sayo_app.ui.viewer.queries import own_columns, selected

Pictures = tuple[Image.Image, ...]
Kind = Literal["look", "away", "peak"]
# The first one decides; the others are there to be looked at.
WAYS = {"cover": "covered", "blur": "blurred", "recolour": "recoloured", "move": "moved"}
MOST_PEAKS = 3
# An answer that stays hangs on a region in part where its probability falls below this part of what it was.
PART = 0.5
_WHAT = {
    "look": "what is in the drawn region",
    "away": "what is marked “not here”",
    "peak": "what it looked at most",
}
_STAYS = {
    "look": "it does not hang on it.",
    "away": "it is not swayed by it.",
    "peak": "here attention is no evidence of what the answer hangs on.",
}
_CHANGES = {"look": "it hangs on it.", "away": "it is swayed by it.", "peak": "it hangs on it."}


class Said(NamedTuple):
    """An answer, and how likely the first one still is."""

    answer: str
    probability: float


@dataclass(frozen=True)
class Place:
    """What is changed together.

    Attributes:
        name: what the page calls it.
        regions: of each picture, in its pixels.
    """

    name: str
    kind: Kind
    regions: tuple[tuple[Region, ...], ...]


class Finding(NamedTuple):
    """What follows, in a sentence, and whether it speaks for the model's look."""

    text: str
    good: bool


def places(answered: Answered, state: PageState) -> list[Place]:
    """The drawn regions, those to look at together and the others together; without any, the peaks.

    Raises:
        RegionError: nothing is drawn, and the map that is shown has no peak.
        InputError: no such view or selection.
    """
    drawn = state.fitted(answered)
    names: tuple[tuple[Kind, bool, str], ...] = (
        ("look", True, "The drawn region"),
        ("away", False, "What is marked “not here”"),
    )
    found = [
        Place(name, kind, tuple(tuple(it for it in own if it.look == look) for own in drawn))
        for kind, look, name in names
    ]
    found = [place for place in found if any(place.regions)] or peaks(answered, shown_map(answered, state))
    if not found:
        raise RegionError(
            expected="a box on the picture, or a map with a peak",
            got="neither",
            remedy="Draw a box, or choose another map or word.",
        )
    return found


def shown_map(answered: Answered, state: PageState) -> Float[np.ndarray, " image"]:
    """The map that the page shows, over the image tokens of all pictures.

    Raises:
        InputError: no such view or selection.
    """
    rows, _ = selected(answered.trace, state.selection)
    maps = answered.token_maps(state.view)
    return pooled(maps, rows.start, rows.stop, scope_of(state.view)).astype(np.float64)


def peaks(answered: Answered, values: Float[np.ndarray, " image"]) -> list[Place]:
    """The strongest peaks of a map, over all pictures, by the sum of the map in their cells."""
    trace = answered.trace
    ranked = []
    for picture, grid in enumerate(trace.grids):
        own = values[own_columns(trace, picture)]
        found = proposals(own, grid, MOST_PEAKS)
        ranked += [(float(own[cells_of([it], grid)].sum()), picture, it) for it in found]
    ranked.sort(key=lambda it: -it[0])
    return [
        Place(
            f"Peak {number}",
            "peak",
            tuple((region,) if index == picture else () for index in range(len(trace.grids))),
        )
        for number, (_, picture, region) in enumerate(ranked[:MOST_PEAKS], 1)
    ]


def changed(pictures: Pictures, place: Place, way: str, rng: np.random.Generator) -> Pictures | None:
    """The pictures with the place covered by the mean colour, blurred, recoloured or moved to a random place.

    Returns:
        None where there is no room to move it.
    """
    found = []
    for picture, regions in zip(pictures, place.regions, strict=True):
        if not regions:
            found.append(picture)
        elif way == "recolour":
            found.append(recoloured(picture, regions))
        elif way == "move":
            spot = elsewhere([_around(regions)], picture.size, rng)
            if spot is None:
                return None
            found.append(moved(picture, regions, spot[0].box_xyxy[:2])[0])
        else:
            found.append(covered(picture, regions, "mean" if way == "cover" else "blur"))
    return tuple(found)


def _around(regions: Sequence[Region]) -> Region:
    boxes = np.array([region.box_xyxy for region in regions])
    return Region.box(*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))


def control(
    pictures: Pictures, place: Place, others: Sequence[Place], rng: np.random.Generator
) -> Place | None:
    """As much somewhere else on the same pictures, apart from all places; None where there is no room."""
    found = []
    for index, (picture, regions) in enumerate(zip(pictures, place.regions, strict=True)):
        taken = [region for other in others for region in other.regions[index]]
        there = elsewhere(regions, picture.size, rng, taken)
        if there is None:
            return None
        found.append(there)
    return Place("As much somewhere else", place.kind, tuple(found))


def deciding(before: Said, covered_ones: Sequence[tuple[Place, Said]]) -> tuple[Place, Said]:
    """Of places that were covered in turn, the one that moved the answer most."""
    return min(covered_ones, key=lambda it: (answers_match(it[1].answer, before.answer), it[1].probability))


def finding(kind: Kind, before: Said, after: Said, elsewhere_said: Said | None) -> Finding:
    """What covering says, by this rule.

    - another answer: it hangs on it; unless as much covered somewhere else changes the answer as well
    - the same answer, its probability below `PART` of what it was: it hangs on it in part
    - the same answer otherwise: it does not hang on it

    Args:
        elsewhere_said: with as much covered somewhere else; None where that was not tried.
    """
    what = _WHAT[kind]
    if not answers_match(after.answer, before.answer):
        if elsewhere_said is not None and not answers_match(elsewhere_said.answer, before.answer):
            text = (
                f"The answer changes when {what} is covered, but also when as much is covered somewhere "
                "else: this does not show what it hangs on."
            )
            return Finding(text, False)
        text = f"The answer changes from “{before.answer}” to “{after.answer}” when {what} is covered: "
        return Finding(text + _CHANGES[kind], kind != "away")
    if after.probability < PART * before.probability:
        text = (
            f"The answer stays when {what} is covered, but its probability falls from "
            f"{percent(before.probability)} to {percent(after.probability)}: it hangs on it in part."
        )
        return Finding(text, kind != "away")
    return Finding(f"The answer stays when {what} is covered: {_STAYS[kind]}", kind == "away")


def percent(share: float) -> str:
    return "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"
