"""Does each cell lie where its token's pixels are? Shown without trained weights.

Paint over one cell's rectangle of the original picture: among the features that enter the decoder, that
cell's changes most. Where a picture is shown more than once (tiles, then an overview), the cell over the
place changes most in each showing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from PIL import Image
from transformers.image_utils import SizeDict

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.models.family import base_model
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.settings import Settings
from tests.conftest import EVERY_FAMILY
from tests.families import build
from tests.mllm.helpers import noise

SIZES_WH = {
    "1:1": (90, 90),
    "3:1": (180, 60),
    "1:4": (40, 160),
    "tiny": (20, 14),
    "2,000 px": (2000, 1500),
}
PLACES = 6


class _Seen(Exception):  # noqa: N818
    """What enters the decoder is known; the rest of the forward is not needed."""


@torch.no_grad()
def picture_features(loaded: LoadedModel, pictures: list[Image.Image]) -> Float[np.ndarray, "image hidden"]:
    """What enters the decoder at the image tokens of a prompt, all pictures in a row."""
    inputs = build_inputs(loaded, pictures, "Which?")
    seen: list[torch.Tensor] = []

    def look(_module: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        seen.append(kwargs["inputs_embeds"][loaded.image_columns(inputs["input_ids"])])
        raise _Seen

    handle = base_model(loaded.model).get_decoder().register_forward_pre_hook(look, with_kwargs=True)
    try:
        loaded.model(**inputs)
    except _Seen:
        pass
    finally:
        handle.remove()
    return seen[0].float().numpy()


def overlaps(grid: ImageGrid, box_xyxy: Sequence[float]) -> Float[np.ndarray, " image"]:
    """Share of the box that lies in each cell."""
    x0, y0, x1, y1 = grid.cells_xyxy.T
    left, top, right, bottom = box_xyxy
    wide = np.clip(np.minimum(x1, right) - np.maximum(x0, left), 0, None)
    high = np.clip(np.minimum(y1, bottom) - np.maximum(y0, top), 0, None)
    return wide * high / ((right - left) * (bottom - top))


def showings(grid: ImageGrid) -> list[list[int]]:
    """The tokens of each time that the picture is shown: another begins where a cell covers one before it."""
    shown: list[list[int]] = [[]]
    for token in np.flatnonzero(grid.areas > 0):
        if (overlaps(grid, grid.cells_xyxy[token])[shown[-1]] > 0.01).any():
            shown.append([])
        shown[-1].append(int(token))
    return shown


def places(grid: ImageGrid, shown: list[list[int]]) -> list[tuple[int, int, int, int]]:
    """Rectangles of whole pixels, each nearly all in one cell of every showing: first, last, between."""
    boxes = []
    for token in min(shown, key=lambda tokens: grid.areas[tokens].mean()):
        x0, y0, x1, y1 = grid.cells_xyxy[token]
        left, top = int(np.ceil(x0)), int(np.ceil(y0))
        box = (left, top, max(int(x1), left + 1), max(int(y1), top + 1))
        share = overlaps(grid, box)
        if all(share[tokens].max() > 0.8 for tokens in shown):
            boxes.append(box)
    return [boxes[i] for i in np.unique(np.linspace(0, len(boxes) - 1, PLACES).round().astype(int))]


def misplaced(
    loaded: LoadedModel,
    pictures: list[Image.Image],
    which: int,
    grids: list[ImageGrid],
    shown: list[list[int]],
) -> list[str]:
    """What grids get wrong about one of the pictures; nothing if its cells are where they should be.

    Every token of the prompt is looked at: nothing may change more in another picture.
    """
    before = picture_features(loaded, pictures)
    first = sum(grid.n_tokens for grid in grids[:which])
    own, wrong = slice(first, first + grids[which].n_tokens), []
    for box in places(grids[which], shown):
        painted = pictures[which].copy()
        painted.paste((255, 0, 255), box)
        after = picture_features(loaded, [*pictures[:which], painted, *pictures[which + 1 :]])
        moved = np.linalg.norm(after - before, axis=1)
        share = overlaps(grids[which], box)
        for tokens in shown:
            wanted, found = (tokens[int(values[tokens].argmax())] for values in (share, moved[own]))
            if wanted != found:
                wrong.append(f"{box}: token {found} changes most, not {wanted}")
        elsewhere = np.delete(moved, np.arange(own.start, own.stop))
        if len(elsewhere) and elsewhere.max() >= moved[own].max():
            wrong.append(f"{box}: another picture changes most")
    return wrong


def grids_of(loaded: LoadedModel, pictures: list[Image.Image]) -> list[ImageGrid]:
    inputs = build_inputs(loaded, pictures, "Which?")
    return loaded.image_grids(inputs, [picture.size for picture in pictures])[0]


@EVERY_FAMILY
@pytest.mark.parametrize("size_wh", SIZES_WH.values(), ids=SIZES_WH)
def test_a_cell_is_the_pixels_that_its_token_sees(any_loaded: LoadedModel, size_wh: tuple[int, int]) -> None:
    pictures = [noise(size_wh)]
    grids = grids_of(any_loaded, pictures)
    shown = showings(grids[0])
    assert len(places(grids[0], shown)) >= min(4, grids[0].n_tokens)
    assert misplaced(any_loaded, pictures, 0, grids, shown) == []


@EVERY_FAMILY
def test_two_pictures_in_one_prompt_have_cells_of_their_own(any_loaded: LoadedModel) -> None:
    pictures = [noise((96, 64)), noise((48, 112), seed=1)]
    grids = grids_of(any_loaded, pictures)
    assert [grid.image_wh for grid in grids] == [(96, 64), (48, 112)]
    for which, grid in enumerate(grids):
        assert misplaced(any_loaded, pictures, which, grids, showings(grid)) == []


def pan_and_scan(loaded: LoadedModel) -> None:
    """Gemma 3 cuts an oblong picture into two to four crops after the whole."""
    settings = {"do_pan_and_scan": True, "pan_and_scan_min_crop_size": 20}
    loaded.processor.images_kwargs = loaded.processor.images_kwargs | settings


def no_splitting(loaded: LoadedModel) -> None:
    loaded.processor.image_processor.do_image_splitting = False


def uneven_edge(loaded: LoadedModel) -> None:
    """80 px are two and a half tiles: the longer side becomes three, the other its share of three."""
    loaded.processor.image_processor.size = SizeDict(longest_edge=80)


def one_tile(loaded: LoadedModel) -> None:
    loaded.processor.image_processor.max_patches = 1


@pytest.mark.parametrize(
    ("family", "change", "n_tokens"),
    [
        ("gemma3", pan_and_scan, 4 * 16),
        ("idefics3", no_splitting, 16),
        ("smolvlm", no_splitting, 16),
        ("idefics3", uneven_edge, (2 * 3 + 1) * 16),
        ("internvl", one_tile, 16),
    ],
)
def test_other_settings_of_a_processor(
    tmp_path: Path, family: str, change: Callable[[LoadedModel], None], n_tokens: int
) -> None:
    loaded = load_model(Settings(model=str(build(family, tmp_path)), device="cpu"))
    change(loaded)
    pictures = [noise((180, 61))]
    grids = grids_of(loaded, pictures)
    assert grids[0].n_tokens == n_tokens
    assert misplaced(loaded, pictures, 0, grids, showings(grids[0])) == []


@pytest.mark.parametrize("by", [-1, 1])
def test_a_shifted_grid_is_caught(any_loaded: LoadedModel, by: int) -> None:
    """Every cell one token off within its showing: each place must be found wrong in each."""
    pictures = [noise((180, 60))]
    [grid] = grids_of(any_loaded, pictures)
    cells, shown = grid.cells_xyxy.copy(), showings(grid)
    for tokens in shown:
        cells[tokens] = np.roll(cells[tokens], by, axis=0)
    shifted = ImageGrid(grid.image_wh, cells, None)
    found = misplaced(any_loaded, pictures, 0, [shifted], shown)
    assert len(found) == len(places(shifted, shown)) * len(shown) > 0
