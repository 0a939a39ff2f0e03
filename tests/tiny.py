"""A tiny random Qwen3-VL in a folder, laid out like the bundled model.

An honest fake: the real classes with few, random weights. It answers nonsense, but every token, row and
gradient goes the way it goes in a real model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from training.bundled.architecture import CHAT_TEMPLATE, SPECIAL_TOKENS

PIXELS_PER_TOKEN = 16
EOS, PAD = "<|im_end|>", "<|endoftext|>"
CORPUS = (
    "user\n assistant\n system\n <answer>cat</answer> <answer>red</answer> <answer>3</answer>",
    "What is left of the cat? What colour is the tag on the dog? Which object carries the letter K?",
    "The dog is at the right. Its tag is blue. The object left of it is a car. How many apples are there?",
    "The house is larger than the key. Which is larger, the rocket or the tree? Is the fish above the cake?",
)


def build_tokenizer() -> PreTrainedTokenizerFast:
    return trained_tokenizer(SPECIAL_TOKENS, CHAT_TEMPLATE, additional_special_tokens=list(SPECIAL_TOKENS))


def trained_tokenizer(special: tuple[str, ...], template: str, **kwargs: Any) -> PreTrainedTokenizerFast:
    """Byte-level BPE of a few hundred tokens: any text goes in and comes out unchanged.

    Args:
        special: a family's tokens; those that begin and end turns are the same in all.
        kwargs: for the tokenizer; `bos_token` is written before every text, too.
    """
    special = tuple(dict.fromkeys((PAD, "<|im_start|>", EOS, *special)))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    if bos := kwargs.get("bos_token"):
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        pad_token=PAD,
        chat_template=template,
        padding_side="left",
        **kwargs,
    )


def build_config(tokenizer: PreTrainedTokenizerFast) -> Qwen3VLConfig:
    """Three decoder layers with grouped queries, three vision blocks, two of them fed to the decoder."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    return Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 2048,
            "initializer_range": 0.2,
            "pad_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [4, 2, 2],
                "mrope_interleaved": True,
            },
        },
        vision_config={
            "depth": 3,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": PIXELS_PER_TOKEN // 2,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": 64,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
            "initializer_range": 0.2,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
        sayo_bundled=True,
    )


def build_tiny_model(folder: Path, seed: int = 0) -> Path:
    """Write model, tokenizer and image processor to a folder that `load_model` can read."""
    tokenizer = build_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen3VLForConditionalGeneration(build_config(tokenizer))
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Qwen2VLImageProcessorPil(
        patch_size=PIXELS_PER_TOKEN // 2,
        merge_size=2,
        temporal_patch_size=2,
        size={"shortest_edge": 4 * PIXELS_PER_TOKEN**2, "longest_edge": 48 * PIXELS_PER_TOKEN**2},
    ).save_pretrained(folder)
    return folder
