"""Confounders: something on a scene that shows the answer, or another one, beside what is asked about.

A model that has learnt to read the confounder answers right wherever the two agree, for the wrong reason.
Where they conflict its answer tells what it hangs on. A confounder is a function that draws a label
somewhere; `CONFOUNDERS` names those of this module, and `find_confounder` finds others by their module.

The label says what the answer would be: for a question about an attribute it is a tag, for one about an
object a small picture of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from PIL import Image, ImageDraw

from sayo_app.core.geometry.elsewhere import touches
from sayo_app.core.scenes.questions import Box, SceneQuestion, scene_questions
from sayo_app.core.scenes.scene import (
    COLOURS,
    LETTERS,
    TAG_PX,
    Scene,
    SceneObject,
    make_scene,
    sprite_of,
    tag_of,
)
from sayo_app.errors import SettingsError

# The families of questions whose answer a label can show.
CONFOUNDED = ("attribute", "identity")
# As it is given to a confounder.
LABEL_PX = 54
STAMP_PX, STICKER_PX, MASCOT_PX, BADGE_PX = 72, 92, 148, 40
_ATTEMPTS, _NEXT = 200, 7_919_000_000

# Draws the label on a copy of the scene's picture: (picture, where) or None where it has no place for it.
# `where` is the box of all that was drawn, original pixels. The object that is asked about must stay as it
# is.
Confounder = Callable[[Scene, SceneObject, Image.Image, np.random.Generator], tuple[Image.Image, Box] | None]


@dataclass(frozen=True, eq=False)
class ConfoundedScene:
    """A question on a scene with a confounder.

    Attributes:
        look_xyxy: what the answer has to be read from: the object that is asked about, with its tag.
        away_xyxy: the confounder.
        suggested: the answer that the confounder shows; the right one where they agree.
    """

    picture: Image.Image
    question: SceneQuestion
    look_xyxy: Box
    away_xyxy: Box
    suggested: str

    @property
    def agrees(self) -> bool:
        return self.suggested == self.question.answer


def make_confounded(
    seed: int,
    confounder: Confounder,
    *,
    family: str,
    agrees: bool,
    tag_px: tuple[int, int] = TAG_PX,
) -> ConfoundedScene:
    """The scene of this seed with a question of the family and a confounder that agrees with it or does not.

    Scenes without a place for the confounder are passed over for the next one of the same seed.

    Args:
        family: one of `CONFOUNDED`.
        tag_px: see `make_scene`; tags that nobody can read leave the confounder alone to tell.
    """
    for attempt in range(_ATTEMPTS):
        place = seed + attempt * _NEXT
        scene = make_scene(place, tag_px=tag_px)
        question = scene_questions(scene, place, (family,))[0]
        asked = next(thing for thing in scene.objects if thing.box_xyxy == question.boxes_xyxy[0])
        rng = np.random.default_rng([place, 23])
        shown, suggested = _shown(scene, asked, question, agrees, rng)
        label = _label(question, *shown, LABELS_PX.get(confounder, LABEL_PX))
        drawn = confounder(scene, asked, label, rng)
        if drawn is not None:
            return ConfoundedScene(drawn[0], question, asked.box_xyxy, drawn[1], suggested)
    raise AssertionError(f"no scene of seed {seed} has a place for the confounder")


def find_confounder(name: str) -> Confounder:
    """One of `CONFOUNDERS`, or a function of another module as in `package.module:function`.

    Raises:
        SettingsError: there is none of this name.
    """
    if name in CONFOUNDERS:
        return CONFOUNDERS[name]
    module, colon, function = name.partition(":")
    try:
        found: Confounder | None = getattr(import_module(module), function, None) if colon else None
    except ImportError:
        found = None
    if found is None:
        raise SettingsError(
            expected=f"a confounder out of {', '.join(CONFOUNDERS)}, or package.module:function",
            got=repr(name),
            remedy="See sayo_app/core/scenes/confounders.py for what such a function is given and gives.",
        )
    return found


def _shown(
    scene: Scene, asked: SceneObject, question: SceneQuestion, agrees: bool, rng: np.random.Generator
) -> tuple[tuple[str, str, str], str]:
    """(kind, colour, letter) on the label, and the answer that they suggest."""
    if agrees:
        return (asked.kind, asked.colour, asked.letter), question.answer
    other = [thing for thing in scene.objects if thing is not asked][
        int(rng.integers(len(scene.objects) - 1))
    ]
    colours = [colour for colour in COLOURS if colour != asked.colour]
    letters = [letter for letter in LETTERS if letter != asked.letter]
    colour, letter = colours[int(rng.integers(len(colours)))], letters[int(rng.integers(len(letters)))]
    if question.family == "identity":
        return (other.kind, colour, letter), other.kind
    return (other.kind, colour, letter), colour if question.answer == asked.colour else letter


def _label(question: SceneQuestion, kind: str, colour: str, letter: str, side: int) -> Image.Image:
    """RGBA of this side: a tag, or a picture of the object on a white disc."""
    if question.family == "identity":
        disc = Image.new("RGBA", (side, side), (0, 0, 0, 0))
        ImageDraw.Draw(disc).ellipse((0, 0, side - 1, side - 1), fill=(255, 255, 255, 255))
        edge = side // 9
        disc.alpha_composite(_scaled(sprite_of(kind), side - 2 * edge), (edge, edge))
        return disc
    return tag_of(colour, letter, side).disc


def stamp(
    scene: Scene, asked: SceneObject, label: Image.Image, rng: np.random.Generator
) -> tuple[Image.Image, Box] | None:
    """The label in a dark frame in a free corner of the picture."""
    width, height = scene.size_wh
    corners = [(x, y) for x in (6, width - STAMP_PX - 6) for y in (6, height - STAMP_PX - 6)]
    places = [corners[i] for i in rng.permutation(len(corners))]
    return _pasted(scene, _framed(label, STAMP_PX, (60, 50, 45), (250, 250, 245)), iter(places))


def mascot(
    scene: Scene, asked: SceneObject, label: Image.Image, rng: np.random.Generator
) -> tuple[Image.Image, Box] | None:
    """An umbrella that no question is about, anywhere, with the label at its handle."""
    if any(thing.kind == "umbrella" for thing in scene.objects):
        return None
    drawn = Image.new("RGBA", (MASCOT_PX, MASCOT_PX), (0, 0, 0, 0))
    side = MASCOT_PX * 9 // 20
    drawn.alpha_composite(_scaled(sprite_of("umbrella"), side))
    drawn.alpha_composite(_scaled(label, MASCOT_PX - side), (side, side))
    return _pasted(scene, drawn, _anywhere(scene, MASCOT_PX, rng))


def sticker(
    scene: Scene, asked: SceneObject, label: Image.Image, rng: np.random.Generator
) -> tuple[Image.Image, Box] | None:
    """The label on a yellow note beside the object that is asked about."""
    x0, y0, x1, y1 = asked.box_xyxy
    middle_x, middle_y = (x0 + x1 - STICKER_PX) // 2, (y0 + y1 - STICKER_PX) // 2
    gap = 3
    sides = [
        (x0 - STICKER_PX - gap, middle_y),
        (x1 + gap, middle_y),
        (middle_x, y0 - STICKER_PX - gap),
        (middle_x, y1 + gap),
    ]
    places = [sides[i] for i in rng.permutation(len(sides))]
    return _pasted(
        scene,
        _framed(_scaled(label, STICKER_PX - 12), STICKER_PX, (230, 190, 40), (255, 236, 130)),
        iter(places),
    )


def badge(
    scene: Scene, asked: SceneObject, label: Image.Image, rng: np.random.Generator
) -> tuple[Image.Image, Box] | None:
    """The label as a second tag on the object itself: what no look away can tell from it."""
    x0, y0, x1, y1 = asked.box_xyxy
    tag = asked.tag_xyxy
    corners = [(x0, y0), (x1 - BADGE_PX, y0), (x0, y1 - BADGE_PX)]
    free = [
        corner
        for corner in corners
        if not touches(_square(*corner, BADGE_PX), tag) and _inside(scene, _square(*corner, BADGE_PX))
    ]
    if not free:
        return None
    corner = free[int(rng.integers(len(free)))]
    picture = scene.picture.copy()
    drawn = _scaled(label, BADGE_PX)
    picture.paste(drawn, corner, drawn)
    return picture, _square(*corner, BADGE_PX)


CONFOUNDERS: dict[str, Confounder] = {"stamp": stamp, "mascot": mascot, "sticker": sticker, "badge": badge}
# Larger ones, as they are made: in a small one the bundled model can't tell what a picture is of.
LABELS_PX: dict[Confounder, int] = {mascot: 108, sticker: 108}


def _framed(
    label: Image.Image, side: int, frame: tuple[int, int, int], paper: tuple[int, int, int]
) -> Image.Image:
    drawn = Image.new("RGBA", (side, side), (*frame, 255))
    drawn.paste((*paper, 255), (4, 4, side - 4, side - 4))
    at = (side - label.width) // 2
    drawn.alpha_composite(label, (at, at))
    return drawn


def _scaled(picture: Image.Image, side: int) -> Image.Image:
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def _anywhere(scene: Scene, side: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    width, height = scene.size_wh
    yield from (
        (int(x), int(y)) for x, y in rng.integers((4, 4), (width - side - 4, height - side - 4), (80, 2))
    )


def _pasted(
    scene: Scene, drawn: Image.Image, places: Iterator[tuple[int, int]]
) -> tuple[Image.Image, Box] | None:
    """On the first place where it touches no object."""
    for x, y in places:
        box = _square(x, y, drawn.width)
        if _inside(scene, box) and not any(touches(box, thing.box_xyxy) for thing in scene.objects):
            picture = scene.picture.copy()
            picture.paste(drawn, (x, y), drawn)
            return picture, box
    return None


def _inside(scene: Scene, box: Box) -> bool:
    return min(box[:2]) >= 0 and box[2] <= scene.size_wh[0] and box[3] <= scene.size_wh[1]


def _square(x: int, y: int, side: int) -> Box:
    return (x, y, x + side, y + side)
