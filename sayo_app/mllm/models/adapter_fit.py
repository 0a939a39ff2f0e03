"""Whether an adapter's files are those of this model, by what their headers say: before a layer is built.

A layer costs as much as its rank, and the rank is only a number in a text file. So the configuration, the
shapes in the header of the weights and the linear layers of the model must agree on every side, and then
the adapter costs what its file has. Tensors are read one at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer, check_target_module_exists
from peft.utils.other import get_pattern_key
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from sayo_app.errors import AdapterError

PREFIX = "base_model.model."
# Of an 8B model's adapter it is some 80 KB; reading one costs ten times its size.
_MAX_HEADER_BYTES = 4_000_000
_LENGTH_BYTES = 8
_FLOATS = ("F64", "F32", "F16", "BF16")


class Tensors(NamedTuple):
    """A file of weights that is open: the shape of each tensor, and the tensors, read when asked for."""

    shapes: dict[str, tuple[int, ...]]
    file: Any

    def tensor(self, key: str) -> Tensor:
        return self.file.get_tensor(key)


@contextmanager
def opened(path: Path) -> Iterator[Tensors]:
    """The header of a safetensors file.

    Raises:
        OSError, ValueError: it cannot be read, is damaged, or is none.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if length > _MAX_HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes")
    try:
        with safe_open(path, framework="pt") as file:
            slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118 (it is no dict)
            odd = next((key for key, it in slices.items() if it.get_dtype() not in _FLOATS), None)
            if odd is not None:
                raise ValueError(f"{odd} is not of {', '.join(_FLOATS)}")
            yield Tensors({key: tuple(it.get_shape()) for key, it in slices.items()}, file)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def misfit(model: nn.Module, config: LoraConfig, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """Why configuration and weights are not an adapter of this model, in words; None where they are.

    Args:
        model: with or without adapters on it.
        shapes: of the file's tensors, by their names in PEFT's format.
    """
    wanted: dict[str, tuple[int, int]] = {}
    for path, layer in _layers(model):
        if not check_target_module_exists(config, path):
            continue
        if not isinstance(layer, nn.Linear):
            return f"an aim at {path!r}, which is no linear layer"
        rank, why = _rank(config, path)
        if why is not None:
            return why
        wanted[f"{PREFIX}{path}.lora_A.weight"] = (rank, layer.in_features)
        wanted[f"{PREFIX}{path}.lora_B.weight"] = (layer.out_features, rank)
    strange = next((key for key in shapes if key not in wanted), None)
    if strange is not None:
        return f"weights for {strange[:120]!r}, which is no layer that it aims at in this model"
    if len(shapes) < len(wanted):
        return f"{len(wanted) - len(shapes)} tensors too few"
    for key, shape in shapes.items():
        if shape != wanted[key]:
            return f"{key} of {shape}, where this model and its configuration need {wanted[key]}"
    return None


def not_finite(tensors: Tensors) -> str | None:
    """The first tensor that has a value which is no number; None where all are."""
    return next((key for key in tensors.shapes if not _finite(tensors.tensor(key))), None)


@torch.no_grad()
def fill(into: Mapping[str, Tensor], tensors: Tensors) -> None:
    """Copy the file's values into the layers, one tensor after another."""
    for key, tensor in into.items():
        tensor.copy_(tensors.tensor(key))


def check_scale(rank: object, alpha: object, *, max_rank: int, max_alpha: int) -> None:
    """Raises AdapterError unless both are plain numbers within the bounds."""
    if not (isinstance(rank, int) and not isinstance(rank, bool) and 1 <= rank <= max_rank):
        raise _beyond(f"a rank of 1 to {max_rank:,}", rank)
    number = isinstance(alpha, int | float) and not isinstance(alpha, bool)
    if not (number and math.isfinite(alpha) and 0 < alpha <= max_alpha):  # type: ignore[arg-type, operator]
        raise _beyond(f"an alpha above 0 and at most {max_alpha:,}", alpha)


def _beyond(expected: str, got: object) -> AdapterError:
    return AdapterError(
        expected=f"an adapter with {expected}",
        got=repr(got)[:40],
        remedy="Choose another adapter, or ask whoever runs the app to raise the limit.",
    )


def _layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module by its name as it is without adapters; of one under an adapter, the layer itself."""
    inside = None
    for path, module in model.named_modules():
        if inside is not None and path.startswith(inside):
            continue
        if isinstance(module, BaseTunerLayer):
            inside, module = f"{path}.", module.get_base_layer()
        yield path, module


def _rank(config: LoraConfig, path: str) -> tuple[int, str | None]:
    pattern = config.rank_pattern or {}
    rank = pattern.get(get_pattern_key(list(pattern), path), config.r)
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        return 0, f"a rank of {str(rank)[:40]} at {path!r}"
    return rank, None


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())
