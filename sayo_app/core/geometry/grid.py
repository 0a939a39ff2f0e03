"""Which part of the picture each image token stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sayo_app.errors import CaptureError

PAINT_SIDE = 512


@dataclass(frozen=True, eq=False)
class ImageGrid:
    """The rectangles of a picture's image tokens, in original-image pixels.

    Attributes:
        image_wh: width and height of the picture as it was given.
        cells_xyxy: one rectangle an image token, in token order. Cells may overlap (tiles with a
            thumbnail) or have no area (newline tokens).
        grid_hw: rows and columns where the cells cut the picture into equal parts, row by row;
            None for every other layout.

    Raises:
        CaptureError: rectangles that are not finite or are turned round, or a `grid_hw` that
            does not describe them.
    """

    image_wh: tuple[int, int]
    cells_xyxy: Float[np.ndarray, "image 4"]
    grid_hw: tuple[int, int] | None

    def __post_init__(self) -> None:
        cells = self.cells_xyxy
        if len(cells) == 0 or not np.isfinite(cells).all() or (cells[:, 2:] < cells[:, :2]).any():
            raise CaptureError(
                expected="at least one image token, each with a finite x0, y0, x1, y1 in this order",
                got=f"{len(cells)} rectangles, some of them not so" if len(cells) else "no rectangle",
                remedy="Correct the image grid of this model's family.",
            )
        if self.grid_hw is not None:
            regular = _regular_cells(self.image_wh, self.grid_hw)
            if regular.shape != cells.shape or not np.allclose(regular, cells, atol=1e-3):
                raise CaptureError(
                    expected=f"the cells of a {self.grid_hw[0]} x {self.grid_hw[1]} grid, row by row",
                    got=f"{len(cells)} other rectangles",
                    remedy="Give grid_hw=None for a layout that is not regular.",
                )

    @classmethod
    def regular(cls, image_wh: tuple[int, int], grid_hw: tuple[int, int]) -> ImageGrid:
        """A picture cut into `grid_hw` = (rows, columns) equal cells, in row-major order."""
        return cls(image_wh, _regular_cells(image_wh, grid_hw), grid_hw)

    @property
    def n_tokens(self) -> int:
        return len(self.cells_xyxy)

    @property
    def areas(self) -> Float[np.ndarray, " image"]:
        """Area of each cell in square pixels."""
        sides = self.cells_xyxy[:, 2:] - self.cells_xyxy[:, :2]
        return sides[:, 0] * sides[:, 1]

    def cell_at(self, x: float, y: float) -> int:
        """The image token under a point; the smallest cell where several overlap.

        A point outside the picture counts as the nearest point on it; one in no cell goes to the
        cell whose centre is nearest.
        """
        width, height = self.image_wh
        # Cells are half open, so the far edges belong to the last cells only if pulled in a little.
        x = min(max(x, 0.0), float(np.nextafter(width, 0)))
        y = min(max(y, 0.0), float(np.nextafter(height, 0)))
        x0, y0, x1, y1 = self.cells_xyxy.T
        holding = np.flatnonzero((x0 <= x) & (x < x1) & (y0 <= y) & (y < y1))
        if len(holding):
            return int(holding[np.argmin(self.areas[holding])])
        return int(np.argmin(((x0 + x1) / 2 - x) ** 2 + ((y0 + y1) / 2 - y) ** 2))

    def paint(self, values: Float[np.ndarray, " image"]) -> Float[np.ndarray, "height width"]:
        """Lay one value a token out as a small map of the whole picture.

        Regular grids: the values themselves, `grid_hw` in shape. Others: at most 512 px a side, each
        value spread evenly over its cell and overlapping cells added, in the unit "value of a cell
        of mean area", so that what was a sum over tokens becomes a sum over the picture.
        """
        if self.grid_hw is not None:
            return values.reshape(self.grid_hw)
        width, height = self.image_wh
        scale = min(1.0, PAINT_SIDE / max(width, height))
        rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
        shown = self.areas > 0
        x0, y0, x1, y1 = _pixel_spans(self.cells_xyxy[shown] * scale, (rows, columns))
        added = values[shown] * (rows * columns / shown.sum()) / ((x1 - x0) * (y1 - y0))
        # Rectangles by their corners, then summed up along both axes: thousands of cells cost what one does.
        steps = np.zeros((rows + 1, columns + 1))
        for y, x, sign in ((y0, x0, 1), (y0, x1, -1), (y1, x0, -1), (y1, x1, 1)):
            np.add.at(steps, (y, x), sign * added)
        canvas: Float[np.ndarray, "height width"] = steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1]
        return canvas

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; the cells of a regular grid follow from its shape and are left out."""
        grid = {"image_wh": list(self.image_wh), "grid_hw": None if self.grid_hw is None else [*self.grid_hw]}
        return grid if self.grid_hw is not None else grid | {"cells_xyxy": self.cells_xyxy.tolist()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ImageGrid:
        """The inverse of `to_dict`.

        Raises:
            CaptureError: fields that are missing or of the wrong kind.
        """
        try:
            width, height = (int(side) for side in data["image_wh"])
            if data["grid_hw"] is not None:
                rows, columns = (int(side) for side in data["grid_hw"])
                return cls.regular((width, height), (rows, columns))
            return cls((width, height), np.array(data["cells_xyxy"], dtype=float).reshape(-1, 4), None)
        except (KeyError, TypeError, ValueError) as error:
            raise CaptureError(
                expected="an image grid with image_wh and grid_hw or cells_xyxy",
                got=repr(data)[:200],
                remedy="Ask the question again to record the attention anew.",
            ) from error


def _regular_cells(image_wh: tuple[int, int], grid_hw: tuple[int, int]) -> Float[np.ndarray, "image 4"]:
    (width, height), (rows, columns) = image_wh, grid_hw
    if min(width, height, rows, columns) < 1:
        raise CaptureError(
            expected="a picture and a grid with at least one pixel and one cell a side",
            got=f"a picture of {width} x {height} px and a grid of {rows} x {columns}",
            remedy="Use a larger picture.",
        )
    xs, ys = np.linspace(0, width, columns + 1), np.linspace(0, height, rows + 1)
    x0, y0 = np.meshgrid(xs[:-1], ys[:-1])
    x1, y1 = np.meshgrid(xs[1:], ys[1:])
    return np.stack([x0, y0, x1, y1], axis=-1).reshape(-1, 4)


def _pixel_spans(
    cells_xyxy: Float[np.ndarray, "cell 4"], shape_hw: tuple[int, int]
) -> Int[np.ndarray, "4 cell"]:
    """Cells in whole canvas pixels: at least one each, and inside the canvas."""
    height, width = shape_hw
    left, top, right, bottom = np.round(cells_xyxy.T).astype(np.int64)
    x0, y0 = np.clip(left, 0, width - 1), np.clip(top, 0, height - 1)
    return np.stack(
        [x0, y0, np.maximum(np.minimum(right, width), x0 + 1), np.maximum(np.minimum(bottom, height), y0 + 1)]
    )
