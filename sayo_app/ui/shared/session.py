"""What one browser tab is looking at, and for each room what that room alone needs to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from PIL import Image

from sayo_app.errors import CorrectionError
from sayo_app.ui.shared.answers import Answered, Answers

Kept = TypeVar("Kept")


@dataclass
class Session:
    """One a browser tab; lives on the server, and all its handlers get the same object.

    Attributes:
        pictures: of the next question, in order.
        shown: the viewer's value of these pictures.
        answers: those that the tab can still be asked about.
        current: id of the answer that Ask shows.
    """

    pictures: tuple[Image.Image, ...] = ()
    shown: dict[str, Any] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    current: str = ""
    _rooms: dict[type, Any] = field(default_factory=dict, init=False, repr=False)

    def look_at(self, pictures: Sequence[Image.Image], shown: dict[str, Any]) -> None:
        """New pictures: the answer to those before them is over."""
        self.pictures, self.shown = tuple(pictures), shown
        self.current = ""

    def show(self, answered: Answered) -> Answered:
        """From now on Ask shows this answer."""
        self.current = answered.id
        return self.answers.remember(answered)

    def answered(self, answer_id: str) -> Answered:
        """The answer that Ask shows, if it is the one of that id.

        Raises:
            CorrectionError: the server does not have that answer (any more).
        """
        known = self.answers.get(self.current)
        if known is None or answer_id != self.current:
            raise CorrectionError(
                expected="an answer that the app still holds",
                got="none" if known is None else "an answer that was replaced by a newer one",
                remedy="Ask the question again in the Ask tab; drawn boxes can then be saved.",
            )
        return known

    def room(self, kind: type[Kept]) -> Kept:
        """What a room keeps of this tab: an object of the room's own class, made when it is first needed."""
        return self._rooms.setdefault(kind, kind())
