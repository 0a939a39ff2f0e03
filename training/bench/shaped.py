"""A model of a large shape with random weights, for what no small one shows: memory, and where time goes."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, PreTrainedConfig

from sayo_app.mllm.attention import capture
from sayo_app.mllm.bench.modes import FULL_8B, Shape
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.settings import BUNDLED, Settings

SHAPES = {"8b": FULL_8B}


def shaped_model(shape: Shape, image_tokens: int, device: str) -> LoadedModel:
    """The bundled model's prompts and pictures before a model of this shape; bfloat16 on a GPU.

    The same shape has the same weights. Pictures are scaled to about so many image tokens.
    """
    small = load_model(Settings.from_environment(model=BUNDLED, device=device))
    dtype = torch.bfloat16 if small.device.type == "cuda" else torch.float32
    config = shaped_config(small.config, shape)
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    making: Any = AutoModelForImageTextToText
    try:
        with small.device:
            model = making.from_config(config, dtype=dtype, attn_implementation=capture.NAME).eval()
    finally:
        torch.set_default_dtype(before)
    model.generation_config = copy.deepcopy(small.model.generation_config)
    small.family.prepare(model)
    cell = config.vision_config.patch_size * config.vision_config.spatial_merge_size
    area = image_tokens * cell**2
    small.processor.image_processor.size = {"shortest_edge": area, "longest_edge": area}
    return replace(small, name="random", model=model, dtype=dtype)


def shaped_config(config: PreTrainedConfig, shape: Shape) -> PreTrainedConfig:
    """The configuration with the sizes of the shape; tokens and patches stay as they are."""
    shaped = copy.deepcopy(config)
    text = shaped.text_config
    text.update(shape.text_sizes | {"layer_types": ["full_attention"] * shape.layers})
    text.rope_parameters = config.text_config.rope_parameters | {"mrope_section": shape.mrope_section}
    shaped.vision_config.update(shape.vision_sizes)
    # Tied, a random model repeats its last token for ever.
    shaped.tie_word_embeddings = False
    text.tie_word_embeddings = False
    return shaped
