"""Regions drawn on a picture, in its own pixels; the image tokens that they mean are in `cells`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float

from sayo_app.core.geometry.raster import (
    Box,
    Point,
    Rle,
    clip_polygon,
    encloses,
    polygon_inside,
    read_rle,
)
from sayo_app.errors import RegionError

Kind = Literal["box", "polygon", "brush"]
# A polygon is sampled at this many lines a side of its bounding box; boxes and brushes are exact.
POLYGON_LINES = 256
# No answer has more; a number that a file brings has to fit a database.
MOST_STEPS = 1_000_000
# Beyond this nothing is told apart from what is next to it.
_MOST = 1e15


@dataclass(frozen=True)
class Region:
    """A part of a picture that matters for an answer, in original-image pixels.

    Attributes:
        kind: what it was drawn with.
        box_xyxy: bounding box; corners are put in order.
        points_xy: the corners of a polygon (inside by the even-odd rule), else empty.
        label: what a person calls it.
        step: the reasoning step it holds for; None for the whole answer.
        look: False says "do not look here".
        rle: the pixels of a brush, as large as the picture, else None.

    Raises:
        RegionError: a number that is not finite, a polygon of fewer than three points, or points and
            pixels that do not go with the kind.
    """

    kind: Kind
    box_xyxy: Box
    points_xy: tuple[Point, ...] = ()
    label: str = ""
    step: int | None = None
    look: bool = True
    rle: Rle | None = None

    def __post_init__(self) -> None:
        if (self.rle is not None) != (self.kind == "brush"):
            raise _error("pixels for a brush, and for a brush only", f"a {self.kind}")
        if not all(math.isfinite(number) for number in (*self.box_xyxy, *np.ravel(self.points_xy))):
            raise _error("finite pixel coordinates", f"{self.points_xy or self.box_xyxy}")
        points = self.points_xy
        if (len(points) < 3) if self.kind == "polygon" else points:
            wanted = (
                "a polygon of at least three points"
                if self.kind == "polygon"
                else f"a {self.kind} without points"
            )
            raise _error(wanted, f"{len(points)} points")
        x0, y0, x1, y1 = self.box_xyxy if self.rle is None else self.rle.box_xyxy
        if points:
            xs, ys = zip(*points, strict=True)
            x0, y0, x1, y1 = min(xs), min(ys), max(xs), max(ys)
        ordered = tuple(float(edge) for edge in (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
        object.__setattr__(self, "box_xyxy", ordered)

    @classmethod
    def box(cls, x0: float, y0: float, x1: float, y1: float, **fields: Any) -> Region:
        """A box from any two opposite corners; `fields` are label, step and look."""
        return cls("box", (float(x0), float(y0), float(x1), float(y1)), **fields)

    @classmethod
    def polygon(cls, points_xy: Iterable[Sequence[float]], **fields: Any) -> Region:
        """A polygon from its corners in order; `fields` are label, step and look."""
        points = tuple((float(x), float(y)) for x, y in points_xy)
        return cls("polygon", (0.0, 0.0, 0.0, 0.0), points, **fields)

    @classmethod
    def brush(cls, mask: Bool[np.ndarray, "height width"], **fields: Any) -> Region:
        """What was painted, as a mask of the picture's size; `fields` are label, step and look."""
        return cls("brush", (0.0, 0.0, 0.0, 0.0), rle=Rle.from_mask(mask), **fields)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, with every field; `rle` only for a brush."""
        pixels = {} if self.rle is None else {"rle": self.rle.to_dict()}
        return pixels | {
            "kind": self.kind,
            "box_xyxy": list(self.box_xyxy),
            "points_xy": [list(point) for point in self.points_xy],
            "label": self.label,
            "step": self.step,
            "look": self.look,
        }

    @classmethod
    def from_dict(cls, data: Any) -> Region:
        """The inverse of `to_dict`; everything but kind and coordinates or pixels may be left out.

        Raises:
            RegionError: an unknown field, or one that is missing or of the wrong type.
        """
        known = {"kind", "box_xyxy", "points_xy", "rle", "label", "step", "look"}
        if not isinstance(data, dict) or not data.keys() <= known:
            raise _error(f"a region with the fields {', '.join(sorted(known))}", repr(data)[:200])
        kind, points = data.get("kind", ""), _points(data.get("points_xy", []))
        label, step, look = data.get("label", ""), data.get("step"), data.get("look", True)
        if kind not in get_args(Kind):
            raise _error(f"a kind out of {', '.join(get_args(Kind))}", repr(kind))
        if not isinstance(label, str) or not isinstance(look, bool):
            raise _error("label as text and look as true or false", f"{label!r} and {look!r}")
        whole = isinstance(step, int) and not isinstance(step, bool)
        if step is not None and not (whole and 0 <= step < MOST_STEPS):
            raise _error(f"step as a whole number from 0 to {MOST_STEPS:,} or nothing", repr(step)[:200])
        rle = None if data.get("rle") is None else read_rle(data["rle"])
        box = (0.0, 0.0, 0.0, 0.0) if points or rle else _numbers(data.get("box_xyxy"), 4)
        return cls(kind, (box[0], box[1], box[2], box[3]), points, label, step, look, rle)

    def fitted(self, image_wh: tuple[int, int]) -> Region:
        """The part of the region that lies on the picture.

        Raises:
            RegionError: nothing of it lies on the picture, it has no area, or it was painted on a
                picture of another size.
        """
        width, height = image_wh
        if self.rle is not None:
            _require_size(self.rle, image_wh)
        x0, y0, x1, y1 = self.box_xyxy
        if not _has_area(self):
            got = (
                "an outline round nothing" if x1 > x0 and y1 > y0 else f"one of {x1 - x0:g} x {y1 - y0:g} px"
            )
            raise _error("a region with an area", got, "Draw it larger.")
        clipped: Region | None
        if self.kind == "polygon":
            points = clip_polygon(self.points_xy, image_wh)
            clipped = replace(self, points_xy=points) if len(points) >= 3 else None
        elif self.kind == "brush":
            clipped = self
        else:
            clipped = replace(self, box_xyxy=(max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)))
            clipped = clipped if x0 < width and y0 < height and x1 > 0 and y1 > 0 else None
        if clipped is None or not _has_area(clipped):
            raise _error(
                f"a region on the picture of {width} x {height} px",
                f"one from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g})",
                "Draw it on the picture.",
            )
        return clipped


def rasterise(region: Region, image_wh: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """The pixels of the picture whose centre lies in the region.

    Raises:
        RegionError: a brush that was painted on a picture of another size.
    """
    width, height = image_wh
    if region.rle is not None:
        _require_size(region.rle, image_wh)
        return region.rle.to_mask()
    return inside(region, np.arange(width) + 0.5, np.arange(height) + 0.5)


def mask_iou(one: Bool[np.ndarray, "height width"], other: Bool[np.ndarray, "height width"]) -> float:
    """Pixels in both over pixels in either, from 0 to 1; two empty masks are equal, which is 1."""
    either = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / either if either else 1.0


def cuts(region: Region, axis: int) -> Float[np.ndarray, " cut"]:
    """Where one coordinate may go from outside to inside: the sides of a box, of pixels, or a fine comb."""
    low, high = region.box_xyxy[axis], region.box_xyxy[axis + 2]
    if region.kind == "brush":
        return np.arange(low, high + 1)
    return np.linspace(low, high, POLYGON_LINES + 1 if region.kind == "polygon" else 2)


def inside(
    region: Region, xs: Float[np.ndarray, " x"], ys: Float[np.ndarray, " y"]
) -> Bool[np.ndarray, "y x"]:
    """Which points of a lattice lie in the region; its left and upper edges belong to it."""
    if region.kind == "polygon":
        return polygon_inside(region.points_xy, xs, ys)
    x0, y0, x1, y1 = region.box_xyxy
    inside = ((ys >= y0) & (ys < y1))[:, None] & ((xs >= x0) & (xs < x1))[None, :]
    if region.rle is not None and inside.any():
        pixels = region.rle.to_mask()
        columns, rows = (np.floor(a).astype(int) for a in (xs, ys))
        columns, rows = (np.clip(a, 0, n - 1) for a, n in ((columns, pixels.shape[1]), (rows, len(pixels))))
        inside &= pixels[np.ix_(rows, columns)]
    return inside


def _require_size(rle: Rle, image_wh: tuple[int, int]) -> None:
    (height, width), (image_width, image_height) = rle.size_hw, image_wh
    if (width, height) != image_wh:
        raise _error(
            f"a region painted on a picture of {image_width} x {image_height} px",
            f"one painted on {width} x {height} px",
        )


def _has_area(region: Region) -> bool:
    x0, y0, x1, y1 = region.box_xyxy
    if not (x1 > x0 and y1 > y0):
        return False
    return region.kind != "polygon" or encloses(region.points_xy)


def _points(value: Any) -> tuple[Point, ...]:
    if not isinstance(value, list | tuple):
        raise _error("points as a list of [x, y]", repr(value)[:200])
    return tuple((x, y) for x, y in (_numbers(point, 2) for point in value))


def _numbers(value: Any, count: int) -> tuple[float, ...]:
    right = isinstance(value, list | tuple) and len(value) == count
    if not right or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in value):
        raise _error(f"{count} pixel coordinates", repr(value)[:200])
    # A whole number may be larger than any float: that is no place on a picture.
    if not all(abs(number) < _MOST for number in value):
        raise _error("finite pixel coordinates", repr(value)[:200])
    return tuple(float(number) for number in value)


def _error(expected: str, got: str, remedy: str = "Draw the region again.") -> RegionError:
    return RegionError(expected=expected, got=got, remedy=remedy)
