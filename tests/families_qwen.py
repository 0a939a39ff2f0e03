"""Tiny random models of the Qwen families, see `tests.families`."""

from __future__ import annotations

from typing import Any

from transformers import (
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2VLConfig,
    Qwen3_5Config,
    Qwen3_5MoeConfig,
    Qwen3VLMoeConfig,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from tests.family_parts import HIDDEN, TEXT, VISION, Parts
from tests.tiny import build_config, trained_tokenizer
from training.bundled.architecture import CHAT_TEMPLATE, SPECIAL_TOKENS


def _qwen_tokenizer() -> tuple[PreTrainedTokenizerFast, dict[str, int]]:
    tokenizer = trained_tokenizer(SPECIAL_TOKENS, CHAT_TEMPLATE)
    names = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }
    return tokenizer, {key: tokenizer.convert_tokens_to_ids(token) for key, token in names.items()}


def _qwen_pictures(patch_px: int) -> Qwen2VLImageProcessorPil:
    token_px = 2 * patch_px
    size = {"shortest_edge": 4 * token_px**2, "longest_edge": 60 * token_px**2}
    return Qwen2VLImageProcessorPil(patch_size=patch_px, merge_size=2, temporal_patch_size=2, size=size)


def qwen3_vl() -> Parts:
    tokenizer, _ = _qwen_tokenizer()
    config = build_config(tokenizer)
    config.sayo_bundled = False
    return Parts(tokenizer, config, _qwen_pictures(8))


def qwen3_vl_moe() -> Parts:
    tokenizer, ids = _qwen_tokenizer()
    dense = build_config(tokenizer)
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    text = dense.text_config.to_dict() | experts | {"model_type": "qwen3_vl_moe_text"}
    config = Qwen3VLMoeConfig(text_config=text, vision_config=_vision_of(dense), **ids)
    return Parts(tokenizer, config, _qwen_pictures(8))


def _vision_of(config: PreTrainedConfig) -> dict[str, Any]:
    return {name: value for name, value in config.vision_config.to_dict().items() if name != "model_type"}


def qwen2_vl() -> Parts:
    tokenizer, ids = _qwen_tokenizer()
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
    text = TEXT | {"vocab_size": len(tokenizer), "rope_parameters": rope}
    text.pop("head_dim")
    vision = {"depth": 2, "embed_dim": 32, "num_heads": 2, "patch_size": 14, "hidden_size": HIDDEN}
    vision |= {"initializer_range": 0.2}
    return Parts(tokenizer, Qwen2VLConfig(text_config=text, vision_config=vision, **ids), _qwen_pictures(14))


def qwen2_5_vl() -> Parts:
    tokenizer, ids = _qwen_tokenizer()
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
    text = TEXT | {"vocab_size": len(tokenizer), "rope_parameters": rope}
    text.pop("head_dim")
    vision = VISION | {"depth": 2, "num_heads": 2, "patch_size": 14, "out_hidden_size": HIDDEN}
    vision |= {"window_size": 56, "fullatt_block_indexes": [1]}
    return Parts(
        tokenizer, Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids), _qwen_pictures(14)
    )


def qwen3_5() -> Parts:
    """Four layers of linear attention and two of full."""
    tokenizer, ids = _qwen_tokenizer()
    rope = {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "mrope_section": [2, 1, 1],
        "mrope_interleaved": True,
        "partial_rotary_factor": 0.5,
    }
    kinds = ["linear_attention", "linear_attention", "full_attention"] * 2
    text = TEXT | {"vocab_size": len(tokenizer), "rope_parameters": rope, "num_hidden_layers": 6}
    text |= {"layer_types": kinds, "linear_key_head_dim": 16, "linear_value_head_dim": 16}
    text |= {"linear_num_key_heads": 2, "linear_num_value_heads": 4}
    vision = VISION | {"depth": 2, "num_heads": 2, "patch_size": 8, "out_hidden_size": HIDDEN}
    vision |= {"spatial_merge_size": 2, "temporal_patch_size": 2, "num_position_embeddings": 64}
    return Parts(tokenizer, Qwen3_5Config(text_config=text, vision_config=vision, **ids), _qwen_pictures(8))


def qwen3_5_moe() -> Parts:
    dense = qwen3_5()
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    experts |= {"shared_expert_intermediate_size": 32}
    text = dense.config.text_config.to_dict() | experts | {"model_type": "qwen3_5_moe_text"}
    _, ids = _qwen_tokenizer()
    config = Qwen3_5MoeConfig(text_config=text, vision_config=_vision_of(dense.config), **ids)
    return Parts(dense.tokenizer, config, dense.image_processor)
