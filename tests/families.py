"""Tiny random models of every family, each in a folder that `load_model` can read.

Honest fakes, as in `tests.tiny`: the real classes, processors and chat markers with few, random weights. The
attention of the vision towers is weak, so that a patch's feature is mostly its own: that is what lets a test
tell which part of the picture a token stands for without a trained model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForImageTextToText,
    LlavaConfig,
    LlavaProcessor,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2VLConfig,
    Qwen3_5Config,
    Qwen3_5MoeConfig,
    Qwen3VLMoeConfig,
)
from transformers.models.aya_vision import AyaVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.gemma3 import Gemma3Config
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3 import Idefics3Config
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.internvl import InternVLConfig
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.llava_next import LlavaNextConfig
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_onevision import LlavaOnevisionConfig
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)
from transformers.models.mistral3 import Mistral3Config
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.smolvlm import SmolVLMConfig
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from tests.tiny import build_config, trained_tokenizer
from training.bundled.architecture import CHAT_TEMPLATE
from training.bundled.architecture import SPECIAL_TOKENS as QWEN_TOKENS

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


def _template(picture: str, start: str = "") -> str:
    """The bundled model's chat template with another family's placeholder for a picture."""
    return start + CHAT_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", picture)


@dataclass(frozen=True)
class Parts:
    """What a builder puts together."""

    tokenizer: PreTrainedTokenizerFast
    config: PreTrainedConfig
    image_processor: Any  # or the whole processor, where transformers is to find its class


def _qwen_tokenizer() -> tuple[PreTrainedTokenizerFast, dict[str, int]]:
    tokenizer = trained_tokenizer(QWEN_TOKENS, CHAT_TEMPLATE)
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


def internvl() -> Parts:
    return _internvl({"model_type": "qwen2"})


def internvl_gpt_oss() -> Parts:
    """With a text model whose attention has sinks; every other layer sees a window of 24 tokens."""
    return _internvl(
        {
            "model_type": "gpt_oss",
            "num_hidden_layers": 4,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "sliding_window": 24,
            "num_local_experts": 2,
            "num_experts_per_tok": 1,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        }
    )


def _internvl(text: dict[str, Any]) -> Parts:
    """Tiles of 32 px, 4 x 4 image tokens each."""
    special = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = trained_tokenizer(
        tuple(special.values()), _template("<IMG_CONTEXT>\n"), extra_special_tokens=special
    )
    config = InternVLConfig(
        text_config=TEXT | text | {"vocab_size": len(tokenizer)},
        vision_config=VISION
        | {
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": [32, 32],
            "patch_size": [4, 4],
            "layer_scale_init_value": 1.0,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=16,
    )
    images = GotOcr2ImageProcessorPil(size={"height": 32, "width": 32}, min_patches=1, max_patches=6)
    return Parts(tokenizer, config, images)


def aya_vision() -> Parts:
    """Tiles of 32 px, 4 x 4 image tokens each; every other layer sees a window of 24 tokens."""
    markers = ("<|START_OF_IMG|>", "<|END_OF_IMG|>", "<|IMG_PATCH|>", "<|IMG_LINE_BREAK|>", "TILE_GLOBAL")
    tokenizer = trained_tokenizer(
        ("<image>", *markers), _template("<image>"), extra_special_tokens=["<image>", *markers]
    )
    kinds = ["sliding_attention", "full_attention"] * 2
    config = AyaVisionConfig(
        text_config=TEXT
        | {"model_type": "cohere2", "vocab_size": len(tokenizer), "num_hidden_layers": 4}
        | {"layer_types": kinds, "sliding_window": 24, "logit_scale": 1.0},
        vision_config=VISION
        | {
            "model_type": "siglip_vision_model",
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 4,
            "vision_use_head": False,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<|IMG_PATCH|>"),
    )
    images = GotOcr2ImageProcessorPil(size={"height": 32, "width": 32}, min_patches=1, max_patches=6)
    return Parts(tokenizer, config, images)


def mistral3() -> Parts:
    """Patches of 4 px, two by two to a token; the longest edge is at most 96 px."""
    special = ("[IMG]", "[IMG_BREAK]", "[IMG_END]")
    tokenizer = trained_tokenizer(special, _template("[IMG]"), extra_special_tokens=list(special))
    vision = VISION | {"model_type": "pixtral", "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"head_dim": 16, "image_size": 96, "patch_size": 4}
    config = Mistral3Config(
        text_config=TEXT | {"model_type": "mistral", "sliding_window": None, "vocab_size": len(tokenizer)},
        vision_config=vision,
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        spatial_merge_size=2,
    )
    images = PixtralImageProcessorPil(size={"longest_edge": 96}, patch_size={"height": 4, "width": 4})
    return Parts(tokenizer, config, images)


def _idefics3(config_class: Any, image_processor_class: Any) -> Parts:
    """Tiles of 32 px, 4 x 4 image tokens each; the longest edge is first brought to 96 px."""
    special = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    markers = tuple(f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4))
    tokenizer = trained_tokenizer(
        (*special, *markers), _template("<image>"), extra_special_tokens=list(special + markers)
    )
    config = config_class(
        text_config=TEXT | {"model_type": "llama", "vocab_size": len(tokenizer)},
        vision_config=VISION
        | {"num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 4},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    images = image_processor_class(size={"longest_edge": 96}, max_image_size={"longest_edge": 32})
    return Parts(tokenizer, config, images)


def idefics3() -> Parts:
    return _idefics3(Idefics3Config, Idefics3ImageProcessorPil)


def smolvlm() -> Parts:
    return _idefics3(SmolVLMConfig, SmolVLMImageProcessorPil)


def gemma3() -> Parts:
    """A square of 64 px, 4 x 4 image tokens; every other layer sees a window of 24 tokens."""
    special = {
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    }
    tokenizer = trained_tokenizer(
        ("<bos>", *special.values()),
        _template("<start_of_image>", start="{{ bos_token }}"),
        bos_token="<bos>",
        extra_special_tokens=special,
    )
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in special.items()}
    config = Gemma3Config(
        text_config=TEXT
        | {
            "vocab_size": len(tokenizer),
            "num_hidden_layers": 4,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "sliding_window": 24,
            "query_pre_attn_scalar": 16,
        },
        vision_config=VISION
        | {"num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64, "patch_size": 8},
        mm_tokens_per_image=16,
        image_token_id=ids["image_token"],
        boi_token_index=ids["boi_token"],
        eoi_token_index=ids["eoi_token"],
    )
    return Parts(tokenizer, config, Gemma3ImageProcessorPil(size={"height": 64, "width": 64}))


def llava_next() -> Parts:
    """Tiles of 30 px of which patches of 7 see 28, as below; a vision tower with a token of no patch."""
    tokenizer = trained_tokenizer(("<image>",), _template("<image>\n"), extra_special_tokens=["<image>"])
    pinpoints = [[30, 60], [60, 30], [60, 60], [90, 30], [30, 90]]
    config = LlavaNextConfig(
        text_config=TEXT | {"model_type": "mistral", "sliding_window": None, "vocab_size": len(tokenizer)},
        vision_config=VISION
        | {
            "model_type": "clip_vision_model",
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 30,
            "patch_size": 7,
            "projection_dim": 32,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=pinpoints,
    )
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": 30}, crop_size={"height": 30, "width": 30}, image_grid_pinpoints=pinpoints
    )
    return Parts(tokenizer, config, images)


def llava_onevision() -> Parts:
    """Tiles of 30 px of which patches of 7 see 28: like the real 384 px and 14, they do not come out even."""
    tokenizer = trained_tokenizer(
        ("<image>", "<video>"), _template("<image>\n"), extra_special_tokens=["<image>", "<video>"]
    )
    pinpoints = [[30 * rows, 30 * columns] for rows in range(1, 5) for columns in range(1, 5)]
    config = LlavaOnevisionConfig(
        text_config=TEXT | {"model_type": "qwen2", "vocab_size": len(tokenizer)},
        vision_config=VISION
        | {
            "model_type": "siglip_vision_model",
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 30,
            "patch_size": 7,
            "vision_use_head": False,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=pinpoints,
        vision_aspect_ratio="anyres_max_4",
    )
    images = LlavaOnevisionImageProcessorPil(size={"height": 30, "width": 30}, image_grid_pinpoints=pinpoints)
    return Parts(tokenizer, config, images)


def llava() -> Parts:
    """Of no known family; its processor cuts a square of 32 px, 4 x 4 image tokens, from the middle."""
    return _llava(CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}))


def llava_squashed() -> Parts:
    """The same with a processor that stretches the whole picture to the square."""
    return _llava(CLIPImageProcessorPil(size={"height": 32, "width": 32}, do_center_crop=False))


def llava_padded() -> Parts:
    """The same with a processor that pads, which no rule of the unknown family tells anything about."""
    return _llava(LlavaImageProcessorPil(size={"shortest_edge": 32}, crop_size=32, do_pad=True))


def llava_gemma2() -> Parts:
    """With a text model whose attention is soft-capped; every other layer sees a window of 24 tokens."""
    return _llava(
        CLIPImageProcessorPil(size={"height": 32, "width": 32}, do_center_crop=False),
        {
            "model_type": "gemma2",
            "num_hidden_layers": 4,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "sliding_window": 24,
            "attn_logit_softcapping": 2.0,
            "query_pre_attn_scalar": 16,
        },
    )


def _llava(images: Any, text: dict[str, Any] | None = None) -> Parts:
    tokenizer = trained_tokenizer(("<image>",), _template("<image>\n"), extra_special_tokens=["<image>"])
    config = LlavaConfig(
        text_config=TEXT | {"model_type": "llama"} | (text or {}) | {"vocab_size": len(tokenizer)},
        vision_config=VISION
        | {
            "model_type": "clip_vision_model",
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
            "projection_dim": 32,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    whole = LlavaProcessor(
        images,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=tokenizer.chat_template,
    )
    return Parts(tokenizer, config, whole)


BUILDERS: dict[str, Callable[[], Parts]] = {
    builder.__name__: builder
    for builder in (
        *(qwen3_vl, qwen2_5_vl, qwen3_5, internvl, idefics3, smolvlm, gemma3, llava_next, llava_onevision),
        *(llava, llava_squashed, llava_padded),
        *(qwen2_vl, qwen3_vl_moe, qwen3_5_moe, aya_vision, mistral3, internvl_gpt_oss, llava_gemma2),
    )
}


def build(family: str, folder: Path, seed: int = 0) -> Path:
    """Write a tiny random model of a family, its tokenizer and its image processor to a folder."""
    parts = BUILDERS[family]()
    making: Any = AutoModelForImageTextToText
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = making.from_config(parts.config)
        _quieten_vision(model)
    model.generation_config.eos_token_id = parts.tokenizer.eos_token_id
    model.generation_config.pad_token_id = parts.tokenizer.pad_token_id
    model.save_pretrained(folder)
    parts.tokenizer.save_pretrained(folder)
    parts.image_processor.save_pretrained(folder)
    return folder


@torch.no_grad()
def _quieten_vision(model: torch.nn.Module) -> None:
    """Scale down what a patch gets from the others, and fill what a family starts at zero."""
    towers = ("visual.", "vision_tower.", "vision_model.")
    outputs = ("attn.proj.", "out_proj.", "projection_layer.", "o_proj.")
    for name, parameter in model.named_parameters():
        if any(tower in name for tower in towers) and any(output in name for output in outputs):
            parameter.mul_(0.05)
        elif name.endswith("mm_input_projection_weight"):
            parameter.normal_(std=0.2)
