"""Adapters that come into the registry from elsewhere are tried on the model first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sayo_app.errors import AdapterError
from sayo_app.mllm.models.adapters import attach, lora_config, names, save_adapter
from sayo_app.mllm.models.loading import load_model
from sayo_app.settings import Settings
from sayo_app.ui.serving import launch_options
from sayo_app.ui.shared.studio import Studio
from storage.store import Store


def test_an_adapter_from_elsewhere_is_taken_if_it_fits(
    data_dir: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    settings = Settings(data_dir=data_dir, model=str(tiny_model_dir), device="cpu")
    maker = load_model(settings)
    sent = save_adapter(attach(maker.model, lora_config(rank=2)), "policy", tmp_path / "sent")
    studio = Studio(settings, Store(settings))
    studio.load_in_background()
    files = sorted(sent.iterdir())
    one, two = (studio.import_adapter(files, name) for name in ("one", "two"))
    assert [it.name for it in studio.adapters()] in (["one", "two"], ["two", "one"])
    assert studio.active_id() is None
    studio.switch(one.id)
    assert names(studio.loaded()) == (f"adapter-{one.id}", f"adapter-{two.id}")

    tight = Studio(settings.replace(max_adapter_bytes=100), studio.store)
    tight.load_in_background()
    with pytest.raises(AdapterError, match="at most 100 bytes"):
        tight.import_adapter(files, "too large")

    config = json.loads((sent / "adapter_config.json").read_text())
    (sent / "adapter_config.json").write_text(json.dumps(config | {"r": 3}))
    with pytest.raises(AdapterError):
        studio.import_adapter(files, "misfit")
    assert len(studio.adapters()) == 2
    assert {path.name for path in settings.adapters_dir.iterdir()} == {one.path.name, two.path.name}
    assert (studio.active_id(), studio.loaded().adapter) == (one.id, f"adapter-{one.id}")


def test_an_upload_may_be_as_large_as_the_largest_kind_of_file(data_dir: Path) -> None:
    """LoRA of rank 16 on an 8B model has about 170 MB."""
    assert launch_options(Settings(data_dir=data_dir))["max_file_size"] >= 2_000_000_000
    small = {"max_file_bytes": 5, "max_trace_bytes": 6, "max_import_bytes": 4, "max_adapter_bytes": 7}
    assert launch_options(Settings(data_dir=data_dir, **small))["max_file_size"] == 7
