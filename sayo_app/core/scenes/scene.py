"""Composed scenes with exact boxes: tagged 3D emoji on a drawn background, seeded.

A scene holds 4 to 8 objects of different kinds. Each carries a round tag with a colour and a letter; no
letter comes twice. The pictures' sizes vary in aspect ratio; the area is about constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from sayo_app.settings import ASSETS_DIR

KINDS = (
    "apple",
    "ball",
    "banana",
    "butterfly",
    "cake",
    "car",
    "cat",
    "clock",
    "dog",
    "fish",
    "guitar",
    "house",
    "key",
    "rocket",
    "tree",
    "umbrella",
)  # fmt: skip
COLOURS = {
    "red": (214, 40, 40),
    "blue": (29, 78, 216),
    "green": (22, 130, 60),
    "yellow": (250, 204, 21),
    "purple": (126, 34, 206),
    "black": (24, 24, 27),
}
LETTERS = ("A", "C", "E", "K", "M", "O", "T", "X")

# Width and height of the canvas in units of 48 px: about 100 units in all, from 1:1 to about 2:1.
SHAPES_WH = ((10, 10), (11, 9), (9, 11), (12, 8), (8, 12), (14, 7), (7, 14))
UNIT_PX = 48
MIN_SIDE, MAX_SIDE = 84, 160
TAG_PX = (28, 54)
MAX_FILL = 0.46


@dataclass(frozen=True)
class SceneObject:
    """One object; boxes in picture pixels, `box_xyxy` takes in the tag."""

    kind: str
    colour: str
    letter: str
    box_xyxy: tuple[int, int, int, int]
    tag_xyxy: tuple[int, int, int, int]
    side: int

    @property
    def centre_xy(self) -> tuple[float, float]:
        x0, y0, x1, y1 = self.box_xyxy
        return (x0 + x1) / 2, (y0 + y1) / 2


@dataclass(frozen=True, eq=False)
class Scene:
    """A drawn picture and what is on it."""

    seed: int
    picture: Image.Image
    objects: tuple[SceneObject, ...]

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.picture.size

    def place(self, thing: SceneObject) -> str:
        """Where the object's centre lies on a 3 x 3 division of the picture, in words."""
        x, y = thing.centre_xy
        width, height = self.size_wh
        column = ("left", "", "right")[min(2, int(3 * x / width))]
        row = ("top", "", "bottom")[min(2, int(3 * y / height))]
        return " ".join(word for word in (row, column) if word) or "centre"


def make_scene(
    seed: int,
    *,
    shape_wh: tuple[int, int] | None = None,
    large_tags: bool = False,
    tag_px: tuple[int, int] = TAG_PX,
) -> Scene:
    """Draw the scene of this seed: the same seed gives the same pixels and boxes.

    Args:
        seed: any non-negative whole number.
        shape_wh: columns and rows of 48 px; by default one of `SHAPES_WH`.
        large_tags: every tag has the largest size and is easy to read; by default sizes vary.
        tag_px: tags are from the first size to below the second; under 14 px nobody can read them.
    """
    rng = np.random.default_rng([seed, 7])
    tag_rng = np.random.default_rng([seed, 17])
    columns, rows = shape_wh or SHAPES_WH[rng.integers(len(SHAPES_WH))]
    size_wh = (columns * UNIT_PX, rows * UNIT_PX)
    canvas = Image.fromarray(_background(rng, size_wh))
    boxes = _places(rng, size_wh, int(rng.integers(4, 9)))
    kinds = rng.permutation(KINDS)[: len(boxes)]
    letters = rng.permutation(LETTERS)[: len(boxes)]
    # Few colours a scene, so that counting tags of one colour has answers above one.
    palette = rng.permutation(list(COLOURS))[: int(rng.integers(2, 6))]
    objects = []
    for (x, y, side), kind, letter in zip(boxes, kinds, letters, strict=True):
        tag = tag_of(
            str(rng.choice(palette)), str(letter), tag_px[1] if large_tags else int(tag_rng.integers(*tag_px))
        )
        objects.append(_draw(canvas, str(kind), tag, (x, y), side, flipped=rng.random() < 0.5))
    return Scene(seed=seed, picture=canvas, objects=tuple(objects))


