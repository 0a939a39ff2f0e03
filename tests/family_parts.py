"""What the tiny models of `tests.families` are put together from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedConfig, PreTrainedTokenizerFast

from training.bundled.architecture import CHAT_TEMPLATE

HIDDEN = 64
TEXT: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 4096,
    "initializer_range": 0.2,
}
VISION: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "initializer_range": 0.2}


def template(picture: str, start: str = "") -> str:
    """The bundled model's chat template with another family's placeholder for a picture."""
    return start + CHAT_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", picture)


@dataclass(frozen=True)
class Parts:
    """What a builder puts together."""

    tokenizer: PreTrainedTokenizerFast
    config: PreTrainedConfig
    image_processor: Any  # or the whole processor, where transformers is to find its class
