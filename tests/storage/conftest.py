"""A store, and shorthands to fill it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from sayo_app.core.region import Region
from sayo_app.settings import Settings
from storage.records import CorrectionRecord
from storage.store import Store


@pytest.fixture
def settings() -> Settings:
    return Settings.from_environment()


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings)


@pytest.fixture
def picture_id(store: Store) -> str:
    """A grey picture, 100 x 50."""
    return store.add_picture(Image.new("RGB", (100, 50), "grey")).id


@pytest.fixture
def correct(store: Store, picture_id: str) -> Callable[..., CorrectionRecord]:
    """Stores a correction; name only what matters to the test."""

    def add(**fields: Any) -> CorrectionRecord:
        defaults = {
            "picture_id": picture_id,
            "question": "What is left of the apple?",
            "model": "bundled",
            "adapter_id": None,
            "answer_shown": "A pear. <answer>pear</answer>",
            "trace_id": None,
            "regions": [Region.box(10, 5, 30, 25)],
            "corrected_answer": None,
        }
        return store.add_correction(**(defaults | fields))

    return add
