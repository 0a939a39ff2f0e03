"""A run's samples as prompts: each picture is opened, cut into patches and encoded once, memory allowing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import Prompt, encode, picture_inputs
from training.data.features import encode_pictures, keepable
from training.data.samples import Sample

# Main memory for prompts and features that are kept: about 1,000 pictures of the bundled model, or 60 of
# 1,000 image tokens of an 8B model.
KEPT_BYTES = 2**30


class Prompts:
    """Makes prompts of samples, and keeps them with their pictures' features until `limit` bytes are full.

    The vision tower is frozen, so what is kept is what would be computed again. Nothing is put out again:
    each pass goes over all samples, and one that had to make room would be asked for before it is used.
    """

    def __init__(self, loaded: LoadedModel, limit: int = KEPT_BYTES) -> None:
        self._loaded, self._left = loaded, limit
        self._kept: dict[Sample, Prompt] = {}

    def __call__(self, samples: Sequence[Sample]) -> list[Prompt]:
        """In the order of the samples, each with its picture's features where the family's can be kept."""
        return [self._kept.get(sample) or self._make(sample) for sample in samples]

    @torch.no_grad()
    def _make(self, sample: Sample) -> Prompt:
        prompt = encode(self._loaded, sample)
        pictures = picture_inputs(prompt.inputs)
        features = keepable(encode_pictures(self._loaded, pictures))
        if features is None:
            return prompt
        # Pixels have done their work; grids and sizes are still asked for positions.
        rest = {name: value for name, value in prompt.inputs.items() if name != "pixel_values"}
        prompt = replace(prompt, inputs=rest, features=features)
        needed = features.n_bytes + sum(value.nbytes for value in rest.values())
        if needed <= self._left:
            self._left -= needed
            self._kept[sample] = prompt
        return prompt
