"""Confounders: where they lie, what they show, and that the object stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.geometry.elsewhere import touches
from sayo_app.core.scenes.confounders import (
    BADGE_PX,
    CONFOUNDED,
    CONFOUNDERS,
    STAMP_PX,
    find_confounder,
    make_confounded,
)
from sayo_app.core.scenes.questions import HELD_OUT_SEED, scene_questions
from sayo_app.core.scenes.scene import COLOURS, KINDS, LETTERS, make_scene
from sayo_app.errors import SettingsError

SEEDS = [HELD_OUT_SEED + i for i in range(6)]


def pixels(picture: Image.Image, box: tuple[int, int, int, int]) -> np.ndarray:
    return np.asarray(picture.crop(box))


@pytest.mark.parametrize("name", CONFOUNDERS)
@pytest.mark.parametrize("family", CONFOUNDED)
@pytest.mark.parametrize("agrees", [True, False])
def test_what_it_shows_and_where(name: str, family: str, agrees: bool):
    for seed in SEEDS:
        made = make_confounded(seed, CONFOUNDERS[name], family=family, agrees=agrees)
        question = made.question
        assert made.agrees is agrees and question.family == family
        kinds = COLOURS if question.answer in COLOURS else LETTERS if question.answer in LETTERS else KINDS
        assert made.suggested in kinds
        assert made.look_xyxy == question.boxes_xyxy[0]
        x0, y0, x1, y1 = made.away_xyxy
        assert min(x0, y0) >= 0 and x1 <= made.picture.width and y1 <= made.picture.height
        assert touches(made.away_xyxy, made.look_xyxy) is (name == "badge")


@pytest.mark.parametrize("name", ["stamp", "mascot", "sticker"])
def test_only_the_confounders_own_box_is_another_picture(name: str):
    for seed in SEEDS:
        made = make_confounded(seed, CONFOUNDERS[name], family="attribute", agrees=False)
        scene = next(
            scene
            for scene in (make_scene(seed + attempt * 7_919_000_000) for attempt in range(200))
            if scene.size_wh == made.picture.size
            and np.array_equal(pixels(scene.picture, made.look_xyxy), pixels(made.picture, made.look_xyxy))
        )
        changed = (np.asarray(scene.picture) != np.asarray(made.picture)).any(axis=2)
        x0, y0, x1, y1 = made.away_xyxy
        assert changed[y0:y1, x0:x1].any()
        changed[y0:y1, x0:x1] = False
        assert not changed.any()
        assert not any(touches(made.away_xyxy, thing.box_xyxy) for thing in scene.objects)


def test_a_stamp_lies_in_a_corner_and_a_badge_on_the_object():
    for seed in SEEDS:
        stamp = make_confounded(seed, CONFOUNDERS["stamp"], family="identity", agrees=True)
        x0, y0, x1, y1 = stamp.away_xyxy
        assert (x1 - x0, y1 - y0) == (STAMP_PX, STAMP_PX)
        assert x0 == 6 or x1 == stamp.picture.width - 6
        assert y0 == 6 or y1 == stamp.picture.height - 6
        badge = make_confounded(seed, CONFOUNDERS["badge"], family="identity", agrees=True)
        (a0, b0, a1, b1), (l0, t0, r1, u1) = badge.away_xyxy, badge.look_xyxy
        assert (a1 - a0, b1 - b0) == (BADGE_PX, BADGE_PX)
        assert a0 >= l0 and b0 >= t0 and a1 <= r1 and b1 <= u1


def test_the_same_seed_gives_the_same_pixels_and_agreeing_and_conflicting_differ_in_the_label_only():
    def made(agrees: bool):
        return make_confounded(SEEDS[0], CONFOUNDERS["stamp"], family="attribute", agrees=agrees)

    one, again, other = made(True), made(True), made(False)
    assert np.array_equal(one.picture, again.picture)
    assert (one.question, one.look_xyxy) == (other.question, other.look_xyxy)
    assert not np.array_equal(one.picture, other.picture)


def test_tags_can_be_too_small_to_be_read():
    for seed in SEEDS:
        scene = make_scene(seed, tag_px=(8, 13))
        assert all(8 <= thing.tag_xyxy[2] - thing.tag_xyxy[0] < 13 for thing in scene.objects)
        asked = scene_questions(scene, seed, ("attribute",))
        assert asked[0].family == "attribute"


def nowhere(scene, asked, label, rng):
    return None


def test_another_module_can_bring_its_own():
    assert find_confounder("stamp") is CONFOUNDERS["stamp"]
    assert find_confounder(f"{__name__}:nowhere") is nowhere
    with pytest.raises(AssertionError, match="no scene of seed 0"):
        make_confounded(0, nowhere, family="attribute", agrees=True)


@pytest.mark.parametrize("name", ["stampp", "no.such.module:stamp", f"{__name__}:missing", ""])
def test_an_unknown_one_is_named_with_those_that_there_are(name: str):
    with pytest.raises(SettingsError, match=r"a confounder out of stamp, mascot, sticker, badge"):
        find_confounder(name)
