"""Every test gets its own data folder and checked tensor shapes without asking."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

import tests.shapes

# Shapes in signatures are checked under pytest only: the hook must come before the packages.
install_import_hook(["sayo_app", "storage", "training"], f"{tests.shapes.__name__}.checked")

# By name only: most tests need no model, and the classes take seconds to import.
FAMILIES = (
    "qwen3_vl",
    "qwen2_5_vl",
    "qwen3_5",
    "internvl",
    "idefics3",
    "smolvlm",
    "gemma3",
    "llava_onevision",
)

# A busy machine is no failure, and the same code gives the same result.
settings.register_profile("studio", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("studio")


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh data folder a test; `Settings.from_environment()` finds it."""
    folder = tmp_path / "data"
    monkeypatch.setenv("SAYO_DATA_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen3-VL in a folder; give it to `Settings(model=str(tiny_model_dir))`."""
    from tests.tiny import build_tiny_model

    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session", params=FAMILIES)
def any_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model of each family in turn."""
    from tests.families import build

    return build(request.param, tmp_path_factory.mktemp("models") / request.param)
