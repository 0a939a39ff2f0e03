"""A model of no known family: what can be worked out about it, and a plain word on what cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import AutoProcessor, PreTrainedConfig

from sayo_app.core.grid import ImageGrid
from sayo_app.errors import ModelLoadError
from sayo_app.mllm.families import FAMILIES, Family, Seen, unknown_layout


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
        one square a picture, squashed to it, of as many tokens as it has patches."""
        images = seen.processor.image_processor
        if "image_grid_thw" in seen.inputs:
            merge = int(getattr(images, "merge_size", 1))
            grids_thw = seen.inputs["image_grid_thw"].tolist()
            if len(grids_thw) == len(seen.image_sizes_wh) and all(t == 1 for t, _, _ in grids_thw):
                return [
                    ImageGrid.regular(image_wh, (h // merge, w // merge))
                    for image_wh, (_, h, w) in zip(seen.image_sizes_wh, grids_thw, strict=True)
                ]
        elif (side := _squashed_side(seen)) is not None:
            return [ImageGrid.regular(image_wh, (side, side)) for image_wh in seen.image_sizes_wh]
        n_tokens = (seen.inputs["input_ids"] == self.image_token_id(seen.config)).sum(dim=1).tolist()
        raise unknown_layout(f"{n_tokens} image tokens a prompt of {self.name!r}, laid out in an unknown way")


def _squashed_side(seen: Seen) -> int | None:
    """Patches a side where every picture becomes one square without cropping or padding; else None."""
    images, pixels = seen.processor.image_processor, seen.inputs.get("pixel_values")
    size = getattr(images, "size", None)
    patch = getattr(getattr(seen.config, "vision_config", None), "patch_size", None)
    if not isinstance(pixels, Tensor) or pixels.ndim != 4 or not isinstance(patch, int):
        return None
    changes_shape = ("do_center_crop", "do_pad", "do_image_splitting", "crop_to_patches", "do_pan_and_scan")
    n_squares, _, height, width = pixels.shape
    squashed = (getattr(size, "height", None), getattr(size, "width", None)) == (height, width)
    if n_squares != len(seen.image_sizes_wh) or height != width or not squashed:
        return None
    if any(getattr(images, name, None) for name in changes_shape):
        return None
    return int(height) // patch
