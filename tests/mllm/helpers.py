"""Pictures of noise, and rows from whole attention matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

SIZES_WH = ((96, 64), (48, 112), (80, 80))
QUESTIONS = ("Which is larger?", "What is left of the cat? What is above the tree?", "How many apples?")


def noise(size_wh: tuple[int, int], seed: int = 0) -> Image.Image:
    width, height = size_wh
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def reference_rows(eager: Any, inputs: Any, layer: int, row: int = 0) -> torch.Tensor:
    """Float "query image": eager attention, heads averaged, image columns of one batch row."""
    attention = eager(**inputs, output_attentions=True).attentions[layer].mean(dim=1)
    return attention[row][:, inputs["input_ids"][row] == eager.config.image_token_id]
