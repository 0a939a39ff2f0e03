"""A model that cannot be loaded: the reason, and a remedy that helps."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError
from transformers import AutoConfig

from sayo_app.errors import ModelLoadError
from sayo_app.mllm.models.load_errors import as_load_error
from sayo_app.mllm.models.loading import load_model
from sayo_app.settings import Settings


@pytest.fixture
def folder(tiny_model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "model"))


def configured(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))

    return change


def only(name: str, text: str = "{}") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for path in folder.iterdir():
            path.unlink()
        (folder / name).write_text(text)

    return change


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


LORA = json.dumps({"peft_type": "LORA", "base_model_name_or_path": "Qwen/Qwen3-VL-8B-Instruct"})
QUANTISED = {"quant_method": "bitsandbytes", "load_in_4bit": True}
COMPRESSED = {"quant_method": "compressed-tensors"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (configured(quantization_config=QUANTISED), r'packages.*`pip install "bitsandbytes[>=.\d]*"`'),
        (configured(quantization_config=COMPRESSED), r'packages.*`pip install "compressed-tensors[>=.\d]*"`'),
        (configured(model_type="novel_vl"), "that transformers .* knows.*novel_vl.*later transformers"),
        (configured(model_type="x", auto_map={"AutoConfig": "a.B"}), "brings some.*--trust-remote-code"),
        (only("adapter_config.json", LORA), "is an adapter.*--model Qwen/Qwen3-VL-8B-Instruct.*Compare tab"),
        (only("adapter_config.json", "[]"), "is an adapter.*the model that it was made for"),
        (only("model-Q4_K_M.gguf"), "llama.cpp"),
        (pickled, "weights in safetensors.*load and save it once"),
        (only("README.md"), "a complete model"),
    ],
)
def test_the_remedy_fits_the_fault(folder: Path, change: Callable[[Path], None], why: str) -> None:
    change(folder)
    with pytest.raises(ModelLoadError, match=why):
        load_model(Settings(model=str(folder), device="cpu"))


def refusal() -> GatedRepoError:
    request = httpx.Request("GET", "https://huggingface.co/google/gemma-3-4b-it/resolve/main/config.json")
    return GatedRepoError("Access is restricted.", response=httpx.Response(403, request=request))


@pytest.mark.parametrize("asked", ["its description", "its files"])
def test_a_gated_model_says_where_to_ask(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise refusal()

    def refuse_files(*_: Any, **__: Any) -> Any:
        try:
            refuse()
        except GatedRepoError as error:
            raise OSError("You are trying to access a file of it.") from error

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("sayo_app.mllm.models.loading.is_offline_mode", lambda: False)
    monkeypatch.setattr(HfApi, "model_info", refuse if asked == "its description" else lambda *_, **__: None)
    monkeypatch.setattr(AutoConfig, "from_pretrained", refuse_files)
    with pytest.raises(ModelLoadError, match=r"right to read.*huggingface.co/google/gemma-3-4b-it,.*hf auth"):
        load_model(Settings(model="google/gemma-3-4b-it", device="cpu"))


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            ImportError("\nIt requires the Torchvision library but it was not found in your environment."),
            f'pip install "torchvision"` (the build for torch {torch.__version__})',
        ),
        (ModuleNotFoundError("No module named 'decord.bridge'", name="decord.bridge"), 'install "decord"`,'),
        (RuntimeError("broken.\nmore"), "RuntimeError: broken. Download"),
        (MemoryError(), "does not fit"),
    ],
)
def test_what_libraries_say_is_told_in_a_line(error: Exception, why: str) -> None:
    with (
        pytest.raises(ModelLoadError, match=re.escape(why)) as told,
        as_load_error("meta-llama/Llama-4-Scout"),
    ):
        raise error
    assert "\n" not in str(told.value)
