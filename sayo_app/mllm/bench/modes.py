"""The four ways to answer that the bench compares, on a Qwen3-VL of a given shape with random weights.

plain      `generate` with SDPA: no attention is read.
capture    this project: `decode` with the rows of all full-attention layers, heads averaged.
eager      `generate(output_attentions=True)`, as the usual viewers do it: all matrices are kept.
hook       eager attention with a hook that copies each layer's whole matrix to the CPU, as the paper's code.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor, nn
from transformers import (
    LogitsProcessorList,
    PreTrainedTokenizerFast,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from sayo_app.mllm.answering.chat import stacked_rows
from sayo_app.mllm.answering.decode import decode
from sayo_app.mllm.attention import capture
from sayo_app.mllm.attention.capture import CaptureRequest
from sayo_app.mllm.models.families import FAMILIES
from sayo_app.mllm.models.loading import LoadedModel

IMAGE, VIDEO, VISION_START, VISION_END = 1, 2, 3, 4
QUESTION_TOKENS = 24


@dataclass(frozen=True)
class Shape:
    """A Qwen3-VL's sizes; the defaults are a small model's with the real vocabulary."""

    layers: int = 12
    hidden: int = 1024
    intermediate: int = 3072
    heads: int = 16
    kv_heads: int = 8
    head_dim: int = 128
    vocabulary: int = 151_936
    vision_layers: int = 2
    vision_hidden: int = 256

    @property
    def text_sizes(self) -> dict[str, int]:
        """In the words of a text configuration."""
        return {
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "max_position_embeddings": 32_768,
        }

    @property
    def vision_sizes(self) -> dict[str, int]:
        """In the words of a vision configuration."""
        return {
            "depth": self.vision_layers,
            "hidden_size": self.vision_hidden,
            "intermediate_size": 4 * self.vision_hidden,
            "num_heads": max(1, self.vision_hidden // 64),
            "out_hidden_size": self.hidden,
        }

    @property
    def mrope_section(self) -> list[int]:
        """Half of a head's numbers: time, height, width."""
        half = self.head_dim // 2
        side = half * 5 // 16
        return [half - 2 * side, side, side]


FULL_8B = Shape(36, 4096, 12_288, 32, 8, 128, 151_936, 27, 1152)


@dataclass(frozen=True, eq=False)
class Answered:
    """What one run gave.

    Attributes:
        seconds: prompt and new tokens together.
        decode_seconds: from the first token on.
        kept: whatever a viewer would have to keep.
    """

    token_ids: tuple[int, ...]
    seconds: float
    decode_seconds: float
    kept: Any = None


