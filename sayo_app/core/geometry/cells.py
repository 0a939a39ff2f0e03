"""Which image tokens a region means: one rule for page, reward, steering, files and the work list.

Regions mean the cells that they cover by half or more together. One that has no such cell under it (it is
smaller than a cell, or a thin line) adds the cell that it covers most. `cells_of` is that rule. What differs
between those who ask is which regions count:

    region_mask     those to look at
    away_mask       those not to look at

both of all regions, or of those that hold for a reasoning step: its own and those of the whole answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.raster import Box, covered_areas, covered_by_boxes, lattice, span
from sayo_app.core.geometry.region import Region, cuts, inside

HALF = 0.5
# So many lines each way, and the cost of many regions grows with their number only.
MOST_LINES = 4_096
# The step of a token that is in none: only regions of the whole answer hold for it.
NO_STEP = -1


def region_mask(
    regions: Sequence[Region], grid: ImageGrid, step: int | None = None
) -> Bool[np.ndarray, " image"]:
    """True for the image tokens that the regions to look at mean; nowhere where there is none.

    Args:
        step: count only the regions that hold for this reasoning step.
    """
    return cells_of(looked_at(regions, step), grid)


def region_masks(
    regions: Sequence[Region], grid: ImageGrid, steps: Iterable[int | None]
) -> list[Bool[np.ndarray, " image"]]:
    """`region_mask` for each of the steps, what each region covers alone worked out once for all of them."""
    alone = {id(region): _alone(region, grid) for region in looked_at(regions)}
    masks: dict[tuple[int, ...], Bool[np.ndarray, " image"]] = {}
    found = []
    for step in steps:
        chosen = looked_at(regions, step)
        which = tuple(map(id, chosen))
        if which not in masks:
            masks[which] = _together(chosen, grid, [alone[one] for one in which])
        found.append(masks[which])
    return found


def away_mask(
    regions: Sequence[Region], grid: ImageGrid, step: int | None = None
) -> Bool[np.ndarray, " image"]:
    """The same for the regions that say "do not look here"."""
    return cells_of([region for region in holding(regions, step) if not region.look], grid)


def looked_at(regions: Sequence[Region], step: int | None = None) -> list[Region]:
    """The regions to look at: all of them, or those that hold for a reasoning step."""
    return [region for region in holding(regions, step) if region.look]


def holding(regions: Sequence[Region], step: int | None) -> list[Region]:
    """The regions of a reasoning step and those of the whole answer; all of them where `step` is None."""
    return [region for region in regions if step is None or region.step in (None, step)]


def cells_of(regions: Sequence[Region], grid: ImageGrid) -> Bool[np.ndarray, " image"]:
    """True for the image tokens that the regions mean together, whatever they say of looking."""
    return _together(regions, grid, [_alone(region, grid) for region in regions])


class _Alone(NamedTuple):
    """The cells that one region touches, and the one that it covers most."""

    touched: Bool[np.ndarray, " image"]
    under: int


def _alone(region: Region, grid: ImageGrid) -> _Alone:
    covered = coverage([region], grid)
    return _Alone(covered > 0, _cell_under(region, covered, grid))


def _together(
    regions: Sequence[Region], grid: ImageGrid, alone: Sequence[_Alone]
) -> Bool[np.ndarray, " image"]:
    mask = coverage(regions, grid) >= HALF
    kept = mask.copy()
    for one in alone:
        if not (kept & one.touched).any():
            mask[one.under] = True
    return mask


def coverage(regions: Sequence[Region], grid: ImageGrid) -> Float[np.ndarray, " image"]:
    """What part of each cell the regions cover together, from 0 to 1. Exact for boxes and brushes.

    Lines cut the plane into small rectangles that are wholly in or out. Where regions have more sides than
    `MOST_LINES` together, some lines are left out.
    """
    if all(_is_empty(region) for region in regions):
        return np.zeros(grid.n_tokens)
    xs, ys = (_thinned(lattice(cuts(region, axis) for region in regions)) for axis in (0, 1))
    centre_x, centre_y = (xs[:-1] + xs[1:]) / 2, (ys[:-1] + ys[1:]) / 2
    boxes = [region.box_xyxy for region in regions if region.kind == "box"]
    covering = covered_by_boxes(boxes, centre_x, centre_y)
    for region in regions:
        if region.kind != "box":
            rows, columns = span(centre_y, region.box_xyxy[1::2]), span(centre_x, region.box_xyxy[::2])
            covering[rows, columns] |= inside(region, centre_x[columns], centre_y[rows])
    areas, covered = grid.areas, covered_areas(covering, xs, ys, grid.cells_xyxy)
    return np.clip(np.divide(covered, areas, out=np.zeros_like(covered), where=areas > 0), 0.0, 1.0)


def _thinned(lines: Float[np.ndarray, " line"]) -> Float[np.ndarray, " kept"]:
    """All of them, or so many of them evenly by their order, the first and the last among them."""
    if len(lines) <= MOST_LINES:
        return lines
    return lines[np.linspace(0, len(lines) - 1, MOST_LINES // 4).round().astype(int)]


def region_note(region: Region, grid: ImageGrid) -> str | None:
    """A plain sentence where a region is finer than the model can tell apart, else None."""
    covered = coverage([region], grid)
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


def _is_empty(region: Region) -> bool:
    x0, y0, x1, y1 = region.box_xyxy
    return x0 == x1 or y0 == y1


def are_whole_cells(regions: Sequence[Region], grid: ImageGrid) -> bool:
    """True where the regions to look at are boxes whose sides are sides of cells."""
    edges = {float(edge) for edge in grid.cells_xyxy.ravel()}
    return all(region.kind == "box" and edges.issuperset(region.box_xyxy) for region in looked_at(regions))


def ranges_to_boxes(ranges: list[tuple[int, int]], grid: ImageGrid) -> list[Box]:
    """The rectangles that token ranges stand for, in pixels of the picture.

    Ranges of the same columns in rows that follow each other make one box.

    Args:
        ranges: first and last id of each, both included; each is cut at the end of its first row.
        grid: a regular grid.
    """
    assert grid.grid_hw is not None
    rows, columns = grid.grid_hw
    spans: dict[tuple[int, int], set[int]] = {}
    for first, last in ranges:
        row, start = divmod(first, columns)
        if row < rows:
            spans.setdefault((start, min(last - row * columns, columns - 1)), set()).add(row)
    boxes: list[Box] = []
    for (start, stop), chosen in spans.items():
        for top in sorted(row for row in chosen if row - 1 not in chosen):
            bottom = next(row for row in range(top, rows + 1) if row + 1 not in chosen)
            x0, y0 = grid.cells_xyxy[top * columns + start, :2]
            x1, y1 = grid.cells_xyxy[bottom * columns + stop, 2:]
            boxes.append((float(x0), float(y0), float(x1), float(y1)))
    return boxes


def mask_to_ranges(mask: Bool[np.ndarray, " image"], grid: ImageGrid) -> list[list[int]]:
    """[first, last] id of each run of True, none of them longer than a row of the grid."""
    assert grid.grid_hw is not None
    ranges = []
    for row, cells in enumerate(mask.reshape(grid.grid_hw)):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], cells, [False]]).astype(int)))
        start = row * grid.grid_hw[1]
        ranges += [[start + int(a), start + int(b) - 1] for a, b in edges.reshape(-1, 2)]
    return ranges
