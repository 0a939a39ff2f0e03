"""What capture, chat and training ask about a model: the questions, and the answers that fit most models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from jaxtyping import Int
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.errors import CaptureError
from sayo_app.mllm.models import processor
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
        remedy="Where this model looked cannot be shown: choose one of a supported family (see the README).",
    )
