"""Questions on composed scenes, with reasoning, answer and the boxes of each reasoning step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sayo_app.core.scenes.scene import COLOURS, Scene, SceneObject, make_scene

FAMILIES = ("attribute", "identity", "relation", "count", "comparison")
# Scenes from here on are for measuring; pretraining draws below it.
HELD_OUT_SEED = 1_000_000_000

T = TypeVar("T")
Box = tuple[int, int, int, int]

_DIRECTIONS: dict[str, tuple[int, int]] = {
    "left of": (-1, 0),
    "right of": (1, 0),
    "above": (0, -1),
    "below": (0, 1),
}
# A relation is asked only where the runner-up is this much farther away.
_CLEAR = 1.25


@dataclass(frozen=True)
class SceneQuestion:
    """A question whose answer and looks are known.

    Attributes:
        family: one of `FAMILIES`, or `description` (used in pretraining only).
        reasoning: short sentences, one a step.
        boxes_xyxy: the asked object or objects, original pixels.
        step_boxes_xyxy: for each sentence of the reasoning, what it is about.
    """

    family: str
    question: str
    reasoning: str
    answer: str
    boxes_xyxy: tuple[Box, ...]
    step_boxes_xyxy: tuple[tuple[Box, ...], ...]

    @property
    def completion(self) -> str:
        return f"{self.reasoning} <answer>{self.answer}</answer>"


def answers_match(given: str | None, wanted: str) -> bool:
    """Equal but for case, outer spaces and punctuation and a leading article."""
    return given is not None and _plain(given) == _plain(wanted)


def _plain(text: str) -> str:
    words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("a", "an", "the") else words)


def make_question(seed: int, family: str | None = None) -> tuple[Scene, SceneQuestion]:
    """A scene and one question on it; families take turns by seed unless one is named.

    A scene on which the family has no clear question is passed over for the next one of the same seed.
    """
    family = family or FAMILIES[seed % len(FAMILIES)]
    rng = np.random.default_rng([seed, 11])
    for attempt in range(100):
        scene = make_scene(seed if attempt == 0 else seed + attempt * 7_919_000_000)
        made = _MAKERS[family](scene, rng)
        if made is not None:
            return scene, made
    raise AssertionError(f"no scene of seed {seed} has a clear question of family {family}")


def scene_questions(scene: Scene, seed: int, families: tuple[str, ...] = FAMILIES) -> list[SceneQuestion]:
    """One question a named family, as far as the scene has a clear one; a family may be named twice."""
    rng = np.random.default_rng([seed, 13])
    made = (_MAKERS[family](scene, rng) for family in families)
    return list({question.question: question for question in made if question is not None}.values())


def _pick(rng: np.random.Generator, items: list[T]) -> T:
    return items[int(rng.integers(len(items)))]


def _attribute(scene: Scene, rng: np.random.Generator) -> SceneQuestion:
    thing = _pick(rng, list(scene.objects))
    if rng.random() < 0.5:
        question = _pick(
            rng,
            [
                f"What colour is the tag on the {thing.kind}?",
                f"Which colour does the tag of the {thing.kind} have?",
            ],
        )
        fact, answer = f"Its tag is {thing.colour}.", thing.colour
    else:
        question = _pick(
            rng,
            [f"Which letter is on the tag of the {thing.kind}?", f"What letter does the {thing.kind} carry?"],
        )
        fact, answer = f"Its tag says {thing.letter}.", thing.letter
    boxes = (thing.box_xyxy,)
    return SceneQuestion(
        "attribute",
        question,
        f"The {thing.kind} is at the {scene.place(thing)}. {fact}",
        answer,
        boxes,
        (boxes, (thing.tag_xyxy,)),
    )


def _identity(scene: Scene, rng: np.random.Generator) -> SceneQuestion:
    thing = _pick(rng, list(scene.objects))
    question = _pick(rng, [f"Which object carries tag {thing.letter}?", f"What has the tag {thing.letter}?"])
    boxes = (thing.box_xyxy,)
    return SceneQuestion(
        "identity",
        question,
        f"Tag {thing.letter} is at the {scene.place(thing)}. It is on the {thing.kind}.",
        thing.kind,
        boxes,
        ((thing.tag_xyxy,), boxes),
    )


def _distance(a: SceneObject, b: SceneObject) -> float:
    return math.dist(a.centre_xy, b.centre_xy)


def _clear_nearest(anchor: SceneObject, others: list[SceneObject]) -> SceneObject | None:
    """The nearest of the others where the second nearest is clearly farther."""
    ranked = sorted(others, key=lambda other: _distance(anchor, other))
    if not ranked:
        return None
    if len(ranked) > 1 and _distance(anchor, ranked[1]) < _CLEAR * _distance(anchor, ranked[0]):
        return None
    return ranked[0]


def _in_direction(scene: Scene, anchor: SceneObject, sign_xy: tuple[int, int]) -> SceneObject | None:
    """The object whose centre lies within 45 degrees of the direction, where that is beyond doubt."""
    inside, doubtful = [], []
    for other in scene.objects:
        if other is anchor:
            continue
        dx, dy = other.centre_xy[0] - anchor.centre_xy[0], other.centre_xy[1] - anchor.centre_xy[1]
        along = dx * sign_xy[0] + dy * sign_xy[1]
        across = abs(dy if sign_xy[0] else dx)
        if along > 0 and across < 0.8 * along:
            inside.append(other)
        elif along > 0 and across < 1.25 * along:
            doubtful.append(other)
    nearest = _clear_nearest(anchor, inside)
    if nearest is None or any(_distance(anchor, d) < _distance(anchor, nearest) * _CLEAR for d in doubtful):
        return None
    return nearest


def _relation(scene: Scene, rng: np.random.Generator) -> SceneQuestion | None:
    choices: list[tuple[SceneObject, str, SceneObject]] = []
    for anchor in scene.objects:
        for words, sign_xy in _DIRECTIONS.items():
            found = _in_direction(scene, anchor, sign_xy)
            if found:
                choices.append((anchor, words, found))
        nearest = _clear_nearest(anchor, [o for o in scene.objects if o is not anchor])
        if nearest:
            choices.append((anchor, "nearest to", nearest))
    if not choices:
        return None
    anchor, words, target = _pick(rng, choices)
    fact = "Nearest to it" if words == "nearest to" else f"The first thing {words} it"
    return SceneQuestion(
        "relation",
        _pick(rng, [f"What is {words} the {anchor.kind}?", f"Which object is {words} the {anchor.kind}?"]),
        f"The {anchor.kind} is at the {scene.place(anchor)}. {fact} is the {target.kind}.",
        target.kind,
        (target.box_xyxy,),
        ((anchor.box_xyxy,), (target.box_xyxy,)),
    )


def _listing(things: list[SceneObject]) -> str:
    names = [f"the {thing.kind}" for thing in things]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _count(scene: Scene, rng: np.random.Generator) -> SceneQuestion:
    in_order = sorted(scene.objects, key=lambda thing: thing.centre_xy[0])
    if rng.random() < 0.35:
        question = _pick(rng, ["How many objects are there?", "How many things can you see?"])
        things, seen = in_order, f"From left to right I see {_listing(in_order)}."
    else:
        present = list(COLOURS) if rng.random() < 0.2 else [thing.colour for thing in scene.objects]
        colour = _pick(rng, present)
        question = _pick(
            rng, [f"How many {colour} tags are there?", f"How many objects have a {colour} tag?"]
        )
        things = [thing for thing in in_order if thing.colour == colour]
        seen = f"A {colour} tag is on {_listing(things)}." if things else f"There is no {colour} tag."
    boxes = tuple(thing.box_xyxy for thing in things)
    total = str(len(things))
    return SceneQuestion("count", question, f"{seen} That makes {total}.", total, boxes, (boxes, boxes))


def _comparison(scene: Scene, rng: np.random.Generator) -> SceneQuestion | None:
    pairs = [
        (a, b)
        for a in scene.objects
        for b in scene.objects
        if a is not b and max(a.side, b.side) > 1.2 * min(a.side, b.side)
    ]
    if not pairs:
        return None
    a, b = _pick(rng, pairs)
    word = _pick(rng, ["larger", "smaller"])
    winner = a if (a.side > b.side) == (word == "larger") else b
    both = (a.box_xyxy, b.box_xyxy)
    return SceneQuestion(
        "comparison",
        f"Which is {word}, the {a.kind} or the {b.kind}?",
        f"The {a.kind} is at the {scene.place(a)}. The {b.kind} is at the {scene.place(b)}. "
        f"The {winner.kind} is {word}.",
        winner.kind,
        both,
        ((a.box_xyxy,), (b.box_xyxy,), both),
    )


def _description(scene: Scene, rng: np.random.Generator) -> SceneQuestion:
    in_order = sorted(scene.objects, key=lambda thing: thing.centre_xy[0])
    sentences = [
        f"The {o.kind} at the {scene.place(o)} has a {o.colour} tag that says {o.letter}." for o in in_order
    ]
    return SceneQuestion(
        "description",
        _pick(rng, ["What is in the picture?", "Describe the picture."]),
        " ".join(sentences),
        f"{len(in_order)} objects",
        tuple(thing.box_xyxy for thing in in_order),
        tuple((thing.box_xyxy,) for thing in in_order),
    )


_MAKERS: dict[str, Callable[[Scene, np.random.Generator], SceneQuestion | None]] = {
    "attribute": _attribute,
    "identity": _identity,
    "relation": _relation,
    "count": _count,
    "comparison": _comparison,
    "description": _description,
}
