"""Questions on scenes: their answers hold on the scene, worked out a second way."""

from __future__ import annotations

import math

import pytest

from sayo_app.core.attention.steps import answer_text, has_format
from sayo_app.core.scenes.questions import (
    FAMILIES,
    HELD_OUT_SEED,
    answers_match,
    make_question,
    scene_questions,
)
from sayo_app.core.scenes.scene import Scene, SceneObject, make_scene


def _named(scene: Scene, kind: str) -> SceneObject:
    return next(thing for thing in scene.objects if thing.kind == kind)


@pytest.mark.parametrize("seed", range(50))
def test_every_completion_has_the_format_and_a_box_set_a_sentence(seed: int) -> None:
    _, question = make_question(HELD_OUT_SEED + seed)
    assert question.family == FAMILIES[seed % len(FAMILIES)]
    assert has_format(question.completion)
    assert answer_text(question.completion) == question.answer
    assert len(question.step_boxes_xyxy) == question.reasoning.count(".")


def test_the_same_seed_asks_the_same_question() -> None:
    assert make_question(17)[1] == make_question(17)[1]


@pytest.mark.parametrize("seed", range(30))
def test_attribute_and_identity_are_true(seed: int) -> None:
    scene, question = make_question(seed, "attribute")
    thing = next(o for o in scene.objects if f"the {o.kind}" in question.question)
    assert question.answer == (thing.letter if "letter" in question.question else thing.colour)
    assert question.boxes_xyxy == (thing.box_xyxy,)
    scene, question = make_question(seed, "identity")
    letter = question.question.rstrip("?")[-1]
    assert _named(scene, question.answer).letter == letter


@pytest.mark.parametrize("seed", range(30))
def test_nothing_nearer_lies_in_the_asked_direction(seed: int) -> None:
    scene, question = make_question(seed, "relation")
    anchor = next(o for o in scene.objects if question.question.endswith(f"the {o.kind}?"))
    target = _named(scene, question.answer)
    (ax, ay), (tx, ty) = anchor.centre_xy, target.centre_xy
    ahead = {
        "left of": lambda x, y: ax - x > abs(y - ay),
        "right of": lambda x, y: x - ax > abs(y - ay),
        "above": lambda x, y: ay - y > abs(x - ax),
        "below": lambda x, y: y - ay > abs(x - ax),
        "nearest to": lambda x, y: True,
    }
    holds = next(test for words, test in ahead.items() if words in question.question)
    assert holds(tx, ty)
    nearest = min(
        math.dist(o.centre_xy, (ax, ay)) for o in scene.objects if o is not anchor and holds(*o.centre_xy)
    )
    assert math.dist((tx, ty), (ax, ay)) == nearest


@pytest.mark.parametrize("seed", range(30))
def test_counts_and_comparisons_are_true(seed: int) -> None:
    scene, question = make_question(seed, "count")
    colour = next(
        (c for c in ("red", "blue", "green", "yellow", "purple", "black") if c in question.question), ""
    )
    assert int(question.answer) == sum(not colour or o.colour == colour for o in scene.objects)
    scene, question = make_question(seed, "comparison")
    pair = [o for o in scene.objects if f"the {o.kind}" in question.question]
    assert len(pair) == 2
    pick = max if "larger" in question.question else min
    assert question.answer == pick(pair, key=lambda o: o.side).kind


def test_one_scene_gives_no_question_twice() -> None:
    made = scene_questions(make_scene(4), 4, FAMILIES * 3)
    assert len({question.question for question in made}) == len(made)


@pytest.mark.parametrize(
    ("given", "wanted", "same"),
    [
        ("red", "red", True),
        (" The Apple. ", "apple", True),
        ("a ball", "ball", True),
        ("red", "blue", False),
        ("", "red", False),
        (None, "red", False),
        ("A", "a", True),  # a lone letter is an answer, not an article
        ("13", "3", False),
    ],
)
def test_answers_match(given: str | None, wanted: str, same: bool) -> None:
    assert answers_match(given, wanted) is same
