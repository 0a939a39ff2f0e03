"""The study's pictures: corrections of the model's own mistakes, and what they are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.core.scenes.questions import HELD_OUT_SEED, SceneQuestion, make_question
from sayo_app.mllm.answering.steer import Steering
from sayo_app.mllm.models.loading import LoadedModel
from training.data.samples import Sample
from training.rl.judging import judge

# Where looking decides the answer: steered towards the region the model gets most of its mistakes right.
TRAINED = ("identity", "relation")
UNTOUCHED = ("attribute", "count", "comparison")
# Beyond the scenes of pretraining, of evaluation and of the page's generated corrections.
FIRST_SEED = 4 * HELD_OUT_SEED
SEEDS_A_STUDY, PART = 10_000_000, 1_000_000
# Steerings to choose from: the last layer, a middle one, the upper three.
STEERINGS = (
    Steering({4: None}, 4.0),
    Steering({2: None}, 2.0),
    Steering({3: None, 4: None}, 2.0),
    Steering({2: None, 3: None, 4: None}, 1.5),
)


@dataclass(frozen=True, eq=False)
class StudyData:
    """One seed's pictures; none is in two parts.

    Attributes:
        train: corrections: questions that the model got wrong, with region and right answer.
        validation: for early stopping; like `held_out`, questions as they come, right or wrong.
        confirmed: more questions of the trained families, for arms that train on right answers too.
        untouched: families that no correction is about.
    """

    train: list[Sample]
    validation: list[Sample]
    held_out: list[Sample]
    confirmed: list[Sample]
    untouched: list[Sample]


def study_sample(seed: int, family: str, stepped: bool = False) -> Sample:
    """A composed scene and question; with a region for each step, or one for the whole answer."""
    question = _question(seed, family)
    if stepped:
        regions = tuple(
            Region.box(*box, step=step)
            for step, boxes in enumerate(question.step_boxes_xyxy)
            for box in boxes
        )
    else:
        regions = tuple(Region.box(*box) for box in question.boxes_xyxy)
    name = f"{family}-{seed}"
    return Sample(name, lambda: _picture(seed, family), question.question, question.answer, regions, family)


def stepped(samples: Sequence[Sample]) -> list[Sample]:
    """The same samples with a region for each step."""
    named = (sample.picture_id.split("-") for sample in samples)
    return [study_sample(int(seed), family, stepped=True) for family, seed in named]


def find_mistakes(
    loaded: LoadedModel, seed: int, count: int, max_new_tokens: int, batch_size: int
) -> list[dict[str, Any]]:
    """The first scenes of a seed that the model gets wrong, with what it says: JSON-able."""
    found: list[dict[str, Any]] = []
    place = FIRST_SEED + seed * SEEDS_A_STUDY
    while len(found) < count:
        asked = [(place + i, TRAINED[(place + i) % len(TRAINED)]) for i in range(batch_size)]
        place += batch_size
        samples = [study_sample(*one) for one in asked]
        judged = judge(loaded, samples, max_new_tokens=max_new_tokens, batch_size=batch_size)
        found += [
            {"scene": scene, "family": family, "shown": one.text}
            for (scene, family), sample, one in zip(asked, samples, judged, strict=True)
            if one.answer == 0 and sample.regions
        ]
    return found[:count]


def study_data(mistakes: Sequence[dict[str, Any]], seed: int, held_out: int, others: int) -> StudyData:
    """The pictures of one seed.

    Args:
        held_out: how many pictures of the trained families are held out.
        others: how many there are for early stopping, and of the untouched families.
    """
    start = FIRST_SEED + seed * SEEDS_A_STUDY + 5 * PART

    def drawn(part: int, count: int, families: tuple[str, ...]) -> list[Sample]:
        first = start + part * PART
        samples = [study_sample(first + i, families[i % len(families)]) for i in range(count)]
        # A batch runs until its longest answer ends, and a family's answers are of like length.
        return sorted(samples, key=lambda sample: sample.family)

    return StudyData(
        train=[study_sample(one["scene"], one["family"]) for one in mistakes],
        validation=drawn(0, others // 2, TRAINED),
        held_out=drawn(1, held_out, TRAINED),
        confirmed=drawn(3, len(mistakes) * 3 // 2, TRAINED),
        untouched=drawn(2, others, UNTOUCHED),
    )


def answered_right(
    loaded: LoadedModel, samples: Sequence[Sample], count: int, max_new_tokens: int, batch_size: int
) -> list[Sample]:
    """The first `count` samples that the model gets right: a person would confirm them."""
    judged = judge(loaded, samples, max_new_tokens=max_new_tokens, batch_size=batch_size)
    return [sample for sample, one in zip(samples, judged, strict=True) if one.answer == 1][:count]


def find_steering(
    loaded: LoadedModel, train: Sequence[Sample], max_new_tokens: int, batch_size: int
) -> Steering:
    """The steering under which most of the training corrections turn right; of equals the first."""
    layers = set(loaded.attention_layers)
    usable = [one for one in STEERINGS if set(one.heads) <= layers] or [Steering({max(layers): None}, 2.0)]

    def right(steering: Steering) -> float:
        judged = judge(loaded, train, max_new_tokens=max_new_tokens, batch_size=batch_size, steering=steering)
        return sum(one.answer or 0.0 for one in judged)

    return max(usable, key=right)


@cache
def _question(seed: int, family: str) -> SceneQuestion:
    return make_question(seed, family)[1]


@cache
def _picture(seed: int, family: str) -> Image.Image:
    """Kept in memory: the study opens each picture many times."""
    return make_question(seed, family)[0].picture
