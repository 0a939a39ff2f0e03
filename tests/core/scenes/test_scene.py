"""Scenes: seeded, inside the picture, legible."""

from __future__ import annotations

import numpy as np
import pytest

from sayo_app.core.scenes.scene import KINDS, LETTERS, SHAPES_WH, UNIT_PX, make_scene


def test_the_same_seed_draws_the_same_scene_and_another_seed_another() -> None:
    first, again, other = make_scene(5), make_scene(5), make_scene(6)
    assert first.objects == again.objects
    assert np.array_equal(np.asarray(first.picture), np.asarray(again.picture))
    assert first.objects != other.objects


@pytest.mark.parametrize("seed", range(40))
def test_objects_are_few_unique_and_inside(seed: int) -> None:
    scene = make_scene(seed)
    width, height = scene.size_wh
    assert 4 <= len(scene.objects) <= 8
    assert len({thing.kind for thing in scene.objects}) == len(scene.objects)
    assert len({thing.letter for thing in scene.objects}) == len(scene.objects)
    for thing in scene.objects:
        assert thing.kind in KINDS
        assert thing.letter in LETTERS
        x0, y0, x1, y1 = thing.box_xyxy
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        # The tag belongs to the object's box.
        assert x0 <= thing.tag_xyxy[0] < thing.tag_xyxy[2] <= x1
        assert y0 <= thing.tag_xyxy[1] < thing.tag_xyxy[3] <= y1


def test_pictures_vary_in_shape() -> None:
    sizes = {make_scene(seed).size_wh for seed in range(40)}
    assert sizes == {(w * UNIT_PX, h * UNIT_PX) for w, h in SHAPES_WH}


def test_the_picture_changes_where_the_boxes_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold the pixels against the boxes: outside all boxes the scene is its bare background."""
    scene = make_scene(3)
    monkeypatch.setattr("sayo_app.core.scenes.scene.Image.Image.paste", lambda *_: None)
    bare = np.asarray(make_scene(3).picture).astype(int)
    changed = np.abs(np.asarray(scene.picture).astype(int) - bare).sum(-1) > 0
    outside = np.ones_like(changed)
    for thing in scene.objects:
        x0, y0, x1, y1 = thing.box_xyxy
        assert changed[y0:y1, x0:x1].mean() > 0.3
        outside[y0:y1, x0:x1] = False
    assert not changed[outside].any()


def test_places_are_thirds_of_the_picture() -> None:
    scene = make_scene(1, shape_wh=(10, 10))  # 480 x 480: thirds end at 160 and 320
    for thing in scene.objects:
        x, y = thing.centre_xy
        words = scene.place(thing).split()
        assert ("left" in words) == (x < 160)
        assert ("right" in words) == (x >= 320)
        assert ("top" in words) == (y < 160)
        assert ("bottom" in words) == (y >= 320)
        assert words
