"""What differs from one model family to the next: processor, image grid, layers to read, positions.

Only code in this file and the processors it names may know the name of a model family. A family is a class
with the few answers that differ from `Family`'s, and its entry in `FAMILIES`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int
from torch import Tensor, nn
from transformers import PreTrainedConfig
from transformers.image_processing_utils import select_best_resolution
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas
from transformers.models.idefics3.image_processing_pil_idefics3 import get_resize_output_image_size

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.mllm.models import layouts, processor
from sayo_app.mllm.models.family import Family, Seen, positions_on_three_axes


class QwenVL(Family):
    """Qwen2-VL to Qwen3.5, with experts or without: one grid, `merge_size` patches a side to a token."""

    processor_class = processor.QwenPictures

    def picture_grids(self, seen: Seen) -> list[ImageGrid]:
        merge = int(seen.config.vision_config.spatial_merge_size)
        grids_thw = seen.inputs["image_grid_thw"].tolist()
        return [
            ImageGrid.regular(image_wh, (int(h) // merge, int(w) // merge))
            for image_wh, (_, h, w) in zip(seen.image_sizes_wh, grids_thw, strict=True)
        ]

    def positions(
        self, model: nn.Module, inputs: Mapping[str, Any]
    ) -> tuple[Int[Tensor, "*axis batch key"], Int[Tensor, " batch"]]:
        return positions_on_three_axes(model, inputs)


class InternVL(Family):
    """The picture stretched over tiles, row by row, and after them once more as a thumbnail."""

    processor_class: ClassVar[Any] = processor.InternVLPictures

    def processor_arguments(self, config: PreTrainedConfig) -> dict[str, Any]:
        return {"image_seq_length": self._side(config) ** 2}

    def _side(self, config: PreTrainedConfig) -> int:
        vision = config.vision_config
        return int(vision.image_size[0] // vision.patch_size[0] * config.downsample_ratio)

    def picture_grids(self, seen: Seen) -> list[ImageGrid]:
        images = seen.processor.image_processor
        grids = []
        for width, height in seen.image_sizes_wh:
            columns, rows = get_optimal_tiled_canvas(
                (height, width),
                (images.size.height, images.size.width),
                images.min_patches,
                images.max_patches,
            )
            grids.append(_tiles_and_whole((width, height), (rows, columns), self._side(seen.config)))
        return grids


class AyaVision(InternVL):
    """Cut as InternVL cuts, with a marker token before each tile."""

    processor_class = processor.AyaPictures

    def processor_arguments(self, config: PreTrainedConfig) -> dict[str, Any]:
        vision = config.vision_config
        return {
            "patch_size": vision.patch_size,
            "img_size": vision.image_size,
            "downsample_factor": config.downsample_factor,
        }

    def _side(self, config: PreTrainedConfig) -> int:
        return int(
            config.vision_config.image_size // (config.vision_config.patch_size * config.downsample_factor)
        )


class Mistral3(Family):
    """One grid a picture, stretched to whole tokens; one that is of no place ends each row."""

    processor_class = processor.PixtralPictures

    def processor_arguments(self, config: PreTrainedConfig) -> dict[str, Any]:
        return {"token_px": self._token_px(config)}

    def _token_px(self, config: PreTrainedConfig) -> int:
        return int(config.vision_config.patch_size * config.spatial_merge_size)

    def picture_grids(self, seen: Seen) -> list[ImageGrid]:
        px, sizes_hw = self._token_px(seen.config), seen.inputs["image_sizes"].tolist()
        return [
            ImageGrid.regular(image_wh, (height // px, width // px))
            for image_wh, (height, width) in zip(seen.image_sizes_wh, sizes_hw, strict=True)
        ]


class Idefics3(Family):
    """Idefics3 and SmolVLM: the picture stretched over tiles with marker tokens between them, then whole."""

    processor_class = processor.Idefics3Pictures

    def processor_arguments(self, config: PreTrainedConfig) -> dict[str, Any]:
        return {"image_seq_len": self._side(config) ** 2}

    def _side(self, config: PreTrainedConfig) -> int:
        vision = config.vision_config
        return int(vision.image_size // vision.patch_size // config.scale_factor)

    def picture_grids(self, seen: Seen) -> list[ImageGrid]:
        images = seen.processor.image_processor
        tile_px = images.max_image_size["longest_edge"]
        grids = []
        for width, height in seen.image_sizes_wh:
            tiles_hw = (1, 1)
            if images.do_image_splitting:
                # Only the shape is looked at: a view of one number takes no memory.
                seen_hw = (height, width)
                if images.do_resize:
                    view = np.broadcast_to(np.uint8(0), (1, height, width))
                    seen_hw = get_resize_output_image_size(view, images.size.longest_edge)
                tiles_hw = _idefics3_tiles(seen_hw, tile_px)
            grids.append(_tiles_and_whole((width, height), tiles_hw, self._side(seen.config)))
        return grids


def _idefics3_tiles(seen_hw: tuple[int, int], tile_px: int) -> tuple[int, int]:
    """Rows and columns of tiles: `Idefics3ImageProcessorPil.resize_for_vision_encoder`, which rounds the
    longer side up to whole tiles, the other to its share of that and then up."""
    height, width = seen_hw
    ratio = width / height
    if width >= height:
        columns = math.ceil(width / tile_px)
        return math.ceil(int(columns * tile_px / ratio) / tile_px), columns
    rows = math.ceil(height / tile_px)
    return rows, math.ceil(int(rows * tile_px * ratio) / tile_px)


class Gemma3(Family):
    """The picture squashed to a square; with pan-and-scan, crops of it after that, each squashed as well."""

    processor_class = processor.Gemma3Pictures

    def processor_arguments(self, config: PreTrainedConfig) -> dict[str, Any]:
        return {"image_seq_length": config.mm_tokens_per_image}

    def picture_grids(self, seen: Seen) -> list[ImageGrid]:
        n_tokens = int((seen.inputs["input_ids"] == self.image_token_id(seen.config)).sum())
        has_crops = n_tokens > len(seen.image_sizes_wh) * seen.config.mm_tokens_per_image
        side = math.isqrt(seen.config.mm_tokens_per_image)
        grids = []
        for image_wh in seen.image_sizes_wh:
            crops = self._crops(seen.processor, image_wh) if has_crops else []
            grids.append(layouts.squashed_crops(image_wh, [layouts.whole(image_wh), *crops], side))
        return grids

    def _crops(self, processor: Any, image_wh: tuple[int, int]) -> list[layouts.Box]:
        """Where the processor's own pan-and-scan cuts, read off pictures of coordinates."""
        width, height = image_wh
        names = ("min_crop_size", "max_num_crops", "min_ratio_to_activate")
        images = processor.image_processor
        settings = [processor.images_kwargs[f"pan_and_scan_{name}"] for name in names]
        # Views of one row and one column: they take no memory.
        xs = images.pan_and_scan(np.broadcast_to(np.arange(width), (1, height, width)), *settings)
        ys = images.pan_and_scan(np.broadcast_to(np.arange(height)[:, None], (1, height, width)), *settings)
        return [
            (float(x[0, 0, 0]), float(y[0, 0, 0]), float(x[0, 0, -1]) + 1, float(y[0, -1, 0]) + 1)
            for x, y in zip(xs, ys, strict=True)
        ]


