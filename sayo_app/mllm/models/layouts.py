"""Where image tokens lie on the picture, for the ways in which processors cut pictures up.

Pure geometry in original-image pixels. A *tile* is what the vision tower sees at once: a square of
`tile_px`, cut into patches of `patch_px`; what is left over at its right and bottom edge is seen by no
patch. `side` is the number of image tokens along a tile's edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from sayo_app.core.geometry.grid import ImageGrid

Box = tuple[float, float, float, float]


def whole(image_wh: tuple[int, int]) -> Box:
    return (0.0, 0.0, float(image_wh[0]), float(image_wh[1]))


def even_tiles(image_wh: tuple[int, int], tiles_hw: tuple[int, int]) -> list[Box]:
    """The picture stretched over rows x columns tiles: their rectangles, row by row."""
    (width, height), (rows, columns) = image_wh, tiles_hw
    return [
        (width * c / columns, height * r / rows, width * (c + 1) / columns, height * (r + 1) / rows)
        for r in range(rows)
        for c in range(columns)
    ]


def squashed_crops(image_wh: tuple[int, int], crops_xyxy: Sequence[Box], side: int) -> ImageGrid:
    """Parts of the picture one after another, each stretched to a tile of side x side tokens, row by row."""
    if list(crops_xyxy) == [whole(image_wh)]:
        return ImageGrid.regular(image_wh, (side, side))
    cells = []
    for x0, y0, x1, y1 in crops_xyxy:
        steps = np.arange(side + 1) / side
        cells.append(_cells(x0 + steps * (x1 - x0), y0 + steps * (y1 - y0)))
    return ImageGrid(image_wh, np.concatenate(cells), None)


def overview_and_rows(
    image_wh: tuple[int, int], canvas_hw: tuple[int, int], tile_px: int, patch_px: int, max_tiles: float
) -> ImageGrid:
    """The "anyres" of LLaVA-NeXT and LLaVA-OneVision: all of the picture in one tile, then the picture again.

    The second time it keeps its shape: it is centred on a canvas of tiles, rows or columns of padding are
    left out, and a newline token ends each row. More tokens than fit `max_tiles` tiles are interpolated
    down to as many. Mirrors transformers' `LlavaOnevisionModel.pack_image_features` and
    `LlavaOnevisionImageProcessorPil.get_image_patches`.
    """
    (width, height), (canvas_h, canvas_w) = image_wh, canvas_hw
    side = tile_px // patch_px
    steps = np.arange(side + 1) * patch_px / tile_px
    rows, columns = canvas_h // tile_px * side, canvas_w // tile_px * side
    first_row = first_column = 0
    if width / height > columns / rows:
        first_row = (rows - int(round(height * (columns / width), 7))) // 2
    else:
        first_column = (columns - int(round(width * (rows / height), 7))) // 2
    kept_h, kept_w = rows - 2 * first_row, columns - 2 * first_column
    ratio = math.sqrt(kept_h * kept_w / (max_tiles * side**2))
    shrunk_h, shrunk_w = (int(kept_h // ratio), int(kept_w // ratio)) if ratio > 1.1 else (kept_h, kept_w)
    scale = min(canvas_w / width, canvas_h / height)
    resized_w = canvas_w if canvas_w / width == scale else min(math.ceil(width * scale), canvas_w)
    resized_h = canvas_h if canvas_h / height == scale else min(math.ceil(height * scale), canvas_h)

    def spans(first: int, kept: int, shrunk: int, canvas: int, resized: int, length: int) -> np.ndarray:
        """Where tokens begin and end along one side of the picture."""
        # Of a strip nothing may be left between the padding.
        edges = first + np.arange(shrunk + 1) * (kept / shrunk if shrunk else 0.0)
        begin = _canvas_px(edges[:-1], side, tile_px, patch_px)
        end = _canvas_end_px(edges[1:], side, tile_px, patch_px)
        return np.clip((np.stack([begin, end]) - (canvas - resized) // 2) * length / resized, 0, length)

    ys = spans(first_row, kept_h, shrunk_h, canvas_h, resized_h, height)
    xs = spans(first_column, kept_w, shrunk_w, canvas_w, resized_w, width)
    # The newline token: no area, at the end of its row.
    xs = np.concatenate([xs, [[width], [width]]], axis=1)
    cells = [_cells(steps * width, steps * height), _cells_of_spans(xs, ys)]
    return ImageGrid(image_wh, np.concatenate(cells), None)


def padded_square(image_wh: tuple[int, int], tile_px: int, patch_px: int) -> ImageGrid:
    """The picture centred on a square that becomes one tile, and one newline token after it.

    Tokens of the padding have no area, or less of it.
    """
    width, height = image_wh
    length, side = max(image_wh), tile_px // patch_px
    edges = np.arange(side + 1) * patch_px / tile_px * length
    xs = np.clip(edges - (length - width) // 2, 0, width)
    ys = np.clip(edges - (length - height) // 2, 0, height)
    newline = np.array([[width, height, width, height]], dtype=float)
    return ImageGrid(image_wh, np.concatenate([_cells(xs, ys), newline]), None)


def _cells(xs: Float[np.ndarray, " x"], ys: Float[np.ndarray, " y"]) -> Float[np.ndarray, "image 4"]:
    """Cells between the edges, row by row."""
    return _cells_of_spans(np.stack([xs[:-1], xs[1:]]), np.stack([ys[:-1], ys[1:]]))


def _cells_of_spans(
    xs: Float[np.ndarray, "2 column"], ys: Float[np.ndarray, "2 row"]
) -> Float[np.ndarray, "image 4"]:
    """Cells of spans that start at [0] and end at [1], row by row."""
    x0, y0 = np.meshgrid(xs[0], ys[0])
    x1, y1 = np.meshgrid(xs[1], ys[1])
    return np.stack([x0, y0, x1, y1], axis=-1).reshape(-1, 4)


def _canvas_px(
    tokens: Float[np.ndarray, " edge"], side: int, tile_px: int, patch_px: int
) -> Float[np.ndarray, " edge"]:
    """Where a token begins on a canvas of tiles."""
    tile = np.floor(tokens / side)
    return tile * tile_px + (tokens - tile * side) * patch_px


def _canvas_end_px(
    tokens: Float[np.ndarray, " edge"], side: int, tile_px: int, patch_px: int
) -> Float[np.ndarray, " edge"]:
    """Where a token ends: at a tile's edge, in the tile that it belongs to."""
    tile = np.ceil(tokens / side) - 1
    return tile * tile_px + (tokens - tile * side) * patch_px
