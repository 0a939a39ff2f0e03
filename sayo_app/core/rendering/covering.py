"""Pictures with a region taken out or changed, to see whether an answer hangs on it.

Pixels outside the regions stay what they were, bit for bit. A pixel belongs to a region with its centre.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from sayo_app.core.geometry.region import Region, rasterise
from sayo_app.errors import RegionError

Way = Literal["mean", "blur", "inpaint"]
WAYS: tuple[Way, ...] = get_args(Way)
Pixels = UInt8[np.ndarray, "height width 3"]
Mask = Bool[np.ndarray, "height width"]

# Of a side of the region: the middle of a square then keeps 15 % of its own, and no letter in it is left.
_BLUR_SIDES = 1.0
# A wider blur is made on a smaller picture: the same to the eye, and not slow.
_WIDEST_BLUR = 8.0
_INPAINT_RADIUS = 3.0
# Pixels; a larger hole is filled on a smaller picture, as the time grows with them.
_LARGEST_HOLE = 10_000
# What is lighter and darker than grey by less than this counts as grey, the more so the less.
_GREY_CHROMA = 48.0
# An orange, of the lightness 127.5 in the middle.
_TINT = np.array([235.0, 100.0, 20.0], np.float32)
# Pixels; what adding and taking away coordinates may leave.
_SLACK = 1e-6


def covered(picture: Image.Image, regions: Sequence[Region], way: Way) -> Image.Image:
    """A new RGB picture in which nothing can be seen of what is in the regions.

    Args:
        regions: in the picture's pixels; none leave it as it is.
        way: `mean`, the picture's mean colour; `blur`, the picture out of focus by as much as the largest
            region is wide; `inpaint`, what is around, drawn on into it (Telea 2004).

    Raises:
        RegionError: a brush that was painted on a picture of another size.
    """
    pixels = np.asarray(picture.convert("RGB"))
    mask = _union(regions, picture.size)
    if not mask.any():
        return Image.fromarray(pixels)
    if way == "mean":
        fill = _mean(pixels)
    elif way == "blur":
        largest = max(int(np.count_nonzero(rasterise(region, picture.size))) for region in regions)
        fill = _blurred(pixels, _BLUR_SIDES * math.sqrt(largest))
    else:
        fill = _inpainted(pixels, mask)
    return _inside(pixels, mask, fill)


def recoloured(picture: Image.Image, regions: Sequence[Region]) -> Image.Image:
    """A new RGB picture with other colours in the regions: hue turned by half a circle, HLS lightness kept.

    With M and m the largest and the smallest of a pixel's three values, each value v becomes M + m - v. A
    grey has no hue: it is mixed half and half with orange, so that light stays lighter than dark.

    Raises:
        RegionError: a brush that was painted on a picture of another size.
    """
    pixels = np.array(picture.convert("RGB"))
    mask = _union(regions, picture.size)
    values = pixels[mask].astype(np.float32)
    most, least = values.max(axis=1, keepdims=True), values.min(axis=1, keepdims=True)
    greyness = np.clip(1 - (most - least) / _GREY_CHROMA, 0, 1)
    fill = (1 - greyness) * (most + least - values) + greyness * (values + _TINT) / 2
    pixels[mask] = np.round(fill).astype(np.uint8)
    return Image.fromarray(pixels)


def moved(
    picture: Image.Image, regions: Sequence[Region], to_xy: tuple[float, float]
) -> tuple[Image.Image, tuple[Region, ...]]:
    """A new RGB picture with what is in the regions elsewhere, and the hole filled from around it.

    Args:
        regions: moved together, as they lie to each other; at least one.
        to_xy: where the upper left corner goes of the box around what lies of them on the picture; only
            whole pixels are moved, so that it is true up to half a pixel.

    Returns:
        The picture and the regions where they are now.

    Raises:
        RegionError: no regions, one that is not on the picture, or a place where they are not all on it.
    """
    if not regions:
        raise RegionError(expected="a region to move", got="none", remedy="Draw one.")
    regions = [region.fitted(picture.size) for region in regions]
    boxes = np.array([region.box_xyxy for region in regions])
    (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    (width, height), (left, top) = picture.size, to_xy
    if min(left, top) < -_SLACK or left + x1 - x0 > width + _SLACK or top + y1 - y0 > height + _SLACK:
        raise RegionError(
            expected=f"a place for {x1 - x0:g} x {y1 - y0:g} px on the picture of {width} x {height} px",
            got=f"one that begins at ({left:g}, {top:g})",
            remedy="Choose a place with room, or draw the region smaller.",
        )
    # Halves go up: a region whose place begins at nought then loses no pixel.
    by_x, by_y = math.floor(left - x0 + 0.5), math.floor(top - y0 + 0.5)
    there = tuple(_shifted(region, by_x, by_y) for region in regions)
    old, new = (_union(where, picture.size) for where in (regions, there))
    pixels = np.asarray(picture.convert("RGB"))
    result = _inpainted(pixels, old)
    result[new] = np.roll(pixels, (by_y, by_x), axis=(0, 1))[new]
    return Image.fromarray(result), there


def _shifted(region: Region, by_x: int, by_y: int) -> Region:
    if region.rle is not None:
        mask = np.roll(region.rle.to_mask(), (by_y, by_x), axis=(0, 1))
        return Region.brush(mask, label=region.label, step=region.step, look=region.look)
    x0, y0, x1, y1 = region.box_xyxy
    points = tuple((x + by_x, y + by_y) for x, y in region.points_xy)
    return replace(region, box_xyxy=(x0 + by_x, y0 + by_y, x1 + by_x, y1 + by_y), points_xy=points)


def _union(regions: Sequence[Region], image_wh: tuple[int, int]) -> Mask:
    """The pixels of all of them; one after another, as a mask is as large as the picture."""
    width, height = image_wh
    mask = np.zeros((height, width), bool)
    for region in regions:
        mask |= rasterise(region, image_wh)
    return mask


def _inside(pixels: Pixels, mask: Mask, fill: UInt8[np.ndarray, ...]) -> Image.Image:
    return Image.fromarray(np.where(mask[..., None], fill, pixels))


def _mean(pixels: Pixels) -> UInt8[np.ndarray, " 3"]:
    return np.round(pixels.mean(axis=(0, 1))).astype(np.uint8)


def _blurred(pixels: Pixels, sigma: float) -> Pixels:
    """The picture under a Gaussian of so many pixels."""
    small = _smaller(pixels, sigma / _WIDEST_BLUR)
    sigma_small = sigma * math.sqrt(small.shape[0] * small.shape[1] / (pixels.shape[0] * pixels.shape[1]))
    return _enlarged(cv2.GaussianBlur(small, (0, 0), sigma_small), pixels)


def _inpainted(pixels: Pixels, mask: Mask) -> Pixels:
    """The picture with the masked pixels filled from the others, by the mean colour if all are masked."""
    if mask.all():
        return np.broadcast_to(_mean(pixels), pixels.shape).copy()
    # OpenCV's Telea lets a little of a hole near the margin through: nothing is left in it first.
    emptied = np.where(mask[..., None], _mean(pixels[~mask][None]), pixels)
    # A pixel of the smaller picture with anything masked in it is masked.
    times = math.sqrt(np.count_nonzero(mask) / _LARGEST_HOLE)
    hole = (_smaller(mask.astype(np.float32), times) > 0).astype(np.uint8)
    filled = cv2.inpaint(_smaller(emptied, times), hole, _INPAINT_RADIUS, cv2.INPAINT_TELEA)
    return np.where(mask[..., None], _enlarged(filled, pixels), pixels)


def _smaller(
    values: UInt8[np.ndarray, "height width 3"] | Float[np.ndarray, "height width"], times: float
) -> UInt8[np.ndarray, "small_height small_width 3"] | Float[np.ndarray, "small_height small_width"]:
    """So many times smaller a side, at least a pixel; as it is where that would not make it smaller."""
    if times <= 1:
        return values
    height, width = values.shape[:2]
    size = max(1, round(width / times)), max(1, round(height / times))
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA)


def _enlarged(small: UInt8[np.ndarray, "small_height small_width 3"], like: Pixels) -> Pixels:
    if small.shape == like.shape:
        return small
    return cv2.resize(small, (like.shape[1], like.shape[0]), interpolation=cv2.INTER_LINEAR)
