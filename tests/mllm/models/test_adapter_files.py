"""Adapters that come from elsewhere: what is taken, and what is refused without touching anything."""

from __future__ import annotations

import json
import os
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sayo_app.errors import AdapterError
from sayo_app.mllm.models.adapter_files import clean_config, pack_adapter, unpack_adapter
from sayo_app.mllm.models.adapters import attach, load_adapter, lora_config, names, save_adapter
from sayo_app.mllm.models.loading import load_model
from sayo_app.settings import Settings

CONFIG = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "bias": "none"}


@pytest.fixture
def saved(tiny_model_dir: Path, tmp_path: Path) -> Path:
    loaded = load_model(Settings(model=str(tiny_model_dir), device="cpu"))
    folder = save_adapter(attach(loaded.model, lora_config(rank=2)), "policy", tmp_path / "saved")
    (folder / "README.md").write_text("A card")
    return folder


@pytest.mark.parametrize("as_zip", [True, False])
def test_an_adapter_goes_out_and_comes_in(saved: Path, tmp_path: Path, as_zip: bool) -> None:
    packed = tmp_path / "packed.zip"
    pack_adapter(saved, packed)
    unpack_adapter([packed] if as_zip else sorted(saved.iterdir()), tmp_path / "in", "tiny")
    for name in ("adapter_model.safetensors", "README.md"):
        assert (tmp_path / "in" / name).read_bytes() == (saved / name).read_bytes()
    assert json.loads((tmp_path / "in" / "adapter_config.json").read_text())["r"] == 2


def test_what_came_in_can_be_loaded(saved: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    unpack_adapter(sorted(saved.iterdir()), tmp_path / "in", "tiny")
    fresh = load_model(Settings(model=str(tiny_model_dir), device="cpu"))
    load_adapter(fresh, tmp_path / "in", "theirs")
    assert names(fresh) == ("theirs",)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"peft_type": "IA3"}, "LoRA"),
        ({"base_model_name_or_path": "other/model"}, "other/model"),
        ({"target_modules": "(a+)+$"}, "target_modules"),
        ({"target_modules": ["(a+)+$"]}, "target_modules"),
        ({"target_modules": None}, "target_modules"),
        ({"rank_pattern": {"(a+)+$": 3}}, "rank_pattern"),
        ({"r": 10_000_000}, "rank of 1 to 1,024, got 10000000"),
        ({"r": 0}, "rank of 1"),
        ({"r": True}, "rank of 1"),
        ({"rank_pattern": {"q_proj": 10_000_000}}, "rank of 1"),
        ({"rank_pattern": {"q_proj": "4"}}, "rank of 1"),
        ({"lora_alpha": float("nan")}, "alpha above 0"),
        ({"lora_alpha": 1e300}, "alpha above 0 and at most 16,384"),
        ({"lora_alpha": 0}, "alpha above 0"),
        ({"alpha_pattern": {"q_proj": float("inf")}}, "alpha above 0"),
    ],
)
def test_configurations_that_are_not_taken(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(AdapterError, match=why):
        clean_config(json.dumps(CONFIG | changes).encode(), "org/tiny")


def test_only_plain_settings_are_kept() -> None:
    sent = CONFIG | {
        "base_model_name_or_path": "elsewhere/tiny",
        "auto_mapping": {"a": "b"},
        "layers_pattern": "x",
    }
    kept = clean_config(json.dumps(sent).encode(), "org/tiny")
    assert kept == CONFIG | {
        "base_model_name_or_path": "elsewhere/tiny",
        "rank_pattern": {},
        "alpha_pattern": {},
    }


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"adapter_config.json": b"{}"}, "no adapter_model.safetensors"),
        ({"../adapter_config.json": b"{}"}, "plain file names"),
        ({"/adapter_config.json": b"{}"}, "plain file names"),
        ({"a/b/adapter_config.json": b"{}"}, "plain file names"),
        ({"adapter_config.json": b"{", "adapter_model.safetensors": b""}, "JSON"),
        ({"adapter_config.json": b"[" * 100_000, "adapter_model.safetensors": b""}, "JSON"),
        ({f"{i}": b"" for i in range(30)}, "whole zip"),
        ({"adapter_config.json": b" " * 2_000_000, "adapter_model.safetensors": b""}, "whole zip"),
    ],
)
def test_zip_files_that_are_not_taken(tmp_path: Path, members: dict[str, bytes], why: str) -> None:
    path = tmp_path / "sent.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(AdapterError, match=why):
        unpack_adapter([path], tmp_path / "adapters" / "in", "tiny")
    assert not list(tmp_path.glob("adapters/*"))


