"""Pictures and films of an answer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.rendering.animate import CODECS, MAX_FRAMES, frames, view, write_gif, write_mp4, write_png
from sayo_app.core.rendering.colormap import TABLE
from sayo_app.core.rendering.overlay import overlay
from sayo_app.errors import InputError, StorageError

GRID = ImageGrid.regular((90, 60), (2, 3))
GREY = Image.new("RGB", (90, 60), (128, 128, 128))
TOKENS = ("A", " dog", ".", "<|im_end|>")
MAPS = np.eye(6)[:3]


def film(**changes: object) -> list[np.ndarray]:
    fields: dict[str, object] = {"pictures": [GREY], "grids": (GRID,), "maps": MAPS, "tokens": TOKENS}
    return list(frames(**fields | changes))  # type: ignore[arg-type]


def test_a_frame_a_map_with_the_map_and_the_token() -> None:
    shown = film(strength=1.0)
    assert len(shown) == 3 and {frame.shape for frame in shown} == {(100, 90, 3)}
    # Token i looks at cell i of the upper row: 30 px wide, its middle in the brightest colour.
    for index, frame in enumerate(shown):
        assert frame[10, 15 + 30 * index] == pytest.approx(TABLE[255], abs=12)
        assert (frame[:60] == overlay(np.asarray(GREY), MAPS[index], GRID, 1.0)).all()
    assert len({frame[60:].tobytes() for frame in shown}) == 3, "the strip is the same for other tokens"


def test_frames_are_of_one_even_size_and_no_longer_than_asked() -> None:
    for width, height in [(91, 61), (2000, 301), (301, 2000), (720, 720), (1, 1)]:
        picture, grid = Image.new("RGB", (width, height)), ImageGrid.regular((width, height), (2, 3))
        sizes = {frame.shape for frame in film(pictures=[picture], grids=(grid,), side=240)}
        assert len(sizes) == 1
        for side in sizes.pop()[:2]:
            assert side % 2 == 0 and side <= 240


def test_pictures_stand_side_by_side_on_one_scale() -> None:
    values = np.concatenate([np.eye(6)[0], 0.5 * np.eye(6)[0]])
    large = Image.new("RGB", (180, 120), (128, 128, 128))
    shown = view([GREY, large], (GRID, ImageGrid.regular((180, 120), (2, 3))), values, 1.0)
    assert shown.shape == (60, 90 + 8 + 90, 3)
    assert shown[10, 15] == pytest.approx(TABLE[255], abs=12)
    assert shown[10, 98 + 15] == pytest.approx(overlay(np.asarray(GREY), values[6:], GRID, 1.0, 1.0)[10, 15])
    assert len(film(pictures=[GREY, large], grids=(GRID, GRID), maps=np.zeros((2, 12)))) == 2


def test_text_that_the_font_lacks_or_that_only_controls_is_drawn_all_the_same() -> None:
    tokens = ["", "\n", "\x00", "🐕", "狗", "\ud800", "x" * 5000, "ا"]
    shown = film(tokens=tokens, maps=np.zeros((len(tokens), 6)))
    strips = [frame[60:].tobytes() for frame in shown]
    assert len(strips) == len(tokens) and strips[3] != strips[4]


@pytest.mark.parametrize("count", [0, 5, MAX_FRAMES + 1])
def test_no_map_or_too_many_are_refused(count: int) -> None:
    tokens = TOKENS if count < 10 else ("a",) * 2000
    with pytest.raises(InputError, match="1 to 1000 maps"):
        film(maps=np.zeros((count, 6)), tokens=tokens)


def test_a_png_is_the_frame_and_the_same_each_time(tmp_path: Path) -> None:
    frame = film()[0]
    write_png(tmp_path / "a.png", frame)
    write_png(tmp_path / "b.png", frame)
    assert (np.asarray(Image.open(tmp_path / "a.png")) == frame).all()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_gif_steps_through_all_frames(tmp_path: Path) -> None:
    shown = film(strength=1.0)
    write_gif(tmp_path / "a.gif", iter(shown), 200)
    with Image.open(tmp_path / "a.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"], gif.info["loop"]) == (3, (90, 100), 200, 0)
        for index, frame in enumerate(shown):
            gif.seek(index)
            found = np.asarray(gif.convert("RGB")).astype(int)
            assert np.abs(found - frame).mean() < 6


def test_a_small_bright_peak_keeps_its_colour_in_a_gif(tmp_path: Path) -> None:
    # More colours than a GIF has, in large areas each, and a peak on 1 cell of 600.
    pixels = np.stack(np.broadcast_arrays(*np.ogrid[0:240, 0:256, 90:91]), axis=-1)[:, :, 0].astype(np.uint8)
    picture, grid = Image.fromarray(pixels), ImageGrid.regular((256, 240), (24, 25))
    frame = next(frames([picture], (grid,), np.eye(600)[[312]], ["a"], strength=1.0))
    write_gif(tmp_path / "a.gif", [frame])
    y, x = 125, 128  # of row 12, column 12
    assert frame[y, x] == pytest.approx(TABLE[255], abs=30)
    with Image.open(tmp_path / "a.gif") as gif:
        found = np.asarray(gif.convert("RGB"))
    assert np.abs(found[y, x].astype(int) - frame[y, x]).max() < 40


def test_a_film_steps_through_all_frames(tmp_path: Path) -> None:
    shown = film()
    write_mp4(tmp_path / "a.mp4", iter(shown), fps=5)
    film_read = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    assert film_read.get(cv2.CAP_PROP_FPS) == 5
    for frame in shown:
        ok, found = film_read.read()
        assert ok and np.abs(found[..., ::-1].astype(int) - frame).mean() < 8
    assert not film_read.read()[0]


def test_a_film_is_in_a_codec_that_browsers_play(tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", film())
    assert CODECS[0].encode() in (tmp_path / "a.mp4").read_bytes()


def test_an_opencv_without_codecs_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sayo_app.core.rendering.animate.CODECS", ())
    with pytest.raises(StorageError, match="Export a GIF"):
        write_mp4(tmp_path / "a.mp4", film())
    assert list(tmp_path.iterdir()) == []


def test_an_error_halfway_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    def broken() -> object:
        yield film()[0]
        raise ZeroDivisionError

    for write, name in [(write_gif, "a.gif"), (write_mp4, "a.mp4")]:
        (tmp_path / name).write_text("before")
        with pytest.raises(ZeroDivisionError):
            write(tmp_path / name, broken())  # type: ignore[arg-type]
        assert (tmp_path / name).read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"to write .*a\.png"):
        write_png(tmp_path / "file" / "a.png", film()[0])