class LlavaNext(Family):
    """The same as LLaVA-OneVision, but that however many rows there are, none are interpolated."""

    processor_class = processor.LlavaNextPictures

    def processor_arguments(self, config: PreTrainedConfig) -> dict[str, Any]:
        # The vision tower's first token is of no patch: counted, and dropped again by "default".
        return {
            "patch_size": config.vision_config.patch_size,
            "vision_feature_select_strategy": config.vision_feature_select_strategy,
            "num_additional_image_tokens": 1,
        }

    def picture_grids(self, seen: Seen) -> list[ImageGrid]:
        vision = seen.config.vision_config
        return [
            layouts.overview_and_rows(
                (width, height),
                select_best_resolution((height, width), seen.config.image_grid_pinpoints),
                vision.image_size,
                vision.patch_size,
                max_tiles=math.inf,
            )
            for width, height in seen.image_sizes_wh
        ]


class LlavaOnevision(Family):
    """The whole picture, then finer rows that end in a newline token: `layouts.overview_and_rows`."""

    processor_class = processor.LlavaOnevisionPictures

    def processor_arguments(self, config: PreTrainedConfig) -> dict[str, Any]:
        vision = config.vision_config
        return {
            "num_image_tokens": (vision.image_size // vision.patch_size) ** 2,
            "vision_feature_select_strategy": config.vision_feature_select_strategy,
            "vision_aspect_ratio": config.vision_aspect_ratio,
        }

    def picture_grids(self, seen: Seen) -> list[ImageGrid]:
        config = seen.config
        vision = config.vision_config
        tile = (vision.image_size, vision.patch_size)
        max_tiles = int(config.vision_aspect_ratio.removeprefix("anyres_max_"))
        alone = [n == 1 for n in seen.inputs["batch_num_images"].tolist() for _ in range(n)]
        return [
            layouts.overview_and_rows(
                (width, height),
                select_best_resolution((height, width), config.image_grid_pinpoints),
                *tile,
                max_tiles,
            )
            if is_alone
            else layouts.padded_square((width, height), *tile)
            for (width, height), is_alone in zip(seen.image_sizes_wh, alone, strict=True)
        ]


def _tiles_and_whole(image_wh: tuple[int, int], tiles_hw: tuple[int, int], side: int) -> ImageGrid:
    """Tiles row by row and the whole picture after them; the whole alone where one tile holds it."""
    tiles = layouts.even_tiles(image_wh, tiles_hw) if max(tiles_hw) > 1 else []
    return layouts.squashed_crops(image_wh, [*tiles, layouts.whole(image_wh)], side)


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        QwenVL("qwen3_vl"),
        QwenVL("qwen3_vl_moe"),
        QwenVL("qwen2_vl"),
        QwenVL("qwen2_5_vl"),
        QwenVL("qwen3_5"),
        QwenVL("qwen3_5_moe"),
        InternVL("internvl"),
        AyaVision("aya_vision"),
        Mistral3("mistral3"),
        Idefics3("idefics3"),
        Idefics3("smolvlm"),
        Gemma3("gemma3"),
        LlavaNext("llava_next"),
        LlavaOnevision("llava_onevision"),
    )
}
