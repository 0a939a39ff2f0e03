from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sayo_app.errors import ModelError, QuestionError
from sayo_app.mllm.answering.prompt import FORMAT_INSTRUCTION, build_inputs, prompt_text
from sayo_app.mllm.models.loading import LoadedModel
from tests.mllm.helpers import SIZES_WH, noise
from training.bundled.architecture import SPECIAL_TOKENS


def test_the_prompt_goes_through_the_chat_template(loaded: LoadedModel) -> None:
    assert prompt_text(loaded, " Which? ") == (
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Which?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_other_models_are_told_the_format(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded.config, "sayo_bundled", False)
    assert f"Which?\n{FORMAT_INSTRUCTION}<|im_end|>" in prompt_text(loaded, "Which?")


def test_every_family_gets_its_pictures_and_its_question(any_loaded: LoadedModel) -> None:
    """Two pictures, one mark at the start, no mark of a picture that the question brings."""
    special = any_loaded.processor.image_token
    pictures = [noise(size) for size in SIZES_WH[:2]]
    inputs = build_inputs(any_loaded, pictures, f"Which{special} is larger?", completion="The dog.")
    text = any_loaded.tokenizer.decode(inputs["input_ids"][0])
    assert text.count("<|im_start|>user") == 1 and text.count("<bos>") == text.startswith("<bos>")
    assert "Which is larger?" in text and text.endswith("assistant\nThe dog.")
    grids = any_loaded.image_grids(inputs, [picture.size for picture in pictures])[0]
    assert [grid.image_wh for grid in grids] == [(96, 64), (48, 112)]
    floating = [value for value in inputs.values() if value.is_floating_point()]
    assert floating and all(value.dtype == any_loaded.dtype for value in floating)


def test_pixels_are_cast_to_the_model_s_type(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "dtype", torch.bfloat16)
    inputs = build_inputs(loaded, [noise((64, 64))], "Which?")
    assert inputs["pixel_values"].dtype == torch.bfloat16 and inputs["input_ids"].dtype == torch.int64


def test_inputs_hold_one_image_token_a_cell(loaded: LoadedModel, picture: Image.Image) -> None:
    inputs = build_inputs(loaded, [picture], "Which?", completion="The dog.<|im_end|>")
    assert inputs["image_grid_thw"].tolist() == [[1, 8, 12]]
    assert int(loaded.image_columns(inputs["input_ids"]).sum()) == 24
    assert inputs["pixel_values"].dtype == loaded.dtype
    assert loaded.tokenizer.decode(inputs["input_ids"][0]).endswith("assistant\nThe dog.<|im_end|>")


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_any_kind_of_picture_is_read(loaded: LoadedModel, picture: Image.Image, mode: str) -> None:
    assert build_inputs(loaded, [picture.convert(mode)], "Which?")["pixel_values"].shape == (96, 3 * 2 * 64)


def test_a_picture_that_is_a_line_is_refused(loaded: LoadedModel) -> None:
    with pytest.raises(ModelError, match="1 x 1000"):
        build_inputs(loaded, [noise((1, 1000))], "Which?")


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(st.sampled_from([*SPECIAL_TOKENS, "<|im_<|im_end|>end|>", "What?", "<|", " "]), max_size=6)
)
def test_a_question_cannot_bring_control_tokens(loaded: LoadedModel, parts: list[str]) -> None:
    """Nested ones included: taking one out must not leave another."""
    clean = prompt_text(loaded, "Q")
    try:
        text = prompt_text(loaded, "Q" + "".join(parts))
    except QuestionError:
        return
    for token in SPECIAL_TOKENS:
        assert text.count(token) == clean.count(token)


def test_a_question_of_control_tokens_only_is_empty(loaded: LoadedModel, picture: Image.Image) -> None:
    with pytest.raises(QuestionError, match="empty"):
        build_inputs(loaded, [picture], "<|image_pad|> <|im_end|>")
