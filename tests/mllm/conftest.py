"""Tiny models loaded as the app loads them, their eager twins as the reference, and pictures of noise.

`loaded`, `eager`, `batch`: one Qwen3-VL, for what is the same in all families. `any_*`: every family in turn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from transformers import AutoModelForImageTextToText, BatchFeature

from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.settings import Settings
from tests.mllm.helpers import SIZES_WH, noise, padded_batch


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
    return load_eager(tiny_model_dir)


@pytest.fixture
def picture() -> Image.Image:
    return noise(SIZES_WH[0])


@pytest.fixture
def batch(loaded: LoadedModel) -> BatchFeature:
    return padded_batch(loaded)


@pytest.fixture(scope="session")
def any_loaded(any_dir: Path) -> LoadedModel:
    """Shared between tests: not to be changed."""
    return load_model(Settings(model=str(any_dir), device="cpu"))


@pytest.fixture
def any_fresh(any_dir: Path) -> LoadedModel:
    """A test's own model, to be changed at will."""
    return load_model(Settings(model=str(any_dir), device="cpu"))


@pytest.fixture
def any_eager(any_dir: Path) -> Any:
    return load_eager(any_dir)


@pytest.fixture
def any_batch(any_loaded: LoadedModel) -> BatchFeature:
    return padded_batch(any_loaded)


def load_eager(folder: Path) -> Any:
    loading: Any = AutoModelForImageTextToText
    return loading.from_pretrained(folder, attn_implementation="eager").eval()