def _places(rng: np.random.Generator, size_wh: tuple[int, int], count: int) -> list[tuple[int, int, int]]:
    """Squares (x, y, side) that hardly overlap; sizes shrink until they fit."""
    width, height = size_wh
    sides = rng.uniform(MIN_SIDE, MAX_SIDE, count)
    sides *= min(1.0, np.sqrt(MAX_FILL * width * height / np.sum(sides**2)))
    sides = np.maximum(sides, MIN_SIDE * 0.8)
    while True:
        placed: list[tuple[int, int, int]] = []
        for side in np.sort(sides)[::-1].astype(int):
            spot = _free_spot(rng, size_wh, int(side), placed)
            if spot is None:
                break
            placed.append((*spot, int(side)))
        if len(placed) == count:
            return placed
        sides *= 0.95


def _free_spot(
    rng: np.random.Generator, size_wh: tuple[int, int], side: int, placed: list[tuple[int, int, int]]
) -> tuple[int, int] | None:
    width, height = size_wh
    for x, y in rng.integers((4, 4), (width - side - 4, height - side - 4), (60, 2)):
        if all(
            abs((x + side / 2) - (px + ps / 2)) > 0.52 * (side + ps)
            or abs((y + side / 2) - (py + ps / 2)) > 0.52 * (side + ps)
            for px, py, ps in placed
        ):
            return int(x), int(y)
    return None


def _draw(
    canvas: Image.Image, kind: str, tag: Tag, corner_xy: tuple[int, int], side: int, *, flipped: bool
) -> SceneObject:
    sprite = sprite_of(kind)
    scale = side / max(sprite.size)
    sprite = sprite.resize((max(1, round(sprite.width * scale)), max(1, round(sprite.height * scale))))
    if flipped:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    x = corner_xy[0] + (side - sprite.width) // 2
    y = corner_xy[1] + (side - sprite.height) // 2
    canvas.paste(sprite, (x, y), sprite)
    size = tag.disc.width
    tx = max(min(x + sprite.width - size * 2 // 3, canvas.width - size), 0)
    ty = max(min(y + sprite.height - size * 2 // 3, canvas.height - size), 0)
    canvas.paste(tag.disc, (tx, ty), tag.disc)
    box = (min(x, tx), min(y, ty), max(x + sprite.width, tx + size), max(y + sprite.height, ty + size))
    return SceneObject(kind, tag.colour, tag.letter, box, (tx, ty, tx + size, ty + size), side)


@cache
def sprite_of(kind: str) -> Image.Image:
    """The picture of an object of this kind, RGBA."""
    with Image.open(ASSETS_DIR / "sprites" / f"{kind}.webp") as file:
        return file.convert("RGBA")


@dataclass(frozen=True, eq=False)
class Tag:
    """A tag as it is drawn; `disc` is RGBA."""

    colour: str
    letter: str
    disc: Image.Image


@cache
def tag_of(colour: str, letter: str, size: int) -> Tag:
    """A white-rimmed disc with a letter, drawn at four times the largest size for smooth edges."""
    big = TAG_PX[1] * 4
    disc = Image.new("RGBA", (big, big), (0, 0, 0, 0))
    draw = ImageDraw.Draw(disc)
    draw.ellipse((0, 0, big - 1, big - 1), fill=(255, 255, 255, 255))
    draw.ellipse((10, 10, big - 11, big - 11), fill=(*COLOURS[colour], 255))
    ink = (24, 24, 27, 255) if colour == "yellow" else (255, 255, 255, 255)
    draw.text(
        (big / 2, big / 2),
        letter,
        fill=ink,
        font=ImageFont.load_default(int(big * 0.68)),
        anchor="mm",
        stroke_width=6,
        stroke_fill=ink,
    )
    return Tag(colour, letter, disc.resize((size, size), Image.Resampling.LANCZOS))


def _background(rng: np.random.Generator, size_wh: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """A pastel gradient with a few soft discs and bands."""
    width, height = size_wh
    top, bottom = rng.uniform(150, 250, (2, 3))
    ramp = np.linspace(0, 1, height)[:, None, None]
    picture = np.ascontiguousarray(
        np.broadcast_to(top * (1 - ramp) + bottom * ramp, (height, width, 3)).astype(np.uint8)
    )
    for _ in range(int(rng.integers(2, 7))):
        shade = tuple(int(v) for v in np.clip(rng.normal((top + bottom) / 2, 22), 120, 255))
        x, y = int(rng.integers(width)), int(rng.integers(height))
        if rng.random() < 0.6:
            cv2.circle(picture, (x, y), int(rng.integers(20, 110)), shade, -1, cv2.LINE_AA)
        else:
            cv2.line(picture, (x, 0), (width - x, height), shade, int(rng.integers(6, 40)), cv2.LINE_AA)
    return picture
