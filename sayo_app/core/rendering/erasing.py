"""Deletion and insertion: what a score does while a picture is taken away, or brought back, cell by cell.

If a map says what an answer hangs on, the answer falls sooner when cells go in the order of the map than when
they go by chance, and comes back sooner when they return in that order. After RISE (Petsiuk et al., arXiv
1806.07421, section 4); the control by random orders is ours, and so is its area.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.core.rendering.covering import covered

STEPS = 8
RANDOM_ORDERS = 3
# Cells along the longer side where the model's own do not cut the picture into equal parts.
_SIDE = 24

Pictures = tuple[Image.Image, ...]
Score = Callable[[Pictures], float]


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a map, over all pictures of a question.

    Attributes:
        shapes_hw: rows and columns of each picture, which they cut into equal parts.
        values: one a cell, row by row, picture after picture.
    """

    shapes_hw: tuple[tuple[int, int], ...]
    values: Float[np.ndarray, " cell"]

    @classmethod
    def of_map(cls, values: Float[np.ndarray, " image"], grids: Sequence[ImageGrid]) -> Cells:
        """One a value where the image tokens cut a picture into equal parts; else equal parts of the painted
        map, each with its mean.
        """
        shapes, found, start = [], [], 0
        for grid in grids:
            painted = grid.paint(values[start : start + grid.n_tokens].astype(np.float64))
            start += grid.n_tokens
            if grid.grid_hw is None:
                scale = min(1.0, _SIDE / max(painted.shape))
                rows, columns = (max(1, round(side * scale)) for side in painted.shape)
                painted = cv2.resize(painted, (columns, rows), interpolation=cv2.INTER_AREA)
            shapes.append(painted.shape)
            found.append(painted.ravel())
        return cls(tuple(shapes), np.concatenate(found))

    def split(self, kept: Bool[np.ndarray, " cell"]) -> list[Bool[np.ndarray, "row column"]]:
        """A mask over the cells, picture by picture."""
        ends = np.cumsum([rows * columns for rows, columns in self.shapes_hw])[:-1]
        parts = np.split(kept, ends)
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes_hw, strict=True)]


@dataclass(frozen=True, eq=False)
class Curves:
    """A score after each step; NaN where it was not asked for yet. Line 0 is the order of the map.

    Attributes:
        deletion: 0 is the picture as it is, the last step the mean colour alone.
        insertion: 0 is a blur of the picture, the last step the picture as it is.
    """

    deletion: Float[np.ndarray, "order step"]
    insertion: Float[np.ndarray, "order step"]

    @property
    def shares(self) -> Float[np.ndarray, " step"]:
        """The part of the cells that was changed, from 0 to 1."""
        return np.linspace(0, 1, self.deletion.shape[1])

    @property
    def areas(self) -> tuple[float, float]:
        """(of deletion, of insertion): between the map's curve and the mean of the random ones, over shares
        from 0 to 1. Above 0 where the map's cells matter more than others: the score falls, or comes back,
        sooner.
        """
        deletion, insertion = (
            np.trapezoid(curve, self.shares, axis=1) for curve in (self.deletion, self.insertion)
        )
        return float(deletion[1:].mean() - deletion[0]), float(insertion[0] - insertion[1:].mean())

    @property
    def area(self) -> float:
        """The mean of both areas."""
        return float(np.mean(self.areas))


def orders(values: Float[np.ndarray, " cell"]) -> Int[np.ndarray, "order cell"]:
    """The cells by falling value, equal ones by chance; then `RANDOM_ORDERS` orders by chance, seeded."""
    by_chance = [np.random.default_rng(seed).permutation(len(values)) for seed in range(RANDOM_ORDERS + 1)]
    return np.stack([np.lexsort((by_chance[-1], -values)), *by_chance[:-1]])


def erased(pictures: Pictures, cells: Cells, score: Score) -> Iterator[tuple[float, Curves]]:
    """(share that is done, the curves so far) after each score: of the map first, the ends before all.

    `STEPS` equal steps in every order of `orders`; what is begun can be left at any time.
    """
    ranked = orders(cells.values)
    shape = (len(ranked), STEPS + 1)
    curves = Curves(np.full(shape, np.nan), np.full(shape, np.nan))
    nothing, everything = np.zeros(len(cells.values), bool), np.ones(len(cells.values), bool)
    total = 3 + 2 * len(ranked) * (STEPS - 1)
    curves.deletion[:, 0] = curves.insertion[:, -1] = score(pictures)
    yield 1 / total, curves
    curves.deletion[:, -1] = score(without(pictures, cells, everything))
    yield 2 / total, curves
    blurred = tuple(_blurred(picture) for picture in pictures)
    curves.insertion[:, 0] = score(revealed(pictures, blurred, cells, nothing))
    done = 3
    yield done / total, curves
    for index, order in enumerate(ranked):
        for step in range(1, STEPS):
            changed = nothing.copy()
            changed[order[: round(step * len(order) / STEPS)]] = True
            curves.deletion[index, step] = score(without(pictures, cells, changed))
            yield (done := done + 1) / total, curves
            curves.insertion[index, step] = score(revealed(pictures, blurred, cells, changed))
            yield (done := done + 1) / total, curves


def without(pictures: Pictures, cells: Cells, gone: Bool[np.ndarray, " cell"]) -> Pictures:
    """The pictures with their mean colour in some cells."""
    masks = [_pixels(part, picture) for part, picture in zip(cells.split(gone), pictures, strict=True)]
    return tuple(
        covered(picture, [Region.brush(mask)], "mean") if mask.any() else picture
        for picture, mask in zip(pictures, masks, strict=True)
    )


def revealed(
    pictures: Pictures, blurred: Pictures, cells: Cells, shown: Bool[np.ndarray, " cell"]
) -> Pictures:
    """The blurred pictures with some cells as they are."""
    masks = [_pixels(part, picture) for part, picture in zip(cells.split(shown), pictures, strict=True)]
    return tuple(
        Image.composite(picture.convert("RGB"), blur, Image.fromarray(mask))
        for picture, blur, mask in zip(pictures, blurred, masks, strict=True)
    )


def _blurred(picture: Image.Image) -> Image.Image:
    return covered(picture, [Region.box(0, 0, *picture.size)], "blur")


def _pixels(cells: Bool[np.ndarray, "row column"], picture: Image.Image) -> Bool[np.ndarray, "height width"]:
    """A pixel belongs to the cell that has its centre."""
    rows, columns = (
        ((np.arange(side) + 0.5) * count / side).astype(int)
        for side, count in zip(picture.size[::-1], cells.shape, strict=True)
    )
    return cells[np.ix_(rows, columns)]
