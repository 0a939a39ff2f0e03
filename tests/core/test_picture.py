from __future__ import annotations

import io
import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from sayo_app.core.picture import open_picture
from sayo_app.errors import PictureError

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def half_and_half() -> Image.Image:
    """6 x 4 px, red on the left, blue on the right."""
    image = Image.new("RGB", (6, 4), RED)
    image.paste(BLUE, (3, 0, 6, 4))
    return image


def png_of_zeros(width: int, height: int) -> bytes:
    """A valid one-bit PNG of any size, compressed row by row: no picture is ever in memory."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    rows = [packer.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)]
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = b"".join(rows) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF"])
def test_pictures_open_from_bytes_and_from_files(kind: str, tmp_path: Path) -> None:
    data = encoded(half_and_half(), kind, **({"lossless": True} if kind == "WEBP" else {}))
    (tmp_path / "picture").write_bytes(data)
    for source in (data, tmp_path / "picture"):
        picture = open_picture(source)
        assert (picture.mode, picture.size) == ("RGB", (6, 4))
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(half_and_half()))


@pytest.mark.parametrize(
    ("orientation", "size", "top_left", "bottom_right"),
    # 3: half a turn. 6: a quarter turn clockwise, left comes to the top. 8: the other way. 2: mirrored.
    [
        (1, (6, 4), RED, BLUE),
        (3, (6, 4), BLUE, RED),
        (6, (4, 6), RED, BLUE),
        (8, (4, 6), BLUE, RED),
        (2, (6, 4), BLUE, RED),
    ],
)
def test_a_camera_picture_is_turned_as_its_exif_says(
    orientation: int, size: tuple[int, int], top_left: tuple[int, ...], bottom_right: tuple[int, ...]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = open_picture(encoded(half_and_half(), exif=exif))
    assert picture.size == size
    assert picture.getpixel((0, 0)) == top_left
    assert picture.getpixel((size[0] - 1, size[1] - 1)) == bottom_right


def test_transparent_parts_become_white() -> None:
    image = half_and_half().convert("RGBA")
    image.paste((0, 255, 0, 0), (0, 0, 3, 4))
    picture = open_picture(encoded(image))
    assert (picture.getpixel((0, 0)), picture.getpixel((5, 3))) == (WHITE, BLUE)


@pytest.mark.parametrize("transparent", [False, True])
def test_a_palette_keeps_its_colours(transparent: bool) -> None:
    image = half_and_half().quantize(2)
    left = image.getpixel((0, 0))
    picture = open_picture(encoded(image, **({"transparency": left} if transparent else {})))
    assert (picture.mode, picture.getpixel((5, 3))) == ("RGB", BLUE)
    assert picture.getpixel((0, 0)) == (WHITE if transparent else RED)


def test_cmyk_and_greys_become_rgb() -> None:
    cmyk = open_picture(encoded(Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG"))
    assert cmyk.mode == "RGB" and np.abs(np.subtract(cmyk.getpixel((4, 4)), RED)).max() < 8
    assert open_picture(encoded(Image.new("L", (3, 3), 77))).getpixel((1, 1)) == (77, 77, 77)
    assert open_picture(encoded(Image.new("1", (3, 3), 1))).getpixel((1, 1)) == WHITE
    faded = open_picture(encoded(Image.new("LA", (3, 3), (0, 0))))
    assert faded.getpixel((1, 1)) == WHITE


def test_sixteen_bit_greys_are_scaled_not_cut() -> None:
    image = Image.fromarray(np.array([[0, 257 * 100, 65535]], dtype=np.uint16))
    assert [open_picture(encoded(image)).getpixel((x, 0))[0] for x in range(3)] == [0, 100, 255]


@pytest.mark.parametrize("kind", ["GIF", "MPO", "TIFF"])
def test_of_several_pictures_the_first_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (5, 5), RED), Image.new("RGB", (5, 5), BLUE)]
    several = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert np.abs(np.subtract(open_picture(several).getpixel((2, 2)), RED)).max() < 8


@pytest.mark.parametrize("data", [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(PictureError, match="none of these"):
        open_picture(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.02, 0.2, 0.5, 0.9])
def test_a_picture_cut_short_is_refused(kind: str, kept: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 90, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    with pytest.raises(PictureError, match=r"[Uu]pload"):
        open_picture(data[: int(len(data) * kept)])


def test_a_damaged_picture_is_refused() -> None:
    data = bytearray(encoded(half_and_half().resize((60, 40))))
    data[60:70] = bytes(10)
    with pytest.raises(PictureError, match="damaged or cut short"):
        open_picture(bytes(data))


@pytest.mark.parametrize(("width", "height"), [(15_000, 10_000), (20_000, 20_000), (9_000, 9_000)])
def test_a_small_file_of_many_megapixels_is_refused_unread(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = png_of_zeros(width, height)
    assert len(data) < 60_000

    def decode(self: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PictureError, match=rf"at most 40 megapixels, got {width * height // 10**6}"):
        open_picture(data)
    # Kilobytes; the picture itself would take 150,000 and more.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_the_pixel_limit_is_exact() -> None:
    data = encoded(half_and_half())
    assert open_picture(data, max_pixels=24).size == (6, 4)
    with pytest.raises(PictureError, match="megapixels"):
        open_picture(data, max_pixels=23)


def test_a_file_over_the_limit_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(encoded(half_and_half()) + bytes(3_000_000))
    for source in (path, path.read_bytes()):
        assert open_picture(source, max_bytes=path.stat().st_size).size == (6, 4)
        with pytest.raises(PictureError, match=r"at most 2\.0 MB, got 3\.0 MB"):
            open_picture(source, max_bytes=2_000_000)


@pytest.mark.parametrize("name", ["gone.png", "."])
def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError, match="no file named"):
        open_picture(tmp_path / name)


def test_a_thin_strip_is_refused() -> None:
    assert open_picture(encoded(Image.new("RGB", (400, 4)))).size == (400, 4)
    with pytest.raises(PictureError, match="100 times as long as it is wide, got 401 x 4 px"):
        open_picture(encoded(Image.new("RGB", (401, 4))))
