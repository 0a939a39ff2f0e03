"""What differs from one model family to the next: processor, image grid, layers to read, positions.

Only code in this file and the processors it names may know the name of a model family. A family is a class
with the few answers that differ from `Family`'s, and its entry in `FAMILIES`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from jaxtyping import Int
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.image_processing_utils import select_best_resolution
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas
from transformers.models.idefics3.image_processing_pil_idefics3 import get_resize_output_image_size

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.errors import CaptureError
from sayo_app.mllm.models import layouts, processor
from sayo_app.mllm.models.patch import linear_patch_embed

# Tokens that stand for a picture, as configurations call them.
_PICTURE_TOKENS = (
    "image_token_id",
    "video_token_id",
    "vision_start_token_id",
    "vision_end_token_id",
    "boi_token_index",
    "eoi_token_index",
)


@dataclass(frozen=True, eq=False)
class Seen:
    """Pictures, and what a model's processor made of them.

    Attributes:
        inputs: what the processor returned; `input_ids` may be padded on either side.
        image_sizes_wh: original sizes of the pictures, in the order they stand in the batch.
    """

    config: PreTrainedConfig
    processor: Any
    inputs: Mapping[str, Any]
    image_sizes_wh: Sequence[tuple[int, int]]


class Family:
    """The questions that capture, chat and training ask about a model; the answers here fit most."""

    processor_class: ClassVar[Any]

    def __init__(self, name: str) -> None:
        self.name = name

    def load_processor(self, source: str | Path, config: PreTrainedConfig, **hub: Any) -> Any:
        """A processor: `processor(text=[...], images=[...], return_tensors="pt")` gives model inputs."""
        arguments = self.processor_arguments(config)
        return processor.load_processor(self.processor_class, source, arguments, **hub)

    def processor_arguments(self, config: PreTrainedConfig) -> dict[str, Any]:
        """What the processor must know of the model to write the right number of image tokens."""
        return {}

    def image_token_id(self, config: PreTrainedConfig) -> int:
        return int(config.image_token_id)

    def never_sampled(self, config: PreTrainedConfig) -> tuple[int, ...]:
        """Tokens that stand for a picture: one of them in a completion fails the next forward."""
        ids = {self.image_token_id(config), *(getattr(config, name, None) for name in _PICTURE_TOKENS)}
        return tuple(sorted(int(token) for token in ids if token is not None))

    def n_layers(self, config: PreTrainedConfig) -> int:
        return int(config.get_text_config(decoder=True).num_hidden_layers)

    def attention_layers(self, config: PreTrainedConfig) -> list[int]:
        """Decoder layers with full attention: a sliding one may not reach the picture, a linear one has no
        rows."""
        text = config.get_text_config(decoder=True)
        kinds = getattr(text, "layer_types", None)
        if kinds is None:
            slides = getattr(text, "sliding_window", None) is not None
            return [] if slides else list(range(self.n_layers(config)))
        return [index for index, kind in enumerate(kinds) if kind == "full_attention"]

    def image_grids(self, seen: Seen) -> list[list[ImageGrid]]:
        """One list a row of `input_ids`, one grid a picture in it.

        Raises:
            CaptureError: the image tokens are not as many as the layout has cells.
        """
        counts = (seen.inputs["input_ids"] == self.image_token_id(seen.config)).sum(dim=1).tolist()
        grids = self.picture_grids(seen)
        rows: list[list[ImageGrid]] = []
        rest = iter(grids)
        for count in counts:
            row: list[ImageGrid] = []
            while sum(grid.n_tokens for grid in row) < count and (grid := next(rest, None)) is not None:
                row.append(grid)
            rows.append(row)
        cells = [sum(grid.n_tokens for grid in row) for row in rows]
        if cells != counts or next(rest, None) is not None:
            of_pictures = " and ".join(str(grid.n_tokens) for grid in grids)
            raise unknown_layout(f"{sum(counts)} image tokens for pictures of {of_pictures} cells")
        return rows

    def picture_grids(self, seen: Seen) -> list[ImageGrid]:
        """The grids of all pictures of a batch, in order."""
        raise NotImplementedError

    def positions(
        self, model: nn.Module, inputs: Mapping[str, Any]
    ) -> tuple[Int[Tensor, "*axis batch key"], Int[Tensor, " batch"]]:
        """Position of each prompt token, counted from the first real one, and that which follows each row.

        Models that tell time, height and width apart have an axis of three in front.
        """
        mask = inputs["attention_mask"].long()
        return (mask.cumsum(dim=1) - 1).clamp(min=0), mask.sum(dim=1)

    def decoder_layers(self, model: nn.Module) -> nn.ModuleList:
        decoder: Any = base_model(model).get_decoder()
        return cast(nn.ModuleList, decoder.layers)

    def prepare(self, model: PreTrainedModel) -> None:
        """See to a freshly loaded model: make it faster without changing its numbers."""
        linear_patch_embed(model)


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


def positions_on_three_axes(
    model: nn.Module, inputs: Mapping[str, Any]
) -> tuple[Int[Tensor, "3 batch key"], Int[Tensor, " batch"]]:
    """Time, height and width position of each prompt token, and the position that follows each row.

    The model would remember them between forwards; given explicitly, answers do not share that memory.
    """
    core: Any = base_model(model).model
    position_ids, deltas = core.get_rope_index(
        inputs["input_ids"],
        mm_token_type_ids=inputs["mm_token_type_ids"],
        image_grid_thw=inputs["image_grid_thw"],
        attention_mask=inputs["attention_mask"],
    )
    return position_ids, inputs["attention_mask"].sum(dim=1) + deltas[:, 0]


def base_model(model: nn.Module) -> Any:
    """The transformers model, without the PEFT model around it."""
    unwrap = getattr(model, "get_base_model", None)
    return model if unwrap is None else unwrap()


def unknown_layout(got: str) -> CaptureError:
    """The error where image tokens and cells cannot be brought together."""
    return CaptureError(
        expected="a known layout of image tokens, one cell a token",
        got=got,
        remedy="Where this model looked cannot be shown; choose a model of a supported family "
        f"({', '.join(FAMILIES)}).",
    )


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
