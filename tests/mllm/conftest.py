"""The tiny model loaded as the app loads it, its eager twin as the reference, and pictures of noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from transformers import BatchFeature, Qwen3VLForConditionalGeneration

from sayo_app.mllm.loading import LoadedModel, load_model
from sayo_app.mllm.prompt import prompt_text
from sayo_app.settings import Settings
from tests.mllm.helpers import QUESTIONS, SIZES_WH, noise


@pytest.fixture(scope="session")
def loaded(tiny_model_dir: Path) -> LoadedModel:
    """Shared between tests: not to be changed."""
    return load_model(Settings(model=str(tiny_model_dir), device="cpu"))


@pytest.fixture
def fresh(tiny_model_dir: Path) -> LoadedModel:
    """A test's own model, to be changed at will."""
    return load_model(Settings(model=str(tiny_model_dir), device="cpu"))


@pytest.fixture
def eager(tiny_model_dir: Path) -> Any:
    """The same weights in plain transformers, which keeps whole attention matrices."""
    model = Qwen3VLForConditionalGeneration.from_pretrained(tiny_model_dir, attn_implementation="eager")
    return model.eval()


@pytest.fixture
def picture() -> Image.Image:
    return noise(SIZES_WH[0])


@pytest.fixture
def batch(loaded: LoadedModel) -> BatchFeature:
    """Three prompts of different lengths with pictures of different sizes, padded on the left."""
    texts = [prompt_text(loaded, question) for question in QUESTIONS]
    pictures = [noise(size, seed) for seed, size in enumerate(SIZES_WH)]
    inputs = loaded.processor(text=texts, images=pictures, padding=True, return_tensors="pt")
    assert (inputs["attention_mask"][:, 0] == 0).sum() == 2, "two of the three must be padded"
    return inputs
