"""Samples as model inputs: one prompt encoded, several left-padded into a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from PIL import Image
from torch import Tensor

from sayo_app.core.geometry.cells import region_mask
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.mllm.answering.decode import pad_token_id
from sayo_app.mllm.answering.forward import Positions
from sayo_app.mllm.answering.prompt import build_inputs, chat_text, text_inputs
from sayo_app.mllm.models.loading import LoadedModel
from training.data.features import PictureFeatures, encode_pictures, joined
from training.data.samples import Sample

MEAN_GREY = (128, 128, 128)


@dataclass(frozen=True, eq=False)
class Prompt:
    """A sample as inputs for a batch of one.

    Attributes:
        region_mask: all its regions to look at as cells of the picture's grid; None without any.
        features: what the vision tower made of its picture, where that is kept.
    """

    sample: Sample
    inputs: dict[str, Tensor]
    grid: ImageGrid
    region_mask: Bool[np.ndarray, " image"] | None
    features: PictureFeatures | None = None

    @property
    def length(self) -> int:
        return int(self.inputs["input_ids"].shape[1])


@dataclass(frozen=True, eq=False)
class Batch:
    """Prompts padded on the left, pictures already encoded.

    Attributes:
        picture_features: what the vision tower made of the pictures. It is frozen, so every forward
            on this batch (rollout, scoring, reference, update) shares it.
        position_ids: explicit, since a forward on a cache cannot work them out.
        text_inputs: what else the model is told about each prompt token.
        next_position: the position of the first completion token.
        image_columns: True where the prompt token is an image token; differs from row to row.
    """

    prompts: tuple[Prompt, ...]
    input_ids: Int[Tensor, "prompt length"]
    attention_mask: Bool[Tensor, "prompt length"]
    picture_features: Any
    position_ids: Int[Tensor, "*axis prompt length"]
    next_position: Int[Tensor, " prompt"]
    image_columns: Bool[Tensor, "prompt length"]
    text_inputs: dict[str, Tensor]

    @property
    def inputs(self) -> dict[str, Any]:
        """What a forward on the prompts is given; positions apart."""
        return {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "mm_encoder_outputs": {"image": self.picture_features},
            **self.text_inputs,
        }

    @property
    def positions(self) -> Positions:
        return self.position_ids, self.next_position


def encode(loaded: LoadedModel, sample: Sample) -> Prompt:
    """Open the sample's picture and make model inputs of it and the question."""
    picture = sample.open_picture()
    return _prompt(loaded, sample, picture, build_inputs(loaded, [picture], sample.question))


def encode_chat(loaded: LoadedModel, sample: Sample, messages: Sequence[Mapping[str, Any]]) -> Prompt:
    """The same for a chat that holds the sample's picture, word for word as it stands."""
    picture = sample.open_picture()
    return _prompt(loaded, sample, picture, text_inputs(loaded, [picture], chat_text(loaded, messages)))


def _prompt(loaded: LoadedModel, sample: Sample, picture: Image.Image, inputs: Mapping[str, Any]) -> Prompt:
    grid = loaded.image_grids(inputs, [picture.size])[0][0]
    mask = region_mask(sample.regions, grid)
    return Prompt(sample, dict(inputs), grid, mask if mask.any() else None)


@torch.no_grad()
def collate(loaded: LoadedModel, prompts: Sequence[Prompt]) -> Batch:
    """Pad on the left to the longest prompt, encode the pictures and work out the positions.

    Inputs shaped like `input_ids` are padded; all others (pixels, grids) are joined end to end, with zeros
    after the pictures of fewer tiles.
    """
    longest = max(prompt.length for prompt in prompts)
    texts: dict[str, Tensor] = {}
    pictures: dict[str, Tensor] = {}
    for name, first in prompts[0].inputs.items():
        parts = [prompt.inputs[name] for prompt in prompts]
        if first.shape == prompts[0].inputs["input_ids"].shape:
            fill = pad_token_id(loaded) if name == "input_ids" else 0
            parts = [
                torch.nn.functional.pad(part, (longest - part.shape[1], 0), value=fill) for part in parts
            ]
            texts[name] = torch.cat(parts)
        else:
            pictures[name] = _joined(parts)
    position_ids, next_position = loaded.family.positions(loaded.model, texts | pictures)
    return Batch(
        prompts=tuple(prompts),
        input_ids=texts["input_ids"],
        attention_mask=texts["attention_mask"].bool(),
        picture_features=_features(loaded, prompts, pictures),
        position_ids=position_ids,
        next_position=next_position,
        image_columns=loaded.image_columns(texts["input_ids"]),
        text_inputs={name: texts[name] for name in texts if name not in ("input_ids", "attention_mask")},
    )


def picture_inputs(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the vision tower is given: whatever is not one number for each token of the prompt."""
    shape = inputs["input_ids"].shape
    return {name: value for name, value in inputs.items() if value.shape != shape}


def _features(loaded: LoadedModel, prompts: Sequence[Prompt], pictures: Mapping[str, Any]) -> Any:
    """Those that are kept where all prompts have theirs, else all pictures encoded together."""
    kept = [prompt.features for prompt in prompts if prompt.features is not None]
    if len(kept) == len(prompts):
        return joined(kept).to(loaded.device)
    return encode_pictures(loaded, pictures)


def blanked(loaded: LoadedModel, batch: Batch) -> Batch:
    """The batch with grey pictures of the same sizes: what the model makes of the words alone."""
    samples = [replace(prompt.sample, open_picture=grey(prompt.sample)) for prompt in batch.prompts]
    prompts = [encode(loaded, sample) for sample in samples]
    return replace(batch, picture_features=collate(loaded, prompts).picture_features)


def grey(sample: Sample) -> Callable[[], Image.Image]:
    """Opens a mean-grey picture of the sample's size."""
    return lambda: Image.new("RGB", sample.open_picture().size, MEAN_GREY)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Tensors end to end; those that are shorter along another axis end in zeros, as in the processors."""
    longest = [max(part.shape[axis] for part in parts) for axis in range(1, parts[0].ndim)]
    padded = []
    for part in parts:
        missing = [side - part.shape[axis] for axis, side in enumerate(longest, start=1)]
        pads = [pad for side in reversed(missing) for pad in (0, side)]
        padded.append(torch.nn.functional.pad(part, pads) if any(missing) else part)
    return torch.cat(padded)
