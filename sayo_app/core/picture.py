"""Open a picture that somebody sent, without trusting it."""

from __future__ import annotations

import io
import logging
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sayo_app.errors import PictureError
from sayo_app.settings import DEFAULTS

logger = logging.getLogger(__name__)

# Formats whose size stands in a header that is read without decoding a pixel. JPEG opens MPO too.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
# Processors refuse thin strips, some of them from 200 to 1.
MAX_ASPECT = 100

# Pillow only warns from 89 to 179 megapixels; a warning is not a refusal.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def open_picture(
    source: Path | bytes,
    *,
    max_bytes: int = DEFAULTS.max_file_bytes,
    max_pixels: int = DEFAULTS.max_picture_pixels,
) -> Image.Image:
    """The picture as RGB, turned as its EXIF data says, transparent parts on white.

    Args:
        source: a file or its bytes. Of an animation the first picture is taken.
        max_bytes: largest file.
        max_pixels: largest width x height; checked in the header, before anything is decoded.

    Raises:
        PictureError: no picture, a damaged or cut one, or one over a limit.
    """
    _check_bytes(_byte_count(source), max_bytes)
    with _read_header(source, max_pixels) as image:
        _check_size(image.width, image.height, max_pixels)
        try:
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
        except Exception as error:  # Pillow's decoders raise every kind of error on damaged data.
            logger.info("picture could not be decoded: %r", error)
            raise PictureError(
                expected="a whole picture",
                got=f"a {image.format} file that is damaged or cut short",
                remedy="Save or download it again and upload the new file.",
            ) from error


def picture_file(path: Path, max_bytes: int) -> bytes:
    """What is in a file that may be a picture.

    Raises:
        PictureError: there is no such file, or it is too large.
    """
    _check_bytes(_byte_count(path), max_bytes)
    return path.read_bytes()


def _check_bytes(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise PictureError(
            expected=f"a picture file of at most {max_bytes / 1e6:.1f} MB",
            got=f"{size / 1e6:.1f} MB",
            remedy="Save it smaller, for instance as JPEG, and upload it again.",
        )


def _byte_count(source: Path | bytes) -> int:
    if isinstance(source, bytes):
        return len(source)
    try:
        if source.is_file():
            return source.stat().st_size
    except OSError as error:
        logger.info("picture file could not be read: %r", error)
    raise PictureError(
        expected="a picture file", got=f"no file named {source.name!r}", remedy="Upload the picture again."
    )


def _read_header(source: Path | bytes, max_pixels: int) -> Image.Image:
    try:
        return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        found = re.search(r"\d+", str(error))
        raise _too_large(f"{int(found[0]) / 1e6:.0f} megapixels" if found else "more", max_pixels) from error
    except UnidentifiedImageError as error:
        raise PictureError(
            expected="a picture (PNG, JPEG, WebP, GIF, BMP or TIFF)",
            got="a file that is none of these",
            remedy="Upload a picture in one of these formats.",
        ) from error
    except Exception as error:  # A header can be damaged in as many ways as a body.
        logger.info("picture header could not be read: %r", error)
        raise PictureError(
            expected="a whole picture",
            got="a file whose beginning is damaged",
            remedy="Save or download it again and upload the new file.",
        ) from error


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise _too_large(f"{width * height / 1e6:.0f} ({width} x {height})", max_pixels)
    if min(width, height) < 1 or max(width, height) > MAX_ASPECT * min(width, height):
        raise PictureError(
            expected=f"a picture at most {MAX_ASPECT} times as long as it is wide",
            got=f"{width} x {height} px",
            remedy="Crop it and upload it again.",
        )


def _too_large(got: str, max_pixels: int) -> PictureError:
    return PictureError(
        expected=f"a picture of at most {max_pixels / 1e6:.3g} megapixels",
        got=got,
        remedy="Make it smaller and upload it again.",
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit greys: convert() would cut all above 255 to white instead of scaling.
        return Image.fromarray((np.clip(np.asarray(image), 0, 65535) // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
