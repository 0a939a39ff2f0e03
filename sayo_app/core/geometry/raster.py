"""Pixels of regions: run lengths, polygons by the even-odd rule, clipping, and areas on any rectangles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sayo_app.errors import RegionError

# Far above every picture; products of two still fit into 64 bits.
MAX_SIDE = 1_000_000
_MOST_STRIPS = 256
_STRIPS_AT_ONCE = 8
_ALONG = 0.381966  # of a strip's height
_LEVEL = 1e-200  # pixels; a side less high than this has no slope that a number can hold

Box = tuple[float, float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Rle:
    """A pixel mask as COCO's uncompressed run lengths: exact, and short for what people paint.

    The pixels are read column by column, from the top left down; runs of unset and set pixels take
    turns, unset first. Only the first run may be empty, so that equal masks are equal.

    Attributes:
        size_hw: height and width of the mask, which are the picture's.
        counts: length of each run.

    Raises:
        RegionError: counts that are not positive whole numbers or do not add up to the size.
    """

    size_hw: tuple[int, int]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        height, width = self.size_hw
        sized = 0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and sum(self.counts) == height * width
        if not sized or any(count < (index > 0) for index, count in enumerate(self.counts)):
            raise RegionError(
                expected=f"runs of at least one pixel that add up to {width} x {height} px",
                got=f"{len(self.counts)} runs of {sum(self.counts)} px",
                remedy="Paint the region again.",
            )

    @classmethod
    def from_mask(cls, mask: Bool[np.ndarray, "height width"]) -> Rle:
        """The run lengths of a pixel mask."""
        pixels = mask.ravel(order="F")
        changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
        counts = np.diff(np.concatenate([[0], changes, [pixels.size]]))
        if pixels.size and pixels[0]:
            counts = np.concatenate([[0], counts])
        return cls((mask.shape[0], mask.shape[1]), tuple(int(count) for count in counts))

    def to_mask(self) -> Bool[np.ndarray, "height width"]:
        """The pixel mask."""
        values = np.arange(len(self.counts)) % 2 == 1
        return np.repeat(values, self.counts).reshape(self.size_hw, order="F")

    @property
    def box_xyxy(self) -> Box:
        """The smallest box round the set pixels, worked out from the runs; all zero where none is set."""
        height = self.size_hw[0]
        ends = np.cumsum(np.array(self.counts, dtype=np.int64))
        first, last = ends[:-1:2], ends[1::2] - 1
        if not len(first):
            return 0.0, 0.0, 0.0, 0.0
        left, right = first // height, last // height
        # A run that goes on in the next column has the foot of one and the head of the other.
        turns = left != right
        top = 0 if turns.any() else int((first % height).min())
        bottom = height if turns.any() else int((last % height).max()) + 1
        return float(left.min()), float(top), float(right.max() + 1), float(bottom)

    def to_dict(self) -> dict[str, Any]:
        """As COCO writes it."""
        return {"size": list(self.size_hw), "counts": list(self.counts)}


def polygon_inside(
    points_xy: Sequence[Point], xs: Float[np.ndarray, " x"], ys: Float[np.ndarray, " y"]
) -> Bool[np.ndarray, "y x"]:
    """Which points of a lattice lie in the polygon by the even-odd rule; a point on an edge belongs to
    the part on its right or below.

    A side flips everything to its right on the rows that it spans, so the cost is that of the rows
    spanned, however many corners there are.

    Args:
        xs, ys: ascending.
    """
    flips = np.zeros((len(ys), len(xs) + 1), dtype=bool)
    for (ax, ay), (bx, by) in zip(points_xy, (*points_xy[1:], points_xy[0]), strict=True):
        start, stop = np.searchsorted(ys, (min(ay, by), max(ay, by)))
        if start < stop:
            rows = np.arange(start, stop)
            at = ax + (ys[start:stop] - ay) * ((bx - ax) / (by - ay))
            flips[rows, np.searchsorted(xs, at)] ^= True
    return np.logical_xor.accumulate(flips, axis=1)[:, :-1]


def encloses(points_xy: Sequence[Point]) -> bool:
    """Whether anything lies in the polygon by the even-odd rule, however thin.

    Nothing lies in corners on one line, nor in an outline that is traced twice: its sides cancel out.

    Between two neighbouring corners' heights no side begins or ends, so that one level between them says
    of the whole strip whether its sides are apart. It is not the middle one, where sides may well cross.
    """
    points = np.array(points_xy)
    (ax, ay), (bx, by) = points.T, np.roll(points, -1, axis=0).T
    heights = np.unique(ay)
    strips = np.argsort(heights[:-1] - heights[1:])[:_MOST_STRIPS]  # the tallest first
    levels = (heights[:-1] + _ALONG * np.diff(heights))[strips]
    apart = 1e-9 * float(np.ptp(points, axis=0).max())
    inclined = np.abs(by - ay) > _LEVEL
    for at in (levels[i : i + _STRIPS_AT_ONCE] for i in range(0, len(levels), _STRIPS_AT_ONCE)):
        spans = (np.minimum(ay, by)[:, None] <= at) & (at < np.maximum(ay, by)[:, None]) & inclined[:, None]
        steep = np.divide(bx - ax, by - ay, out=np.zeros(len(ax)), where=inclined)
        crossed = ax[:, None] + (at - ay[:, None]) * steep[:, None]
        # Every level is crossed an even number of times; what does not cross goes last, in pairs apart by 0.
        ordered = np.sort(np.where(spans, crossed, np.finfo(float).max), axis=0)
        even = len(ordered) - len(ordered) % 2
        if (ordered[1:even:2] - ordered[0:even:2] > apart).any():
            return True
    return False


def clip_polygon(points_xy: tuple[Point, ...], image_wh: tuple[int, int]) -> tuple[Point, ...]:
    """Sutherland and Hodgman (1974): cut at each of the picture's four sides in turn.

    Holes and crossings survive: within the picture, each point stays inside or outside.
    """
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


def covered_by_boxes(
    boxes_xyxy: Sequence[Box], xs: Float[np.ndarray, " x"], ys: Float[np.ndarray, " y"]
) -> Bool[np.ndarray, "y x"]:
    """Which points of a lattice lie in any of the boxes, left and upper edges included.

    Each box adds one at its first corner and takes it away beyond its sides; summed up, a point has the
    number of boxes round it. So the cost is that of the lattice, and a little a box.

    Args:
        xs, ys: ascending.
    """
    steps = np.zeros((len(ys) + 1, len(xs) + 1), dtype=np.int32)
    if not boxes_xyxy:
        return np.zeros((len(ys), len(xs)), dtype=bool)
    x0, y0, x1, y1 = np.array(boxes_xyxy, dtype=float).T
    left, right = np.searchsorted(xs, x0), np.searchsorted(xs, x1)
    top, bottom = np.searchsorted(ys, y0), np.searchsorted(ys, y1)
    for rows, columns, sign in ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)):
        np.add.at(steps, (rows, columns), sign)
    return steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] > 0


def span(values: Float[np.ndarray, " value"], low_high: Sequence[float]) -> slice:
    """Where ascending values lie from low to high, both included."""
    low, high = low_high
    return slice(int(np.searchsorted(values, low)), int(np.searchsorted(values, high, side="right")))


def covered_areas(
    inside: Bool[np.ndarray, "y x"],
    xs: Float[np.ndarray, " line"],
    ys: Float[np.ndarray, " row"],
    cells_xyxy: Float[np.ndarray, "image 4"],
) -> Float[np.ndarray, " image"]:
    """Area of what is inside within each cell, exactly.

    The lines cut the plane into rectangles that are wholly inside or outside. Then the integral
    F(x, y) = area inside left of x and above y is bilinear within each rectangle, and a cell holds
    F(x1, y1) - F(x0, y1) - F(x1, y0) + F(x0, y0).

    Args:
        xs, ys: the lines, ascending, one more than `inside` has columns and rows.
    """
    integral = np.zeros((len(ys), len(xs)))
    integral[1:, 1:] = inside
    integral[1:, 1:] *= np.diff(ys)[:, None]
    integral[1:, 1:] *= np.diff(xs)
    np.cumsum(integral, axis=0, out=integral)
    np.cumsum(integral, axis=1, out=integral)
    x0, y0, x1, y1 = (_places(lines, cells_xyxy[:, i]) for i, lines in enumerate((xs, ys, xs, ys)))
    corners = (_sampled(integral, y, x) for y, x in ((y1, x1), (y1, x0), (y0, x1), (y0, x0)))
    far, left, top, near = corners
    return far - left - top + near


def _places(
    lines: Float[np.ndarray, " line"], values: Float[np.ndarray, " image"]
) -> tuple[Int[np.ndarray, " image"], Float[np.ndarray, " image"]]:
    """For each value the gap between lines that it lies in, and how far along it lies, from 0 to 1."""
    values = np.clip(values, lines[0], lines[-1])
    index = np.clip(np.searchsorted(lines, values, side="right") - 1, 0, len(lines) - 2)
    return index, (values - lines[index]) / (lines[index + 1] - lines[index])


def _sampled(
    integral: Float[np.ndarray, "row line"],
    y: tuple[Int[np.ndarray, " image"], Float[np.ndarray, " image"]],
    x: tuple[Int[np.ndarray, " image"], Float[np.ndarray, " image"]],
) -> Float[np.ndarray, " image"]:
    (row, down), (column, right) = y, x
    upper = integral[row, column] * (1 - right) + integral[row, column + 1] * right
    lower = integral[row + 1, column] * (1 - right) + integral[row + 1, column + 1] * right
    return upper * (1 - down) + lower * down


def read_rle(value: Any) -> Rle:
    """Run lengths that came as JSON.

    Raises:
        RegionError: anything else.
    """
    if isinstance(value, dict) and value.keys() == {"size", "counts"}:
        size, counts = _whole(value["size"]), _whole(value["counts"])
        if size and counts and len(size) == 2:
            return Rle((size[0], size[1]), counts)
    raise RegionError(
        expected="run lengths as size [height, width] and counts [number, ...]",
        got=repr(value)[:200],
        remedy="Paint the region again.",
    )


def _whole(value: Any) -> tuple[int, ...]:
    """The numbers of a list of whole numbers; nothing for anything else."""
    if not isinstance(value, list | tuple):
        return ()
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in value)
    return tuple(value) if whole else ()


def lattice(spans: Iterable[Float[np.ndarray, " cut"]]) -> Float[np.ndarray, " line"]:
    """All lines of several regions, each once, ascending."""
    return np.unique(np.concatenate(list(spans)))
