"""What the frozen vision tower makes of pictures: computed once a picture, joined into batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.utils.generic import ModelOutput

from sayo_app.mllm.models.family import base_model
from sayo_app.mllm.models.loading import LoadedModel

# What models read of pictures that are already encoded, as transformers has it in
# `generation.utils._slice_mm_encoder_output`; the others of an output are for people.
_READ = ("pooler_output", "deepstack_features")
_FOR_PEOPLE = ("last_hidden_state", "hidden_states", "attentions")


@dataclass(frozen=True, eq=False)
class PictureFeatures:
    """The vision tower's output for some pictures, on any device.

    Attributes:
        kind: the class of output that the model reads.
        values: by name, a tensor with a row a picture, a list of tensors a picture, or for each layer that
            has features one of the two.
    """

    kind: type[ModelOutput]
    values: dict[str, Any]

    @property
    def n_bytes(self) -> int:
        return sum(tensor.nbytes for value in self.values.values() for tensor in _tensors(value))

    def to(self, device: torch.device | str) -> ModelOutput:
        """As the model reads it."""
        return self.kind(**{name: _moved(value, device) for name, value in self.values.items()})


def encode_pictures(loaded: LoadedModel, pictures: Mapping[str, Any]) -> ModelOutput:
    """Run the vision tower. Args: pictures: pixels, and what the family's tower is told of them."""
    output: ModelOutput = base_model(loaded.model).get_image_features(**pictures, return_dict=True)
    return output


def keepable(output: ModelOutput) -> PictureFeatures | None:
    """The output without what no model reads, in main memory; None where it has parts that are not known."""
    if set(output) - {*_READ, *_FOR_PEOPLE}:
        return None
    values = {name: _moved(output[name], "cpu") for name in _READ if output.get(name) is not None}
    return PictureFeatures(type(output), values)


def joined(parts: Sequence[PictureFeatures]) -> PictureFeatures:
    """The features of all their pictures, in order: what the tower makes of them together."""
    first = parts[0]
    values = {"pooler_output": _end_to_end([part.values["pooler_output"] for part in parts])}
    if "deepstack_features" in first.values:
        layers = zip(*(part.values["deepstack_features"] for part in parts), strict=True)
        values["deepstack_features"] = [_end_to_end(layer) for layer in layers]
    return PictureFeatures(first.kind, values)


def _end_to_end(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], Tensor):
        return torch.cat(list(parts))
    return [tensor for part in parts for tensor in part]


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, Tensor):
        return value.detach().to(device)
    return [_moved(one, device) for one in value]


def _tensors(value: Any) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else [tensor for one in value for tensor in _tensors(one)]
