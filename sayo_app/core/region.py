"""Regions drawn on a picture, and the image tokens that they cover."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float

from sayo_app.core.grid import ImageGrid
from sayo_app.errors import RegionError

Kind = Literal["box", "polygon", "brush"]
DRAWABLE: tuple[Kind, ...] = ("box", "polygon")
# A polygon is sampled at this many lines a side of its bounding box; boxes are exact.
POLYGON_LINES = 256
HALF = 0.5

Box = tuple[float, float, float, float]
Point = tuple[float, float]


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

    Raises:
        RegionError: a number that is not finite, a polygon of fewer than three points, or a kind
            that cannot be drawn yet.
    """

    kind: Kind
    box_xyxy: Box
    points_xy: tuple[Point, ...] = ()
    label: str = ""
    step: int | None = None
    look: bool = True

    def __post_init__(self) -> None:
        if self.kind not in DRAWABLE:
            raise _error(f"a region drawn as {' or '.join(DRAWABLE)}", repr(self.kind))
        if not all(math.isfinite(number) for number in (*self.box_xyxy, *np.ravel(self.points_xy))):
            raise _error("finite pixel coordinates", f"{self.points_xy or self.box_xyxy}")
        points = self.points_xy
        if (len(points) < 3) if self.kind == "polygon" else points:
            wanted = (
                "a polygon of at least three points" if self.kind == "polygon" else "a box without points"
            )
            raise _error(wanted, f"{len(points)} points")
        x0, y0, x1, y1 = self.box_xyxy
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

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, with every field."""
        return {
            "kind": self.kind,
            "box_xyxy": list(self.box_xyxy),
            "points_xy": [list(point) for point in self.points_xy],
            "label": self.label,
            "step": self.step,
            "look": self.look,
        }

    @classmethod
    def from_dict(cls, data: Any) -> Region:
        """The inverse of `to_dict`; everything but kind and coordinates may be left out.

        Raises:
            RegionError: an unknown field, or one that is missing or of the wrong type.
        """
        known = {"kind", "box_xyxy", "points_xy", "label", "step", "look"}
        if not isinstance(data, dict) or not data.keys() <= known:
            raise _error(f"a region with the fields {', '.join(sorted(known))}", repr(data)[:200])
        kind, points = data.get("kind", ""), _points(data.get("points_xy", []))
        label, step, look = data.get("label", ""), data.get("step"), data.get("look", True)
        if kind not in get_args(Kind):
            raise _error(f"a kind out of {', '.join(get_args(Kind))}", repr(kind))
        if not isinstance(label, str) or not isinstance(look, bool):
            raise _error("label as text and look as true or false", f"{label!r} and {look!r}")
        if step is not None and (not isinstance(step, int) or isinstance(step, bool) or step < 0):
            raise _error("step as a whole number from 0 or nothing", repr(step))
        box = (0.0, 0.0, 0.0, 0.0) if points else _numbers(data.get("box_xyxy"), 4)
        return cls(kind, (box[0], box[1], box[2], box[3]), points, label, step, look)

    def fitted(self, image_wh: tuple[int, int]) -> Region:
        """The part of the region that lies on the picture.

        Raises:
            RegionError: nothing of it lies on the picture, or it has no area.
        """
        width, height = image_wh
        x0, y0, x1, y1 = self.box_xyxy
        if not _has_area(self):
            raise _error("a region with an area", f"one of {x1 - x0:g} x {y1 - y0:g} px", "Draw it larger.")
        clipped: Region | None
        if self.kind == "polygon":
            points = _clip_polygon(self.points_xy, image_wh)
            clipped = replace(self, points_xy=points) if len(points) >= 3 else None
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


def coverage(region: Region, grid: ImageGrid) -> Float[np.ndarray, " image"]:
    """What part of each cell the region covers, from 0 to 1. Exact for boxes."""
    return _union_coverage([region], grid)


def region_mask(
    regions: Sequence[Region], grid: ImageGrid, step: int | None = None
) -> Bool[np.ndarray, " image"]:
    """True for the image tokens that the regions to look at mean.

    These are the cells that are at least half covered by the regions together. A region that has
    no such cell under it (it is smaller than a cell, or a thin line) adds the cell it covers most.

    Args:
        step: count only the regions of this reasoning step and those of the whole answer.
    """
    chosen = [r for r in regions if r.look and (step is None or r.step in (None, step))]
    mask = np.zeros(grid.n_tokens, dtype=bool)
    if not chosen:
        return mask
    mask |= _union_coverage(chosen, grid) >= HALF
    kept = mask.copy()
    for region in chosen:
        covered = coverage(region, grid)
        if not (kept & (covered > 0)).any():
            mask[_cell_under(region, covered, grid)] = True
    return mask


def region_note(region: Region, grid: ImageGrid) -> str | None:
    """A plain sentence where a region is finer than the model can tell apart, else None."""
    covered = coverage(region, grid)
    cell = _cell_under(region, covered, grid)
    if covered.max() >= HALF and (covered * grid.areas).sum() >= grid.areas[cell]:
        return None
    x0, y0, x1, y1 = grid.cells_xyxy[cell]
    return (
        f"This region is smaller than one image token ({x1 - x0:.0f} x {y1 - y0:.0f} px), "
        "the smallest part of this picture that the model tells apart; the cell under it is used."
    )


def _cell_under(region: Region, covered: Float[np.ndarray, " image"], grid: ImageGrid) -> int:
    if covered.max() > 0:
        return int(np.argmax(covered))
    x0, y0, x1, y1 = region.box_xyxy
    return grid.cell_at((x0 + x1) / 2, (y0 + y1) / 2)


def _union_coverage(regions: Sequence[Region], grid: ImageGrid) -> Float[np.ndarray, " image"]:
    """Coverage by the union: lines cut the plane into small rectangles that are wholly in or out.

    coverage_n = sum_ij overlap_y[n, i] * inside[i, j] * overlap_x[n, j] / area_n
    """
    xs, ys = _lines(regions, 0), _lines(regions, 1)
    centre_x, centre_y = (xs[:-1] + xs[1:]) / 2, (ys[:-1] + ys[1:]) / 2
    inside = np.zeros((len(centre_y), len(centre_x)), dtype=bool)
    for region in regions:
        inside |= _inside(region, centre_x, centre_y)
    cells = grid.cells_xyxy
    overlap_x = _overlap(cells[:, 0], cells[:, 2], xs)
    overlap_y = _overlap(cells[:, 1], cells[:, 3], ys)
    covered = ((overlap_y @ inside.astype(float)) * overlap_x).sum(axis=1)
    areas = grid.areas
    return np.clip(np.divide(covered, areas, out=np.zeros_like(covered), where=areas > 0), 0.0, 1.0)


def _lines(regions: Sequence[Region], axis: int) -> Float[np.ndarray, " line"]:
    cuts = [
        np.linspace(r.box_xyxy[axis], r.box_xyxy[axis + 2], POLYGON_LINES + 1 if r.kind == "polygon" else 2)
        for r in regions
    ]
    return np.unique(np.concatenate(cuts))


def _inside(
    region: Region, xs: Float[np.ndarray, " x"], ys: Float[np.ndarray, " y"]
) -> Bool[np.ndarray, "y x"]:
    x0, y0, x1, y1 = region.box_xyxy
    if region.kind == "box":
        return ((ys >= y0) & (ys <= y1))[:, None] & ((xs >= x0) & (xs <= x1))[None, :]
    odd = np.zeros((len(ys), len(xs)), dtype=bool)
    ends = zip(region.points_xy, (*region.points_xy[1:], region.points_xy[0]), strict=True)
    for (ax, ay), (bx, by) in ends:
        if ay != by:
            crossed = (ay <= ys) != (by <= ys)
            at = ax + (ys - ay) * ((bx - ax) / (by - ay))
            odd ^= crossed[:, None] & (xs[None, :] > at[:, None])
    return odd


def _overlap(
    low: Float[np.ndarray, " image"], high: Float[np.ndarray, " image"], lines: Float[np.ndarray, " line"]
) -> Float[np.ndarray, "image gap"]:
    """Length that each cell side has in common with each gap between neighbouring lines."""
    starts = np.maximum(low[:, None], lines[None, :-1])
    return np.maximum(np.minimum(high[:, None], lines[None, 1:]) - starts, 0.0)


def _clip_polygon(points_xy: tuple[Point, ...], image_wh: tuple[int, int]) -> tuple[Point, ...]:
    """Sutherland and Hodgman (1974): cut at each of the picture's four sides in turn."""
    points = list(points_xy)
    for axis, edge, keep_above in (
        (0, 0, True),
        (0, image_wh[0], False),
        (1, 0, True),
        (1, image_wh[1], False),
    ):
        kept: list[Point] = []
        for here, there in zip(points, points[1:] + points[:1], strict=True):
            here_in, there_in = ((p[axis] >= edge) == keep_above for p in (here, there))
            if here_in:
                kept.append(here)
            if here_in != there_in:
                part = (edge - here[axis]) / (there[axis] - here[axis])
                crossing = [a + part * (b - a) for a, b in zip(here, there, strict=True)]
                crossing[axis] = float(edge)
                kept.append((crossing[0], crossing[1]))
        points = kept
    return tuple(points)


def _has_area(region: Region) -> bool:
    x0, y0, x1, y1 = region.box_xyxy
    if not (x1 > x0 and y1 > y0):
        return False
    if region.kind == "box":
        return True
    # Points on one line have a bounding box with an area, but no area of their own.
    spread = np.array(region.points_xy) - np.mean(region.points_xy, axis=0)
    return bool(np.linalg.svd(spread, compute_uv=False)[1] > 1e-9 * max(x1 - x0, y1 - y0))


def _points(value: Any) -> tuple[Point, ...]:
    if not isinstance(value, list | tuple):
        raise _error("points as a list of [x, y]", repr(value)[:200])
    return tuple((x, y) for x, y in (_numbers(point, 2) for point in value))


def _numbers(value: Any, count: int) -> tuple[float, ...]:
    right = isinstance(value, list | tuple) and len(value) == count
    if not right or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in value):
        raise _error(f"{count} pixel coordinates", repr(value)[:200])
    return tuple(float(number) for number in value)


def _error(expected: str, got: str, remedy: str = "Draw the region again.") -> RegionError:
    return RegionError(expected=expected, got=got, remedy=remedy)
