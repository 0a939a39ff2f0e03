from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from sayo_app.errors import AdapterError
from sayo_app.mllm.answering.chat import answer
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.models import adapters
from sayo_app.mllm.models.loading import LoadedModel
from tests.conftest import EVERY_FAMILY
from tests.mllm.helpers import noise


@torch.no_grad()
def logits(loaded: LoadedModel) -> torch.Tensor:
    return loaded.model(**build_inputs(loaded, [noise((64, 64))], "Which is larger?")).logits[0, -1]


@pytest.fixture
def folder(fresh: LoadedModel, tmp_path: Path) -> Path:
    """A saved adapter of random weights; `fresh` is left without it."""
    return save_random(fresh, tmp_path / "adapter", seed=1)


def save_random(loaded: LoadedModel, folder: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    config = adapters.lora_config(rank=4, alpha=8)
    config.init_lora_weights = False
    model = adapters.attach(loaded.model, config, "made")
    adapters.save_adapter(model, "made", folder)
    loaded.model = model.unload()
    return folder


def test_lora_stands_at_every_linear_layer_of_the_language_model_only(fresh: LoadedModel) -> None:
    model = adapters.attach(fresh.model, adapters.lora_config(rank=4, alpha=8))
    trainable = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert len(trainable) == 3 * 7 * 2 and all(".policy." in name for name in trainable)
    assert all("language_model.layers" in name for name in trainable)
    assert model.active_adapter == "policy"


@EVERY_FAMILY
def test_lora_fits_every_family(any_fresh: LoadedModel) -> None:
    """All linear layers of the decoder but the gates of experts, and nothing else."""
    layers = any_fresh.family.decoder_layers(any_fresh.model)
    linear = sum(
        isinstance(module, torch.nn.Linear) and not name.endswith("expert_gate")
        for name, module in layers.named_modules()
    )
    model = adapters.attach(any_fresh.model, adapters.lora_config(rank=4, alpha=8))
    trainable = {parameter for parameter in model.parameters() if parameter.requires_grad}
    assert len(trainable) == 2 * linear > 0 and trainable <= set(layers.parameters())


def test_a_fresh_adapter_changes_nothing(fresh: LoadedModel) -> None:
    before = logits(fresh)
    fresh.model = adapters.attach(fresh.model, adapters.lora_config())
    assert torch.equal(logits(fresh), before)


def test_save_load_switch_and_off(fresh: LoadedModel, tmp_path: Path) -> None:
    base = logits(fresh)
    torch.manual_seed(1)
    config = adapters.lora_config(rank=4, alpha=8)
    config.init_lora_weights = False
    model = adapters.attach(fresh.model, config, "made")
    fresh.model = model
    wanted = logits(fresh)
    folder = adapters.save_adapter(model, "made", tmp_path / "deep" / "adapter")
    fresh.model = model.unload()
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["adapter"], "nothing temporary may stay behind"

    adapters.load_adapter(fresh, folder, "first")
    assert adapters.active(fresh) is None and torch.equal(logits(fresh), base), "loading switches nothing on"
    other = save_random_beside(fresh, tmp_path)
    adapters.switch(fresh, "first")
    torch.testing.assert_close(logits(fresh), wanted)
    adapters.load_adapter(fresh, other, "second")
    assert adapters.active(fresh) == "first" and adapters.names(fresh) == ("first", "second")
    torch.testing.assert_close(logits(fresh), wanted)
    adapters.switch(fresh, "second")
    assert (logits(fresh) - wanted).abs().max() > 1e-3
    adapters.switch(fresh, None)
    assert torch.equal(logits(fresh), base)
    assert not any(
        parameter.requires_grad for name, parameter in fresh.model.named_parameters() if "lora_" in name
    )


def save_random_beside(loaded: LoadedModel, tmp_path: Path) -> Path:
    """Another adapter for the same model, made from the first one's file."""
    folder = tmp_path / "other"
    shutil.copytree(tmp_path / "deep" / "adapter", folder)
    weights = load_file(folder / "adapter_model.safetensors")
    save_file({key: -2 * tensor for key, tensor in weights.items()}, folder / "adapter_model.safetensors")
    return folder


def test_a_trainable_adapter_stays_trainable_through_a_switch(fresh: LoadedModel, folder: Path) -> None:
    adapters.load_adapter(fresh, folder, "reference")
    adapters.load_adapter(fresh, folder, "policy", trainable=True)
    for name in ("reference", "policy"):
        adapters.switch(fresh, name)
    trainable = [name for name, parameter in fresh.model.named_parameters() if parameter.requires_grad]
    assert len(trainable) == 42 and all(".policy." in name for name in trainable)


def test_saving_again_replaces_the_folder(fresh: LoadedModel, folder: Path) -> None:
    before = (folder / "adapter_model.safetensors").read_bytes()
    save_random(fresh, folder, seed=2)
    assert (folder / "adapter_model.safetensors").read_bytes() != before


def test_a_saved_adapter_names_no_path_of_this_machine(folder: Path) -> None:
    config = json.loads((folder / "adapter_config.json").read_text())
    assert "/" not in (config["base_model_name_or_path"] or "") and config["inference_mode"] is True


def test_an_unknown_name_is_refused(fresh: LoadedModel, folder: Path) -> None:
    with pytest.raises(AdapterError, match="'nobody'"):
        adapters.switch(fresh, "nobody")
    adapters.load_adapter(fresh, folder, "first")
    with pytest.raises(AdapterError, match="in use"):
        adapters.load_adapter(fresh, folder, "first")


DAMAGE = {
    "no folder": lambda folder: shutil.rmtree(folder),
    "no config": lambda folder: (folder / "adapter_config.json").unlink(),
    "no weights": lambda folder: (folder / "adapter_model.safetensors").unlink(),
    "config is not JSON": lambda folder: (folder / "adapter_config.json").write_text("{"),
    "config is a list": lambda folder: (folder / "adapter_config.json").write_text("[]"),
    "not LoRA": lambda folder: edit_config(folder, peft_type="PREFIX_TUNING"),
    "weights cut short": lambda folder: cut_short(folder / "adapter_model.safetensors"),
    "weights are empty": lambda folder: (folder / "adapter_model.safetensors").write_bytes(b""),
    "a weight is NaN": lambda folder: edit_weights(folder, lambda key, it: it * float("nan")),
    "another width": lambda folder: edit_weights(folder, lambda key, it: torch.cat([it, it], dim=1)),
    "another rank": lambda folder: edit_config(folder, r=8),
    "other layers": lambda folder: edit_weights(folder, lambda key, it: it, rename=("layers.2", "layers.9")),
    "a tensor too few": lambda folder: edit_weights(folder, lambda key, it: it, drop="1.mlp.up_proj.lora_A"),
}  # fmt: skip


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def edit_weights(folder: Path, change, rename: tuple[str, str] = ("", ""), drop: str = "?") -> None:  # type: ignore[no-untyped-def]
    path = folder / "adapter_model.safetensors"
    weights = load_file(path)
    save_file({key.replace(*rename): change(key, it) for key, it in weights.items() if drop not in key}, path)


def test_a_missing_damaged_or_unfitting_adapter_leaves_the_model_as_it_was(
    fresh: LoadedModel, folder: Path, tmp_path: Path
) -> None:
    """With and without an adapter already there."""
    base = logits(fresh)
    for already in (False, True):
        if already:
            adapters.load_adapter(fresh, folder, "good")
            adapters.switch(fresh, "good")
        before, loaded_names = logits(fresh), adapters.names(fresh)
        for case, damage in DAMAGE.items():
            broken = tmp_path / f"{already}-{case}"
            shutil.copytree(folder, broken)
            damage(broken)
            with pytest.raises(AdapterError) as caught:
                adapters.load_adapter(fresh, broken, "broken")
            assert caught.value.remedy, case
            assert adapters.names(fresh) == loaded_names, case
            assert torch.equal(logits(fresh), before), case
    adapters.switch(fresh, None)
    assert torch.equal(logits(fresh), base)


def test_one_answer_with_an_adapter_switches_back(
    fresh: LoadedModel, folder: Path, picture: Image.Image
) -> None:
    adapters.load_adapter(fresh, folder, "first")

    def text(**kwargs: object) -> str:
        *_, last = answer(fresh, [picture], "Which?", max_new_tokens=8, **kwargs)  # type: ignore[arg-type]
        return last.text

    base = text()
    adapted = text(adapter="first")
    assert adapted != base and adapters.active(fresh) is None and text() == base
    adapters.switch(fresh, "first")
    assert text() == adapted and text(adapter=None) == base and adapters.active(fresh) == "first"
    stream = answer(fresh, [picture], "Which?", max_new_tokens=8, adapter=None)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert adapters.active(fresh) == "first" and not fresh.lock.locked()
