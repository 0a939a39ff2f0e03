"""Tiny random models of every family, each in a folder that `load_model` can read.

Honest fakes, as in `tests.tiny`: the real classes, processors and chat markers with few, random weights. The
attention of the vision towers is weak, so that a patch's feature is mostly its own: that is what lets a test
tell which part of the picture a token stands for without a trained model.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForImageTextToText,
    LlavaConfig,
    LlavaProcessor,
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
from transformers.models.smolvlm import SmolVLMConfig
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from tests.families_qwen import qwen2_5_vl, qwen2_vl, qwen3_5, qwen3_5_moe, qwen3_vl, qwen3_vl_moe
from tests.family_parts import TEXT, VISION, Parts, template
from tests.tiny import trained_tokenizer


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
        tuple(special.values()), template("<IMG_CONTEXT>\n"), extra_special_tokens=special
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
        ("<image>", *markers), template("<image>"), extra_special_tokens=["<image>", *markers]
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
    tokenizer = trained_tokenizer(special, template("[IMG]"), extra_special_tokens=list(special))
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
        (*special, *markers), template("<image>"), extra_special_tokens=list(special + markers)
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
        template("<start_of_image>", start="{{ bos_token }}"),
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
    tokenizer = trained_tokenizer(("<image>",), template("<image>\n"), extra_special_tokens=["<image>"])
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
        ("<image>", "<video>"), template("<image>\n"), extra_special_tokens=["<image>", "<video>"]
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
    tokenizer = trained_tokenizer(("<image>",), template("<image>\n"), extra_special_tokens=["<image>"])
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
