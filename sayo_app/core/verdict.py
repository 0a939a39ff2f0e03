"""Did the training help? The same held-out questions before and after, compared pair by pair."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sayo_app.core.intervals import mean_interval, paired_parts_interval, paired_share_interval

# What a held-out answer hangs on, see `training.rl.reliance`: shares of the ways of covering.
HANGING = ("reliance", "distraction", "control")
# The same by the log-probability of the answer: more sensitive, kept beside, and decides nothing.
HANGING_LOGP = tuple(f"{name}_logp" for name in HANGING)
# Reliance less control, of one answer: what the drawn region does beyond any region of its size.
MARGIN = "margin"
# Figures that a verdict compares, and what people call them.
COMPARED = {
    "answer": "right answers",
    "reliance": "answers that change when the drawn region is covered",
    "distraction": "answers that change when the marked distraction is covered",
    "control": "answers that change when a random region is covered",
    MARGIN: "what the drawn region does beyond a random one",
    "attention": "SAYO reward",
    "energy": "energy in the regions",
    "pointing": "pointing game",
}
SHARES = ("answer", *HANGING, MARGIN, "energy", "pointing")
# What is kept of each answer.
KEPT = (*(name for name in COMPARED if name != MARGIN), *HANGING_LOGP)
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

    Better: more right answers, beyond chance; or, with no answer lost on balance, answers that hang on what
    they should, or else looks that are better, beyond chance. Worse: the opposite. What answers hang on goes
    before looks, as attention need not be what an answer comes from; see `_hang` for when it counts.

    Chance is what the 95 % interval leaves open. Several questions on one picture count as independent, so
    the interval is somewhat too narrow there.

    Args:
        before, after: each with the figures of `KEPT`; None where one could not be measured.
    """
    changes = {}
    before, after = ([_with_margin(one) for one in side] for side in (before, after))
    for name in COMPARED:
        pairs = [(float(one[name]), float(two[name])) for one, two in _known(before, after, name)]
        if pairs:
            one, two = zip(*pairs, strict=True)
            changes[name] = paired_change(one, two, parts=name in (*HANGING, MARGIN))
    answers, hang = _direction(changes.get("answer")), _hang(changes)
    looks = hang or _direction(changes.get("attention"))
    lost = "answer" in changes and changes["answer"].difference < 0
    gained = "answer" in changes and changes["answer"].difference > 0
    if answers > 0 or (answers == 0 and looks > 0 and not lost):
        word = "better"
    elif answers < 0 or (looks < 0 and not gained):
        word = "worse"
    else:
        word = "same"
    return Verdict(word, _words(word, answers, hang, changes), changes)


def paired_change(before: Sequence[float], after: Sequence[float], parts: bool = False) -> Change:
    """The change of a mean over pairs, with its 95 % interval: as of shares where all values are 0 or 1.

    Args:
        parts: the values are shares of a few cases, or differences of such.
    """
    one, two = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    n, differences = len(one), two - one
    if parts:
        low, high = paired_parts_interval(differences)
    elif np.isin(np.concatenate([one, two]), (0.0, 1.0)).all():
        won, lost = (int(np.sum(differences == sign)) for sign in (1, -1))
        low, high = paired_share_interval(won, lost, n)
    else:
        low, high = mean_interval(differences)
    return Change(n, float(one.mean()), float(two.mean()), low, high)


def _hang(changes: Mapping[str, Change]) -> int:
    """1 where answers hang on what they should beyond chance, -1 where on what they should not, else 0.

    Reliance counts by what it is beyond that on random regions: a model whose answers change whatever is
    covered has more of both. Less distraction counts where right answers are known, so that it shows if a
    model has stopped looking at all. Neither makes up for the other.
    """
    margin, swayed = _direction(changes.get(MARGIN)), _direction(changes.get("distraction"))
    if margin < 0 or swayed > 0:
        return -1
    return int(margin > 0 or (swayed < 0 and "answer" in changes))


def _with_margin(figures: Figures) -> Figures:
    reliance, control = figures.get("reliance"), figures.get("control")
    return {**figures, MARGIN: None if reliance is None or control is None else reliance - control}


def _known(before: Sequence[Figures], after: Sequence[Figures], name: str) -> list[tuple[Figures, Figures]]:
    pairs = zip(before, after, strict=True)
    return [(one, two) for one, two in pairs if one.get(name) is not None and two.get(name) is not None]


def _direction(change: Change | None) -> int:
    """1 or -1 where the interval is on one side of nought, else 0."""
    return 0 if change is None else int(change.low > 0) - int(change.high < 0)


def _words(word: str, answers: int, hang: int, changes: Mapping[str, Change]) -> str:
    if not changes:
        return "Nothing could be compared: no held-out correction has a right answer or a region."
    first = {
        "better": "Better."
        if answers > 0 or hang > 0
        else "Better at looking; answers are no worse on balance.",
        "worse": "Worse." if answers < 0 or hang < 0 else "Worse at looking, and no more answers are right.",
        "same": "No difference that could not be chance."
        if not hang
        else "No better: what answers hang on and how many are right have changed in opposite directions.",
    }[word]
    hanging = hanging_text(changes)
    others = [name for name in changes if name not in (*HANGING, MARGIN)]
    figures = [change_text(name, changes[name]) for name in others[:2]]
    return " ".join(text for text in (first, hanging, *figures) if text)


def hanging_text(changes: Mapping[str, Change]) -> str:
    """What answers hang on now, in a sentence; empty where it was not measured.

    "Same answers; they now hang on the drawn region: 12 % → 84 %; swayed by the marked distraction:
    95 % → 4 %."
    """
    reliance, distraction = changes.get("reliance"), changes.get("distraction")
    parts = []
    if reliance is not None:
        control = changes.get("control")
        beside = f" (a random region: {_arrow(control)})" if control else ""
        said = {
            1: "they now hang on the drawn region",
            0: "they hang on the drawn region as before, as far as can be told",
            -1: "they hang less on the drawn region",
        }[_direction(changes.get(MARGIN))]
        parts.append(f"{said}: {_arrow(reliance)}{beside}")
    if distraction is not None:
        said = {
            1: "swayed more by the marked distraction",
            0: "swayed by the marked distraction as before, as far as can be told",
            -1: "swayed by the marked distraction",
        }[_direction(distraction)]
        parts.append(f"{said}: {_arrow(distraction)}")
    if not parts:
        return ""
    if "answer" in changes:
        moved = changes["answer"].difference
        parts.insert(0, f"{'same' if moved == 0 else 'more right' if moved > 0 else 'fewer right'} answers")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _arrow(change: Change) -> str:
    return f"{100 * change.before:.0f} % → {100 * change.after:.0f} %"


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
