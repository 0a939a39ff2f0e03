"""The tour's pictures: on seeds of their own, and what each of them is for."""

from __future__ import annotations

import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.core.scenes.confounders import CONFOUNDED
from sayo_app.ui.tour.scenes import FIRST_SEED, Part, measured, regions_of, scene_of
from storage.base.pictures import pixel_hash
from training.study import data as mistakes
from training.study import repair


@pytest.mark.parametrize("part", Part)
def test_a_stamp_lies_where_it_is_said_to(part: Part) -> None:
    scenes = [scene_of(part, number) for number in range(4)]
    assert {scene.agrees for scene in scenes} == {part not in (Part.LYING, Part.MEASURED_LYING)}
    assert [scene.question.family for scene in scenes] == [*CONFOUNDED, *CONFOUNDED]


def test_no_picture_is_in_two_parts_or_in_a_study() -> None:
    hashes = [pixel_hash(scene_of(part, number).picture) for part in Part for number in range(4)]
    assert len({*hashes}) == len(hashes)
    # Seeds of either study grow from theirs by ten millions a seed: there is room for more than a hundred.
    for study in (mistakes, repair):
        assert study.FIRST_SEED + 100 * study.SEEDS_A_STUDY <= FIRST_SEED


def test_the_boxes_are_the_object_and_the_stamp() -> None:
    scene = scene_of(Part.SHOWN, 0)
    look, away = regions_of(scene)
    assert (look.box_xyxy, look.look) == (scene.look_xyxy, True)
    assert (away.box_xyxy, away.look) == (scene.away_xyxy, False)
    for region in (look, away):
        assert region.fitted(scene.picture.size) == region
    assert isinstance(look, Region)


def test_those_where_the_stamp_lies_are_measured_first() -> None:
    assert [scene.agrees for scene in measured(2, 3)] == [False, False, True, True, True]
