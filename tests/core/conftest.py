from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sayo_app.core.attention.steps import split_steps
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.grid import ImageGrid
from tests.core.bundles.handmade import exported, make_bundle

TOKENS = ("A", " dog", ".", " <", "answer", ">", "dog", "</", "answer", ">", "<|im_end|>")


@pytest.fixture
def make_trace() -> Callable[..., AttentionTrace]:
    """A trace of TOKENS over 4 layers and a 2 x 3 grid; any field can be given."""

    def make(**changes: Any) -> AttentionTrace:
        random = np.random.default_rng(0)
        fields: dict[str, Any] = {
            "tokens": TOKENS,
            "token_ids": tuple(range(len(TOKENS))),
            "attention": random.random((len(TOKENS) - 1, 4, 6)).astype(np.float32) / 6,
            "layers": (0, 1, 2, 3),
            "depth": 4,
            "entropies": random.random(len(TOKENS)).astype(np.float32),
            "grids": (ImageGrid.regular((60, 40), (2, 3)),),
            "steps": split_steps(TOKENS),
            "text": "A dog. <answer>dog</answer>",
            "sink_mask": np.array([True, True, False, True, True, True]),
        }
        return AttentionTrace(**fields | changes)

    return make


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of an exported answer."""
    return exported(tmp_path_factory.mktemp("whole"), make_bundle())


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a file can be put that somebody sent."""
    return tmp_path_factory.mktemp("scratch") / "sent.zip"
