"""A tiny random model, freshly loaded, and samples on small pictures of different sizes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.settings import Settings
from training.data.samples import Sample

QUESTIONS = (
    "What colour is the tag on the dog?",
    "Which is larger?",
    "What is left of the cat? What is above the tree?",
)
SIZES_WH = ((96, 64), (64, 64), (48, 112))


@pytest.fixture
def loaded(tiny_model_dir: Path) -> LoadedModel:
    return load_model(Settings(model=str(tiny_model_dir), device="cpu"))


@pytest.fixture
def any_loaded(any_dir: Path) -> LoadedModel:
    """Every family in turn."""
    return load_model(Settings(model=str(any_dir), device="cpu"))


@pytest.fixture
def samples() -> list[Sample]:
    return [make_sample(i) for i in range(6)]


def make_sample(i: int) -> Sample:
    """Noise with a region in its top left quarter; pictures and questions differ in size and length."""
    width, height = SIZES_WH[i % len(SIZES_WH)]
    pixels = np.random.default_rng(i).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Sample(
        picture_id=f"picture-{i}",
        open_picture=lambda: Image.fromarray(pixels),
        question=QUESTIONS[i % len(QUESTIONS)],
        answer="red",
        regions=(Region.box(0, 0, width / 2, height / 2),),
        family="attribute",
    )


@pytest.fixture
def restored_signals() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
