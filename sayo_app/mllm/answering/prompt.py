"""Pictures and a question to model inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from transformers import BatchFeature

from sayo_app.core.question import check_question
from sayo_app.errors import ModelError
from sayo_app.mllm.models.loading import LoadedModel

# Models that were not trained on the format are asked for it.
FORMAT_INSTRUCTION = (
    "Look at the picture and reason step by step in a few short sentences. "
    "Then give the final answer, as briefly as possible, inside <answer> and </answer>."
)


def prompt_text(loaded: LoadedModel, question: str, n_pictures: int = 1) -> str:
    """The prompt as text, one placeholder a picture before the question, ending where the answer begins."""
    content: list[dict[str, Any]] = [{"type": "image"} for _ in range(n_pictures)]
    content.append({"type": "text", "text": question_text(loaded, question)})
    return chat_text(loaded, [{"role": "user", "content": content}])


def question_text(loaded: LoadedModel, question: str) -> str:
    """The question as the model is asked it."""
    question = _without_special_tokens(loaded, question)
    return question if loaded.is_bundled else f"{question}\n{FORMAT_INSTRUCTION}"


def chat_text(loaded: LoadedModel, messages: Sequence[Mapping[str, Any]]) -> str:
    """A chat in the model's own template, ending where the answer begins."""
    return str(loaded.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def build_inputs(
    loaded: LoadedModel, pictures: Sequence[Image.Image], question: str, completion: str | None = None
) -> BatchFeature:
    """A question on pictures as `text_inputs`.

    Args:
        completion: text that follows the prompt as it stands, special tokens included.

    Raises:
        QuestionError: an empty question.
        ModelError: a picture that the image processor cannot shape, such as a 1 x 1000 one.
    """
    text = prompt_text(loaded, question, len(pictures)) + (completion or "")
    return text_inputs(loaded, pictures, text)


def text_inputs(loaded: LoadedModel, pictures: Sequence[Image.Image], text: str) -> BatchFeature:
    """A batch of one on the model's device: `input_ids`, `attention_mask` and what the model's family calls
    its pictures; numbers with a fraction are of the model's type.

    Args:
        text: with a placeholder for each picture.

    Raises:
        ModelError: a picture that the image processor cannot shape, such as a 1 x 1000 one.
    """
    try:
        images = [picture.convert("RGB") for picture in pictures]
        # As in apply_chat_template: a template that writes the first token itself gets no second one.
        first = loaded.tokenizer.bos_token
        kwargs = {"add_special_tokens": False} if first and text.startswith(first) else {}
        inputs = loaded.processor(text=[text], images=images, return_tensors="pt", **kwargs)
    except ValueError as error:
        raise ModelError(
            expected="a picture that this model can read",
            got=f"{_sizes(pictures)} pixels: {error}",
            remedy="Crop or pad the picture and try again.",
        ) from error
    inputs.pop("labels", None)  # some add them to every prompt, for training
    inputs = inputs.to(loaded.device)
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor) and torch.is_floating_point(value):
            inputs[name] = value.to(loaded.dtype)
    return inputs


def _sizes(pictures: Sequence[Image.Image]) -> str:
    return " and ".join(f"{picture.width} x {picture.height}" for picture in pictures)


def _without_special_tokens(loaded: LoadedModel, question: str) -> str:
    """A question cannot end the turn or claim a second picture: special tokens in it are dropped."""
    names = ("image_token", "video_token")
    special = {
        *loaded.tokenizer.all_special_tokens,
        *(token.content for token in loaded.tokenizer.added_tokens_decoder.values() if token.special),
        *(token for name in names if (token := getattr(loaded.processor, name, None))),
    }
    while any(token in question for token in special):
        for token in special:
            question = question.replace(token, "")
    return check_question(question)
