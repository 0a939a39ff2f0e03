"""The answers that a browser tab can still be asked about, and what each of them is."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from sayo_app.core.attention.heatmap import METHODS, layer_maps, token_maps, unavailable
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.held import Held
from sayo_app.core.shelf import Place, Shelf
from sayo_app.errors import CorrectionError, InputError
from sayo_app.settings import DEFAULTS
from sayo_app.ui.shared.visitors import visitor
from storage.base.pictures import pixel_hash

_MOST_ANSWERS = 8
# A large model has a thousand heads, each a view of some megabytes.
_MOST_MAPS = 16


@dataclass(eq=False)
class Answered:
    """A finished answer.

    Attributes:
        id: what the page calls it.
        pictures: of the question, in order.
        model: that gave it, as in `Settings.model`.
        adapter_id: the adapter that gave it; None is the base model.
        recorded: why only its recording is here, and not the model that gave it; None if the model is.
        steered: it was given with attention biased towards a region, so running the model again without
            that would show another look.
        revises: the stored correction that it is shown with; None for one that was just given.
        maps: token maps of the views that were shown so far, by name of the view.
    """

    id: str
    pictures: tuple[Held, ...]
    question: str
    trace: AttentionTrace
    model: str = ""
    adapter_id: int | None = None
    recorded: str | None = None
    steered: bool = False
    revises: int | None = None
    maps: dict[str, Float[np.ndarray, "row image"]] = field(default_factory=dict)

    @cached_property
    def picture_id(self) -> str:
        """Of the first picture, as the store calls it."""
        first = self.pictures[0]
        first.picture_id = first.picture_id or pixel_hash(first.image())
        return first.picture_id

    @property
    def weight(self) -> int:
        """Bytes that it takes, its pictures left out: they are weighed themselves."""
        arrays = (self.trace.attention, self.trace.entropies, *self.maps.values())
        return sum(array.nbytes for array in arrays) + len(self.trace.text) + len(self.question)

    @property
    def draft(self) -> dict[str, Any] | None:
        """What the page calls its draft; None where it cannot be corrected, as with several pictures."""
        if len(self.pictures) > 1:
            return None
        return draft_name(self.picture_id, self.question, self.revises)

    def why_not(self, view: str) -> str | None:
        """Why a view cannot be shown of this answer, in a sentence; None where it can."""
        if view in METHODS:
            reason = unavailable(self.trace, view, has_model=self.recorded is None and not self.steered)
            if reason is None or METHODS[view].needs == "trace":
                return reason
        elif not view.startswith("head:"):
            return None
        if self.recorded is not None:
            return self.recorded
        return "A steered answer shows what was recorded while it was given." if self.steered else None

    def token_maps(self, view: str) -> Float[np.ndarray, "row image"]:
        """One map a row of the trace, over the image tokens of all pictures; one in all for `relative`.

        Raises:
            InputError: no such view, or one that must be asked of the model first.
        """
        if view not in self.maps:
            kind, _, number = view.partition(":")
            if kind == "layer" and number.isdecimal():
                self.keep_maps(view, layer_maps(self.trace, int(number)))
            elif view in METHODS and METHODS[view].needs == "trace":
                self.keep_maps(view, token_maps(self.trace, view))
            else:
                raise InputError(
                    expected=f"a map out of {', '.join(METHODS)}, layer:NUMBER",
                    got=repr(view)[:80],
                    remedy="Choose a map above the picture.",
                )
        return self.maps[view]

    def keep_maps(self, view: str, maps: Float[np.ndarray, "row image"]) -> None:
        """The view that was made first is forgotten where there are too many."""
        self.maps[view] = maps
        if len(self.maps) > _MOST_MAPS:
            del self.maps[next(iter(self.maps))]


def draft_name(picture_id: str, question: str, revises: int | None = None) -> dict[str, Any]:
    """{key, name, revises} of the draft of a question on a picture: the same whenever it is asked.

    Args:
        picture_id: the store's name for its pixels.
        revises: the stored correction that is changed.
    """
    text = question.strip()
    key = hashlib.sha256(f"{picture_id}\n{revises}\n{text}".encode()).hexdigest()
    name = text if revises is None else f"{text} (correction {revises})"
    return {"key": key, "name": name, "revises": revises}


def head_of(view: str) -> tuple[int, int]:
    """(layer, head) of a view called `head:LAYER:HEAD`.

    Raises:
        InputError: it is not called so.
    """
    kind, *numbers = view.split(":")
    if kind != "head" or len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise InputError(
            expected="a head as head:LAYER:HEAD", got=repr(view)[:80], remedy="Choose one in the matrix."
        )
    return int(numbers[0]), int(numbers[1])


class Answers:
    """The last answers of a tab by id; the oldest are forgotten, and others where the shelf has no room."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self._shelf = shelf or Shelf(DEFAULTS.max_held_bytes)
        self._known: OrderedDict[str, Place[Answered]] = OrderedDict()

    def remember(self, answered: Answered) -> Answered:
        self._known[answered.id] = self._shelf.put(answered, answered.weight, visitor())
        self._known.move_to_end(answered.id)
        while len(self._known) > _MOST_ANSWERS:
            self._known.popitem(last=False)
        return answered

    def get(self, answer_id: Any) -> Answered | None:
        place = self._known.get(answer_id) if isinstance(answer_id, str) else None
        answered = None if place is None else place.get()
        if place is not None and answered is not None:
            self._shelf.weigh(place, answered.weight)  # maps may have been made since
        return answered

    def find(self, answer_id: Any) -> Answered:
        """The answer of that id.

        Raises:
            CorrectionError: the server does not have it (any more).
        """
        found = self.get(answer_id)
        if found is None:
            raise CorrectionError(
                expected="an answer that the app still holds",
                got="one that it has let go of" if self._known else "none",
                remedy="Ask the question again in the Ask tab.",
            )
        return found
