"""A model of no known family: what can be worked out about it, and a plain word on what cannot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxtyping import Int
from torch import Tensor, nn
from transformers import AutoProcessor, PreTrainedConfig, PreTrainedModel

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.errors import CaptureError, ModelLoadError
from sayo_app.mllm.models import layouts
from sayo_app.mllm.models.families import FAMILIES
from sayo_app.mllm.models.family import Family, Seen, positions_on_three_axes, unknown_layout


class Unknown(Family):
    """Any other model: a try with what transformers and the configuration say, and a word on what is lacking.

    A grid is given only where inputs, processor and configuration leave no other; never a guess.
    """

    def load_processor(self, source: str | Path, config: PreTrainedConfig, **hub: Any) -> Any:
        try:
            return AutoProcessor.from_pretrained(source, **hub)
        except ImportError as error:
            raise ModelLoadError(
                expected=f"a processor for {self.name!r} that runs with what is installed here",
                got=next(iter(str(error).strip().splitlines()), type(error).__name__),
                remedy="Install the package it names, or choose a model of a supported family "
                f"({', '.join(FAMILIES)}).",
            ) from error

    def image_token_id(self, config: PreTrainedConfig) -> int:
        for name in ("image_token_id", "image_token_index"):
            if isinstance(token := getattr(config, name, None), int):
                return token
        raise ModelLoadError(
            expected="a model that says which token stands for a piece of the picture",
            got=f"{self.name!r} with neither image_token_id nor image_token_index in its configuration",
            remedy=f"Choose a model of a supported family ({', '.join(FAMILIES)}).",
        )

    def picture_grids(self, seen: Seen) -> list[ImageGrid]:
        """Two layouts can be told for sure: patches counted by the processor itself (`image_grid_thw`), and
        one square a picture, squashed to it or cut from its middle, of as many tokens as it has patches."""
        images = seen.processor.image_processor
        if "image_grid_thw" in seen.inputs:
            merge = int(getattr(images, "merge_size", 1))
            grids_thw = seen.inputs["image_grid_thw"].tolist()
            if len(grids_thw) == len(seen.image_sizes_wh) and all(t == 1 for t, _, _ in grids_thw):
                return [
                    ImageGrid.regular(image_wh, (h // merge, w // merge))
                    for image_wh, (_, h, w) in zip(seen.image_sizes_wh, grids_thw, strict=True)
                ]
        elif (side := _side_of_square(seen)) is not None:
            boxes = [_square(images, image_wh) for image_wh in seen.image_sizes_wh]
            if None not in boxes:
                return [
                    layouts.squashed_crops(image_wh, [box], side)
                    for image_wh, box in zip(seen.image_sizes_wh, boxes, strict=True)
                    if box is not None
                ]
        n_tokens = int((seen.inputs["input_ids"] == self.image_token_id(seen.config)).sum())
        raise unknown_layout(f"{n_tokens} image tokens of {self.name!r}, laid out in an unknown way")

    def prepare(self, model: PreTrainedModel) -> None:
        """Models that compute positions on three axes have transformers' function for them."""
        super().prepare(model)
        self._has_axes = hasattr(getattr(model, "model", None), "get_rope_index")

    def positions(
        self, model: nn.Module, inputs: Mapping[str, Any]
    ) -> tuple[Int[Tensor, "*axis batch key"], Int[Tensor, " batch"]]:
        if not self._has_axes:
            return super().positions(model, inputs)
        try:
            return positions_on_three_axes(model, inputs)
        except (KeyError, TypeError) as error:
            raise CaptureError(
                expected="the inputs that positions on three axes are worked out from",
                got=f"{self.name!r}, which computes them in its own way: {error}",
                remedy=f"Choose a model of a supported family ({', '.join(FAMILIES)}).",
            ) from error


def _side_of_square(seen: Seen) -> int | None:
    """Patches a side where every picture becomes one square of pixels; else None."""
    pixels = seen.inputs.get("pixel_values")
    patch = getattr(getattr(seen.config, "vision_config", None), "patch_size", None)
    if not isinstance(pixels, Tensor) or pixels.ndim != 4 or not isinstance(patch, int):
        return None
    n_squares, _, height, width = pixels.shape
    size = getattr(seen.processor.image_processor, "size", None)
    asked = None if size is None else size.height or size.shortest_edge
    if n_squares != len(seen.image_sizes_wh) or not height == width == asked or height % patch:
        return None
    return int(height) // patch


def _square(images: Any, image_wh: tuple[int, int]) -> layouts.Box | None:
    """The part of a picture that an image processor makes its square of; None if that is not plain.

    Either all of it, both sides stretched to the square's, or the middle of it: the shorter side is brought
    to the square's and the longer one cut (`center_crop` of transformers' image processors).
    """
    others = ("do_pad", "do_image_splitting", "crop_to_patches", "do_pan_and_scan", "do_convert_to_square")
    if not getattr(images, "do_resize", None) or any(getattr(images, name, None) for name in others):
        return None
    size, is_cropped = images.size, bool(getattr(images, "do_center_crop", None))
    if size.height and size.height == size.width and not is_cropped:
        return layouts.whole(image_wh)
    if not size.shortest_edge or not is_cropped or images.crop_size.height != images.crop_size.width:
        return None
    if size.shortest_edge != images.crop_size.height:
        return None
    px = size.shortest_edge
    short = min(image_wh)
    starts, scales = [], []
    for length in image_wh:
        resized = int(px * length / short)
        starts.append((resized - px) // 2)
        scales.append(length / resized)
    (x, y), (per_x, per_y) = starts, scales
    return (x * per_x, y * per_y, (x + px) * per_x, (y + px) * per_y)
