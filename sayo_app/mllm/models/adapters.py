"""LoRA adapters: attach, load, switch, save.

Files are PEFT's own (`adapter_config.json`, `adapter_model.safetensors`), so an adapter goes anywhere
PEFT goes. Only safetensors are read: PEFT's other format runs code when it is opened.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from peft import LoraConfig, PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from sayo_app.core.files import whole_folder
from sayo_app.errors import AdapterError
from sayo_app.mllm.models.adapter_fit import Tensors, fill, misfit, not_finite, opened
from sayo_app.mllm.models.family import base_model
from sayo_app.mllm.models.loading import LoadedModel

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
# Every linear layer of the language model's blocks, linear attention's in_proj_qkv and its like included; the
# vision tower stays as it is. Families call the language model by one of two names.
TARGETS = r"(?:.*\.)?(?:language_model|text_model)\.layers\.\d+\.(?:.*_proj|.*\.in_proj_\w+)"


def lora_config(rank: int = 16, alpha: int = 32) -> LoraConfig:
    """LoRA on all linear layers of the language model, no dropout: a rollout and its score must agree."""
    return LoraConfig(r=rank, lora_alpha=alpha, target_modules=TARGETS, lora_dropout=0.0, bias="none")


def attach(model: nn.Module, config: LoraConfig, name: str = "policy") -> PeftModel:
    """Put a fresh, trainable adapter on a model and switch it on; it changes nothing until trained.

    Args:
        model: a transformers model, changed in place, or a PeftModel that gets one adapter more.
    """
    config = copy.deepcopy(config)
    if isinstance(model, PeftModel):
        model.add_adapter(name, config)
    else:
        model = _wrap(model, config, name)
    model.set_adapter(name)
    return model


def load_adapter(loaded: LoadedModel, folder: Path, name: str, *, trainable: bool = False) -> None:
    """Read an adapter from its folder under a name. Which one is switched on stays as it is.

    Raises:
        AdapterError: the folder is missing or damaged, or its adapter was made for another model. The
            model is left as it was.
    """
    config = _read_config(folder)
    config.inference_mode = not trainable
    with _weights(folder) as weights, loaded.exclusive():
        if name in names(loaded):
            raise AdapterError(
                expected="a new name for the adapter",
                got=f"{name!r}, which is in use",
                remedy="Unload the model or choose another name.",
            )
        why = misfit(base_model(loaded.model), config, weights.shapes)
        if why is not None:
            raise _unfit(folder, why)
        _insert(loaded, config, weights, name, folder)
        for key, parameter in loaded.model.named_parameters():
            if f".{name}." in key:
                parameter.requires_grad_(trainable)
        activate(loaded, loaded.adapter)


def switch(loaded: LoadedModel, name: str | None) -> None:
    """Answer with a loaded adapter from now on, or with the base model (None). Waits for a running answer.

    Raises:
        AdapterError: no adapter of that name is loaded.
    """
    with loaded.exclusive():
        activate(loaded, name)


def activate(loaded: LoadedModel, name: str | None) -> None:
    """`switch` for a caller that already has the model to itself."""
    if name is not None and name not in names(loaded):
        raise AdapterError(
            expected="an adapter that is loaded" + "".join(f", {known!r}" for known in names(loaded)),
            got=repr(name),
            remedy="Load it from its folder first.",
        )
    loaded.adapter = name
    if not isinstance(loaded.model, PeftModel):
        return
    tuner: Any = loaded.model.base_model
    if name is None:
        tuner.disable_adapter_layers()
    else:
        # Enabling makes the last adapter trainable; set_adapter then puts that right.
        tuner.enable_adapter_layers()
        loaded.model.set_adapter(name, inference_mode=loaded.model.peft_config[name].inference_mode)


def active(loaded: LoadedModel) -> str | None:
    """Name of the adapter that is switched on; None for the base model."""
    return loaded.adapter


def names(loaded: LoadedModel) -> tuple[str, ...]:
    """Names of the adapters that are loaded."""
    return tuple(loaded.model.peft_config) if isinstance(loaded.model, PeftModel) else ()


def save_adapter(model: PeftModel, name: str, folder: Path) -> Path:
    """Write an adapter to a folder, in PEFT's format; the folder appears whole or not at all.

    Raises:
        StorageError, AdapterError: the folder, or the weights in it, cannot be written.
    """
    weights = get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False)
    config = copy.deepcopy(model.peft_config[name])
    config.inference_mode = True
    if config.base_model_name_or_path and Path(config.base_model_name_or_path).exists():
        # A path of this machine means nothing elsewhere.
        config.base_model_name_or_path = Path(config.base_model_name_or_path).name
    try:
        with whole_folder(folder) as whole:
            save_file(
                {key: tensor.contiguous().cpu() for key, tensor in weights.items()}, whole / WEIGHTS_FILE
            )
            config.save_pretrained(str(whole))
    except SafetensorError as error:
        raise AdapterError(
            expected=f"to write the adapter to {folder}",
            got=str(error),
            remedy="Check that the data folder is writable and has room.",
        ) from error
    return folder


def _wrap(model: nn.Module, config: LoraConfig, name: str) -> PeftModel:
    with warnings.catch_warnings():
        # PEFT asks transformers by an attribute's old name; nothing that can be helped here.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return PeftModel(cast(Any, model), config, adapter_name=name)


def _insert(loaded: LoadedModel, config: LoraConfig, weights: Tensors, name: str, folder: Path) -> None:
    """Add the layers and fill them; take them out again if the file does not fill them exactly."""
    first = not isinstance(loaded.model, PeftModel)
    model = loaded.model
    try:
        if first:
            model = _wrap(loaded.model, config, name)
        else:
            model.add_adapter(name, config)
        layers = get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False)
        if set(layers) != set(weights.shapes):
            raise _unfit(folder, f"{len(set(layers) ^ set(weights.shapes))} tensors too many or too few")
        fill(layers, weights)
    except Exception as error:
        if first and isinstance(model, PeftModel):
            loaded.model = model.unload()
        elif not first and name in model.peft_config:
            model.delete_adapter(name)
        if isinstance(error, AdapterError):
            raise
        raise _unfit(folder, str(error)) from error
    loaded.model = model.eval()


def _read_config(folder: Path) -> LoraConfig:
    try:
        values = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.get("peft_type") != "LORA":
            raise ValueError("not a LoRA configuration")
        config = LoraConfig.from_pretrained(str(folder))
    except FileNotFoundError as error:
        raise _missing(folder, CONFIG_FILE) from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _damaged(folder, f"{CONFIG_FILE}: {error}") from error
    more = (config.modules_to_save, config.target_parameters, config.trainable_token_indices)
    if any(more) or config.layer_replication or config.use_dora or config.bias != "none":
        raise _unfit(folder, "a LoRA with more than its two factors a layer")
    return config


@contextmanager
def _weights(folder: Path) -> Iterator[Tensors]:
    """The adapter's tensors, all of them numbers."""
    if not (folder / WEIGHTS_FILE).is_file():
        raise _missing(folder, WEIGHTS_FILE)
    try:
        with opened(folder / WEIGHTS_FILE) as weights:
            bad = not_finite(weights)
            if bad is not None or not weights.shapes:
                raise _damaged(folder, f"{bad} is not finite" if bad else f"{WEIGHTS_FILE} is empty")
            yield weights
    except (OSError, ValueError) as error:
        raise _damaged(folder, f"{WEIGHTS_FILE}: {error}") from error


def _missing(folder: Path, file: str) -> AdapterError:
    return AdapterError(
        expected=f"{file} in {folder}",
        got="no such file" if folder.is_dir() else "no such folder",
        remedy="Restore the folder, or switch to another adapter or the base model.",
    )


def _damaged(folder: Path, why: str) -> AdapterError:
    return AdapterError(
        expected=f"a whole LoRA adapter in {folder}",
        got=why,
        remedy="Restore the folder, or retrain; the base model still answers.",
    )


def _unfit(folder: Path, why: str) -> AdapterError:
    return AdapterError(
        expected=f"an adapter made for this model in {folder}",
        got=why,
        remedy="Load the model that it was trained on, or choose another adapter.",
    )