@pytest.mark.parametrize("as_zip", [True, False])
def test_weights_are_as_large_as_the_setting_says(saved: Path, tmp_path: Path, as_zip: bool) -> None:
    packed = tmp_path / "packed.zip"
    pack_adapter(saved, packed)
    size = (saved / "adapter_model.safetensors").stat().st_size
    paths = [packed] if as_zip else sorted(saved.iterdir())
    with pytest.raises(AdapterError, match="at most"):
        unpack_adapter(paths, tmp_path / "adapters" / "in", "tiny", Settings(max_adapter_bytes=size - 1))
    assert not list(tmp_path.glob("adapters/*"))
    unpack_adapter(paths, tmp_path / "adapters" / "in", "tiny", Settings(max_adapter_bytes=size))
    assert (tmp_path / "adapters" / "in").is_dir()


def test_a_zip_that_says_it_is_smaller_than_it_is_lays_down_no_more_than_it_says(
    saved: Path, tmp_path: Path
) -> None:
    """64 MB of noughts that call themselves 1,000 bytes."""
    path = tmp_path / "sent.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(saved / "adapter_config.json", "adapter_config.json")
        archive.writestr("adapter_model.safetensors", bytes(64_000_000))
    size = (64_000_000).to_bytes(4, "little")
    data = path.read_bytes()
    assert data.count(size) == 2
    path.write_bytes(data.replace(size, (1_000).to_bytes(4, "little")))
    tracemalloc.start()
    with pytest.raises(AdapterError, match="whole zip"):
        unpack_adapter([path], tmp_path / "adapters" / "in", "tiny")
    assert tracemalloc.get_traced_memory()[1] < 16_000_000
    tracemalloc.stop()
    assert not list(tmp_path.glob("adapters/*"))


def test_a_zip_that_packs_too_well_is_not_unpacked(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 MB of noughts in 300 KB. Half of a fresh adapter is noughts too, and goes out and in above."""
    path = tmp_path / "sent.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(saved / "adapter_config.json", "adapter_config.json")
        archive.writestr("adapter_model.safetensors", bytes(300_000_000))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(AdapterError, match="weights that differ, got 300,001"):
        unpack_adapter([path], tmp_path / "adapters" / "in", "tiny")
    assert not list(tmp_path.glob("adapters/*"))


def test_weights_are_not_held_in_memory(saved: Path, tmp_path: Path) -> None:
    """64 MB out and in, by a zip and by files."""
    (saved / "adapter_model.safetensors").write_bytes(b"\0" * 60_000_000 + os.urandom(4_000_000))
    tracemalloc.start()
    pack_adapter(saved, tmp_path / "packed.zip")
    unpack_adapter([tmp_path / "packed.zip"], tmp_path / "zip", "tiny")
    unpack_adapter(sorted(saved.iterdir()), tmp_path / "loose", "tiny")
    assert tracemalloc.get_traced_memory()[1] < 16_000_000
    tracemalloc.stop()
    for name in ("zip", "loose"):
        assert (tmp_path / name / "adapter_model.safetensors").stat().st_size == 64_000_000


def test_what_is_no_zip_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "sent.zip"
    path.write_bytes(b"not a zip")
    with pytest.raises(AdapterError, match="whole zip"):
        unpack_adapter([path], tmp_path / "in", "tiny")
    with pytest.raises(AdapterError, match="no adapter_config"):
        unpack_adapter([], tmp_path / "in", "tiny")