def build(shape: Shape, device: torch.device) -> LoadedModel:
    """The same random weights for the same shape; nothing in it ever ends an answer."""
    text = shape.text_sizes | {
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5_000_000.0,
            "mrope_section": shape.mrope_section,
            "mrope_interleaved": True,
        },
    }
    vision = shape.vision_sizes | {"deepstack_visual_indexes": [0]}
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        vision_start_token_id=VISION_START,
        vision_end_token_id=VISION_END,
        # Tied, a random model repeats its last token for ever.
        tie_word_embeddings=False,
    )
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            model: Any = Qwen3VLForConditionalGeneration(config).eval()
    finally:
        torch.set_default_dtype(before)
    # A token that is never sampled: every answer has its full length.
    model.generation_config.eos_token_id = VISION_END
    model.generation_config.pad_token_id = 0
    family = FAMILIES["qwen3_vl"]
    family.prepare(model)
    words = Tokenizer(WordLevel({"<pad>": 0}, unk_token="<pad>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>")
    return LoadedModel("random", model, None, tokenizer, family, device, dtype)


def prompt(loaded: LoadedModel, image_tokens: int) -> dict[str, Tensor]:
    """A picture of noise with so many image tokens, and a question of random words."""
    vision = loaded.config.vision_config
    merge, patch = int(vision.spatial_merge_size), int(vision.patch_size)
    rows = max(n for n in range(1, math.isqrt(image_tokens) + 1) if image_tokens % n == 0)
    generator = torch.Generator().manual_seed(1)
    numbers = 3 * int(vision.temporal_patch_size) * patch**2
    words = torch.randint(10, loaded.config.text_config.vocab_size, (QUESTION_TOKENS,), generator=generator)
    picture = torch.full((image_tokens,), IMAGE)
    ids = torch.cat([torch.tensor([VISION_START]), picture, torch.tensor([VISION_END]), words])[None]
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == IMAGE).int(),
        "pixel_values": torch.randn(image_tokens * merge**2, numbers, generator=generator).to(loaded.dtype),
        "image_grid_thw": torch.tensor([[1, rows * merge, image_tokens // rows * merge]]),
    }
    return {name: value.to(loaded.device) for name, value in inputs.items()}


def plain(loaded: LoadedModel, inputs: dict[str, Tensor], new_tokens: int) -> Answered:
    _use(loaded, "sdpa")
    return _generate(loaded, inputs, new_tokens)


def eager(loaded: LoadedModel, inputs: dict[str, Tensor], new_tokens: int) -> Answered:
    _use(loaded, "eager")
    return _generate(loaded, inputs, new_tokens, output_attentions=True)


def hook(loaded: LoadedModel, inputs: dict[str, Tensor], new_tokens: int) -> Answered:
    _use(loaded, "eager")
    copies: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: tuple[Tensor, Tensor]) -> None:
        copies.append(output[1].detach().to("cpu", copy=True))

    layers: Any = loaded.family.decoder_layers(loaded.model)
    handles = [layer.self_attn.register_forward_hook(keep) for layer in layers]
    try:
        answered = _generate(loaded, inputs, new_tokens)
    finally:
        for handle in handles:
            handle.remove()
    return Answered(answered.token_ids, answered.seconds, answered.decode_seconds, copies)


def captured(loaded: LoadedModel, inputs: dict[str, Tensor], new_tokens: int) -> Answered:
    _use(loaded, capture.NAME)
    columns = loaded.image_columns(inputs["input_ids"])
    start = _now(loaded)
    request = CaptureRequest(frozenset(loaded.attention_layers), columns, decoding=True)
    steps = decode(loaded, inputs, max_new_tokens=new_tokens, capture=request)
    ids = [int(next(steps).token_ids)]
    first = _now(loaded)
    ids += [int(step.token_ids) for step in steps]
    kept = stacked_rows(request, len(ids) - 1)
    stop = _now(loaded)
    return Answered(tuple(ids), stop - start, stop - first, kept)


MODES: dict[str, Callable[[LoadedModel, dict[str, Tensor], int], Answered]] = {
    "plain": plain,
    "capture": captured,
    "eager": eager,
    "hook": hook,
}


def matrix_bytes(shape: Shape, prompt_tokens: int, new_tokens: int, element: int) -> int:
    """What eager and hook keep, heads x queries x keys of every layer, and one layer's working copies."""
    decoding = sum(range(prompt_tokens + 1, prompt_tokens + new_tokens))
    kept = shape.layers * shape.heads * (prompt_tokens**2 + decoding) * element
    return kept + 2 * shape.heads * prompt_tokens**2 * 4


def _generate(loaded: LoadedModel, inputs: dict[str, Tensor], new_tokens: int, **kwargs: Any) -> Answered:
    times: list[float] = []

    def clock(_ids: Tensor, scores: Tensor) -> Tensor:
        if not times:
            times.append(_now(loaded))
        return scores

    suppressed = list(loaded.family.never_sampled(loaded.config))
    start = _now(loaded)
    output = loaded.model.generate(
        **inputs,
        max_new_tokens=new_tokens,
        do_sample=False,
        suppress_tokens=suppressed,
        return_dict_in_generate=True,
        logits_processor=LogitsProcessorList([clock]),
        **kwargs,
    )
    stop = _now(loaded)
    ids = output.sequences[0, inputs["input_ids"].shape[1] :].tolist()
    return Answered(tuple(ids), stop - start, stop - times[0], output.attentions)


def _use(loaded: LoadedModel, implementation: str) -> None:
    """The decoder's attention; the vision tower keeps SDPA in all modes."""
    loaded.model.set_attn_implementation({"text_config": implementation, "vision_config": "sdpa"})


def _now(loaded: LoadedModel) -> float:
    if loaded.device.type == "cuda":
        torch.cuda.synchronize(loaded.device)
    return time.perf_counter()
