"""What one browser tab is looking at, and for each room what that room alone needs to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sayo_app.core.held import Held, let_go
from sayo_app.core.shelf import Place, Shelf
from sayo_app.errors import CorrectionError
from sayo_app.settings import DEFAULTS
from sayo_app.ui.shared.answers import Answered, Answers
from sayo_app.ui.shared.visitors import visitor

Kept = TypeVar("Kept")


@dataclass
class Session:
    """One a browser tab; lives on the server, and all its handlers get the same object.

    Attributes:
        shelf: has room for what all tabs keep.
        pictures: of the next question, in order.
        answers: those that the tab can still be asked about.
        current: id of the answer that Ask shows.
    """

    shelf: Shelf = field(default_factory=lambda: Shelf(DEFAULTS.max_held_bytes))
    pictures: tuple[Held, ...] = ()
    answers: Answers = field(init=False)
    current: str = ""
    _shown: Place[dict[str, Any]] | None = field(default=None, init=False, repr=False)
    _rooms: dict[type, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.answers = Answers(self.shelf)

    @property
    def shown(self) -> dict[str, Any]:
        """The viewer's value of the pictures; empty where there are none.

        Raises:
            PictureError: it was let go of to make room for others.
        """
        if self._shown is None:
            return {}
        shown = self._shown.get()
        if shown is None:
            raise let_go()
        return shown

    def look_at(self, pictures: Sequence[Held], shown: dict[str, Any]) -> None:
        """New pictures: the answer to those before them is over."""
        weight = sum(len(it["src"]) for it in shown.get("pictures", ()))
        self.pictures, self._shown = tuple(pictures), self.shelf.put(shown, weight, visitor())
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
