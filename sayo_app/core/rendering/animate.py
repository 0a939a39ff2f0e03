"""Pictures and films of where an answer looked: PNG, GIF and MP4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from sayo_app.core.files import whole_file
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.rendering.colormap import TABLE
from sayo_app.core.rendering.overlay import STRENGTH, highest, overlay, parts
from sayo_app.errors import InputError, StorageError

MAX_SIDE = 720
MAX_FRAMES = 1000
# As long as the page shows a token when it plays.
FRAME_MS = 350
# H.264 is not in the OpenCV wheels (its encoders are GPL). Browsers and VLC play VP9 in an MP4; MPEG-4
# Part 2, for builds without VP9, is played by VLC and most desktop players, but by no browser. VP9 takes its
# time (some tenths of a second a frame at 720 px), and OpenCV hands no option on to it.
CODECS = ("vp09", "mp4v")
_GAP, _STRIP, _TEXT, _BASELINE = 8, 40, 20, 25
# More would not fit beside a token.
_NEIGHBOURS, _MOST_LETTERS = 40, 120
_BACK, _QUIET, _LOUD = (17, 17, 20), (150, 150, 158), (255, 214, 102)

Frame = UInt8[np.ndarray, "_ _ 3"]


def view(
    pictures: Sequence[Image.Image],
    grids: tuple[ImageGrid, ...],
    values: Float[np.ndarray, " image"],
    strength: float = STRENGTH,
    side: int | None = None,
) -> Frame:
    """One map over all its pictures, side by side and on one scale of colours.

    Args:
        pictures: RGB, one for each grid.
        values: one map over the image tokens of all pictures.
        side: longest side of the result in pixels; None for the pictures' own size.
    """
    return _laid_over(_fitted(pictures, side), grids, values, strength)


def frames(
    pictures: Sequence[Image.Image],
    grids: tuple[ImageGrid, ...],
    maps: Float[np.ndarray, "row image"],
    tokens: Sequence[str],
    strength: float = STRENGTH,
    side: int = MAX_SIDE,
) -> Iterator[Frame]:
    """One frame a map: the pictures with it, and below them its token among its neighbours.

    All frames have one size, with even sides, as video needs them.

    Args:
        maps: one for each of the first tokens.
        tokens: all text pieces of the answer.
        side: longest side of a frame in pixels, the strip with the text included.

    Raises:
        InputError: no map, or more than `MAX_FRAMES`.
    """
    if not 1 <= len(maps) <= min(MAX_FRAMES, len(tokens)):
        raise InputError(
            expected=f"an answer with 1 to {MAX_FRAMES} maps, each with its token",
            got=f"{len(maps)} maps and {len(tokens)} tokens",
            remedy="Export a shorter answer, or a PNG of one map.",
        )
    return _frames(_fitted(pictures, side - _STRIP), grids, maps, tokens, strength)


def write_png(path: Path, frame: Frame) -> None:
    """One picture. The same frame gives the same bytes.

    Raises:
        StorageError: the file cannot be written.
    """
    with whole_file(path, durable=False) as temporary:
        Image.fromarray(frame).save(temporary, "PNG")


def write_gif(path: Path, frames: Iterable[Frame], ms: int = FRAME_MS) -> None:
    """An animation that runs for ever, `ms` milliseconds a frame; equal frames in a row become one.

    Raises:
        StorageError: the file cannot be written.
    """
    images = (_palette_image(frame) for frame in frames)
    with whole_file(path, durable=False) as temporary:
        next(images).save(temporary, "GIF", save_all=True, append_images=images, duration=ms, loop=0)


def write_mp4(path: Path, frames: Iterable[Frame], fps: float = 1000 / FRAME_MS) -> None:
    """A film in the first codec of `CODECS` that this OpenCV can write.

    Raises:
        StorageError: the file cannot be written, or no codec is there.
    """
    stream = iter(frames)
    first = next(stream)
    with whole_file(path, durable=False) as temporary:
        writer = _writer(temporary, fps, (first.shape[1], first.shape[0]))
        try:
            for frame in chain([first], stream):
                writer.write(np.ascontiguousarray(frame[..., ::-1]))
        finally:
            writer.release()


def _writer(path: Path, fps: float, size_wh: tuple[int, int]) -> cv2.VideoWriter:
    for codec in CODECS:
        fourcc = cv2.VideoWriter.fourcc(*codec)
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, size_wh)
        if writer.isOpened():
            return writer
    raise StorageError(
        expected=f"an OpenCV that writes MP4 ({' or '.join(CODECS)})",
        got="one that does not",
        remedy="Export a GIF, or install the opencv-python of requirements.txt.",
    )


def _palette_image(frame: Frame) -> Image.Image:
    """In 256 colours, found on a small copy, which is a hundred times faster.

    The colours of the map are added to that copy: a bright peak is too small to win one for itself.
    """
    image = Image.fromarray(frame)
    small = np.asarray(image.reduce(4))
    heat = np.resize(TABLE, (len(small) // 4 + 1, small.shape[1], 3))
    palette = Image.fromarray(np.concatenate([small, heat])).quantize(256, Image.Quantize.MEDIANCUT)
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def _frames(
    pictures: list[Frame],
    grids: tuple[ImageGrid, ...],
    maps: Float[np.ndarray, "row image"],
    tokens: Sequence[str],
    strength: float,
) -> Iterator[Frame]:
    for index, values in enumerate(maps):
        shown = _laid_over(pictures, grids, values, strength)
        strip = _strip(tokens, index, shown.shape[1])
        frame = np.concatenate([shown, strip])
        yield np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")


def _laid_over(
    pictures: list[Frame], grids: tuple[ImageGrid, ...], values: Float[np.ndarray, " image"], strength: float
) -> Frame:
    peak = highest(values, grids)
    shown = [
        overlay(picture, part, grid, strength, peak)
        for picture, (part, grid) in zip(pictures, parts(values, grids), strict=True)
    ]
    gap = np.full((len(shown[0]), _GAP, 3), _BACK, dtype=np.uint8)
    return np.concatenate([piece for one in shown for piece in (gap, one)][1:], axis=1)


def _fitted(pictures: Sequence[Image.Image], side: int | None) -> list[Frame]:
    """The pictures at one height, such that side by side they are no longer than `side`; none enlarged."""
    height = min(picture.height for picture in pictures)
    if side is not None:
        wide = sum(picture.width / picture.height for picture in pictures)
        gaps = _GAP * (len(pictures) - 1)
        height = min(height, side, int((side - gaps) / wide))
    height = max(height, 1)
    sizes = [(max(1, int(height * it.width / it.height)), height) for it in pictures]
    return [np.asarray(it.convert("RGB").resize(size)) for it, size in zip(pictures, sizes, strict=True)]


def _strip(tokens: Sequence[str], index: int, width: int) -> Frame:
    """The token in the middle, bright, with what was said before and after it beside it as far as it fits."""
    strip = np.full((_STRIP, width, 3), _BACK, dtype=np.uint8)
    before = _line("".join(tokens[max(0, index - _NEIGHBOURS) : index]))[-_MOST_LETTERS:]
    token = _line(tokens[index])[:_MOST_LETTERS]
    after = _line("".join(tokens[index + 1 : index + 1 + _NEIGHBOURS]))[:_MOST_LETTERS]
    left = (width - _advance(token)) // 2
    right = _write(strip, token, left, _LOUD)
    _write(strip, before, left - _advance(before), _QUIET)
    _write(strip, after, right, _QUIET)
    strip[-6:-4, max(left, 0) : max(right, 0)] = _LOUD
    return strip


def _write(strip: Frame, text: str, x: int, colour: tuple[int, int, int]) -> int:
    """Draw into the strip; where the text ends. The font has no emoji: it draws a question mark."""
    end, _ = cv2.putText(strip, text, (x, _BASELINE), colour, _font(), _TEXT)
    return int(end[0])


def _advance(text: str) -> int:
    return _write(np.zeros((1, 1, 3), dtype=np.uint8), text, 0, _QUIET)


def _line(text: str) -> str:
    """On one line, and without characters that only control something: half of one would crash OpenCV."""
    return "".join(character if character.isprintable() else " " for character in text)


@lru_cache(maxsize=1)
def _font() -> cv2.FontFace:
    """Built into OpenCV: Latin, Greek, Cyrillic, Chinese, Japanese and Korean letters."""
    return cv2.FontFace("sans")
