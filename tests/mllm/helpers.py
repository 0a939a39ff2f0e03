"""Pictures of noise, and rows from whole attention matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import BatchFeature

from sayo_app.mllm.answering.prompt import prompt_text
from sayo_app.mllm.models.family import base_model
from sayo_app.mllm.models.loading import LoadedModel

SIZES_WH = ((96, 64), (48, 112), (80, 80))
QUESTIONS = ("Which is larger?", "What is left of the cat? What is above the tree?", "How many apples?")


def noise(size_wh: tuple[int, int], seed: int = 0) -> Image.Image:
    width, height = size_wh
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def padded_batch(loaded: LoadedModel, repeats: int = 1) -> BatchFeature:
    """Three prompts of different lengths with pictures of different sizes, padded on the left.

    Args:
        repeats: each of them so many times, one after another.
    """
    texts = [prompt_text(loaded, question) for question in QUESTIONS for _ in range(repeats)]
    pictures = [noise(size, seed) for seed, size in enumerate(SIZES_WH) for _ in range(repeats)]
    inputs = loaded.processor(text=texts, images=pictures, padding=True, return_tensors="pt")
    assert (inputs["attention_mask"][::repeats, 0] == 0).sum() == 2, "two of the three must be padded"
    return inputs


def prompt_alone(loaded: LoadedModel, row: int) -> BatchFeature:
    """One of the batch's prompts, without padding or neighbours."""
    text, picture = prompt_text(loaded, QUESTIONS[row]), noise(SIZES_WH[row], row)
    return loaded.processor(text=[text], images=[picture], return_tensors="pt")


def with_completion(loaded: LoadedModel, inputs: Mapping[str, Any], ids: torch.Tensor) -> dict[str, Any]:
    """Inputs of prompts that already have their completions, with the positions that decoding gives them.

    Args:
        ids: int "row token", one row a prompt.
    """
    whole = dict(inputs)
    for name, value in inputs.items():
        if value.shape == inputs["input_ids"].shape:
            fill = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}.get(name, torch.zeros_like(ids))
            whole[name] = torch.cat([value, fill], dim=1)
    return whole | {"position_ids": loaded.family.positions(loaded.model, whole)[0]}


def reference_rows(eager: Any, inputs: Any, layer: int, row: int = 0) -> torch.Tensor:
    """Float "query image": eager attention, heads averaged, image columns of one batch row."""
    attention = reference_attention(eager, inputs)[layer].mean(dim=1)
    return attention[row][:, inputs["input_ids"][row] == eager.config.image_token_id]


def reference_attention(eager: Any, inputs: Any) -> dict[int, torch.Tensor]:
    """Float "batch head query key" by layer, of the layers that have attention."""
    return by_layer(eager, eager(**inputs, output_attentions=True).attentions)


def by_layer(model: Any, attentions: Sequence[torch.Tensor]) -> dict[int, torch.Tensor]:
    """Hybrid models return attention for their attention layers only, under no number."""
    text = base_model(model).config.get_text_config()
    kinds = getattr(text, "layer_types", None) or ["full_attention"] * text.num_hidden_layers
    layers = [layer for layer, kind in enumerate(kinds) if kind != "linear_attention"]
    return dict(zip(layers, attentions, strict=True))


def rollout(attentions: np.ndarray) -> np.ndarray:
    """Float "query key": attention rollout (Abnar and Zuidema) of "layer query key", by whole matrices."""
    product = np.eye(attentions.shape[-1])
    for layer in attentions:
        product = 0.5 * (layer @ product + product)
    return product
