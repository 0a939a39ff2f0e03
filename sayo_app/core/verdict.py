"""Did the training help? The same held-out questions before and after, compared pair by pair."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sayo_app.core.intervals import mean_interval, paired_share_interval

# Figures of a held-out answer that a verdict compares, and what people call them; the first two decide.
COMPARED = {
    "answer": "right answers",
    "attention": "SAYO reward",
    "energy": "energy in the regions",
    "pointing": "pointing game",
}
SHARES = ("answer", "energy", "pointing")
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """How a figure's mean changed.

    Attributes:
        count: pairs in which it could be measured on both sides.
        before, after: its means over them.
        low, high: 95 % interval of `after - before`.
    """

    count: int
    before: float
    after: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Verdict:
    """`word` is better, same or worse; `text` says why, in a sentence or two."""

    word: str
    text: str
    changes: dict[str, Change]

    @property
    def offered(self) -> bool:
        """Only what is better is offered to be switched on."""
        return self.word == "better"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: an interval without ends has None for them."""
        found = asdict(self)
        for change in found["changes"].values():
            change |= {name: None for name in ("low", "high") if not math.isfinite(change[name])}
        return found

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Verdict:
        """What `to_dict` gave."""
        open_ends = {"low": -math.inf, "high": math.inf}
        changes = {
            name: Change(**change | {end: far for end, far in open_ends.items() if change[end] is None})
            for name, change in stored["changes"].items()
        }
        return cls(stored["word"], stored["text"], changes)


def judge_change(before: Sequence[Figures], after: Sequence[Figures]) -> Verdict:
    """Compare answers to the same questions, in the same order.

    Better: more right answers, beyond chance; or looks that are better beyond chance with no answer lost on
    balance. Worse: the opposite. Chance is what the 95 % interval leaves open. Several questions on one
    picture count as independent, so the interval is somewhat too narrow there.

    Args:
        before, after: each with the figures of `COMPARED`; None where one could not be measured.
    """
    changes = {}
    for name in COMPARED:
        pairs = [(float(one[name]), float(two[name])) for one, two in _known(before, after, name)]
        if pairs:
            changes[name] = paired_change(*zip(*pairs, strict=True))
    answers, looks = (_direction(changes.get(name)) for name in ("answer", "attention"))
    lost = "answer" in changes and changes["answer"].difference < 0
    gained = "answer" in changes and changes["answer"].difference > 0
    if answers > 0 or (answers == 0 and looks > 0 and not lost):
        word = "better"
    elif answers < 0 or (looks < 0 and not gained):
        word = "worse"
    else:
        word = "same"
    return Verdict(word, _words(word, answers, changes), changes)


def paired_change(before: Sequence[float], after: Sequence[float]) -> Change:
    """The change of a mean over pairs, with its 95 % interval: as of shares where all values are 0 or 1."""
    one, two = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    n, differences = len(one), two - one
    if np.isin(np.concatenate([one, two]), (0.0, 1.0)).all():
        won, lost = (int(np.sum(differences == sign)) for sign in (1, -1))
        low, high = paired_share_interval(won, lost, n)
    else:
        low, high = mean_interval(differences)
    return Change(n, float(one.mean()), float(two.mean()), low, high)


def _known(before: Sequence[Figures], after: Sequence[Figures], name: str) -> list[tuple[Figures, Figures]]:
    pairs = zip(before, after, strict=True)
    return [(one, two) for one, two in pairs if one.get(name) is not None and two.get(name) is not None]


def _direction(change: Change | None) -> int:
    """1 or -1 where the interval is on one side of nought, else 0."""
    return 0 if change is None else int(change.low > 0) - int(change.high < 0)


def _words(word: str, answers: int, changes: Mapping[str, Change]) -> str:
    if not changes:
        return "Nothing could be compared: no held-out correction has a right answer or a region."
    first = {
        "better": "Better." if answers > 0 else "Better at looking; answers are no worse on balance.",
        "worse": "Worse." if answers < 0 else "Worse at looking, and no more answers are right.",
        "same": "No difference that could not be chance.",
    }[word]
    return " ".join([first, *(change_text(name, changes[name]) for name in COMPARED if name in changes)][:3])


def change_text(name: str, change: Change) -> str:
    """One figure: "Right answers 40 % → 55 % on 20 corrections, +15 points (95 % interval −3 to +33)." """
    label, scale = COMPARED[name], 100 if name in SHARES else 1
    digits, unit, points = (0, " %", " points") if name in SHARES else (2, "", "")
    values = [f"{scale * value:.{digits}f}{unit}" for value in (change.before, change.after)]
    # Nothing added to minus nought makes it nought; an interval without ends has none to round.
    moves = [round(scale * value, digits) + 0.0 for value in (change.difference, change.low, change.high)]
    signed = [f"{value:+.{digits}f}" for value in moves]
    if not math.isfinite(change.low):
        text = f"{values[0]} → {values[1]} on one correction, which tells nothing."
    else:
        text = (
            f"{values[0]} → {values[1]} on {change.count} corrections, "
            f"{signed[0]}{points} (95 % interval {signed[1]} to {signed[2]})."
        )
    return f"{label[0].upper()}{label[1:]} {text}".replace("-", "−")
