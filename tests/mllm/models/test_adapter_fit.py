"""What an adapter's header and configuration say is compared with the model before a layer is built."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import save_file
from torch import nn

from sayo_app.errors import AdapterError
from sayo_app.mllm.models import adapters
from sayo_app.mllm.models.adapter_fit import misfit, opened
from sayo_app.mllm.models.loading import LoadedModel
from tests.mllm.models.test_adapters import edit_config, edit_weights, save_random

A, B = "base_model.model.{}.lora_A.weight", "base_model.model.{}.lora_B.weight"


class Net(nn.Module):
    """Two linear layers of 3 -> 5 and 5 -> 2, and one that is not linear."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(3, 5), nn.Linear(5, 2), nn.LayerNorm(2)


def fits(shapes: dict[str, tuple[int, ...]], **config: Any) -> str | None:
    values: dict[str, Any] = {"r": 4, "target_modules": ["first"]} | config
    return misfit(Net(), LoraConfig(**values), shapes)


FIRST = {A.format("first"): (4, 3), B.format("first"): (5, 4)}
SECOND = {A.format("second"): (7, 5), B.format("second"): (2, 7)}


def test_what_agrees_on_every_side_fits() -> None:
    assert fits(FIRST) is None
    both = FIRST | SECOND
    assert fits(both, target_modules=["first", "second"], rank_pattern={"second": 7}) is None


@pytest.mark.parametrize(
    ("shapes", "config", "why"),
    [
        (FIRST, {"r": 10_000_000}, "need"),
        (FIRST, {"rank_pattern": {"first": 10_000_000}}, "need"),
        (FIRST, {"rank_pattern": {"first": -1}}, "a rank of -1"),
        (FIRST, {"target_modules": ["first", "second"]}, "2 tensors too few"),
        (FIRST | SECOND, {}, "no layer that it aims at"),
        (FIRST | SECOND, {"target_modules": ["first", "second"]}, "need"),
        (FIRST, {"target_modules": ["first", "norm"]}, "no linear layer"),
        (FIRST | {A.format("first"): (4,)}, {}, "need"),
        (FIRST | {B.format("first"): (6, 4)}, {}, "need"),
        (FIRST, {"target_modules": ["third"]}, "no layer"),
    ],
)
def test_what_does_not_is_told(shapes: dict[str, tuple[int, ...]], config: dict[str, Any], why: str) -> None:
    assert why in str(fits(shapes, **config))


def test_layers_under_an_adapter_are_seen_as_they_are_without_it(fresh: LoadedModel, tmp_path: Path) -> None:
    folder = save_random(fresh, tmp_path / "adapter", seed=1)
    adapters.load_adapter(fresh, folder, "first")
    adapters.load_adapter(fresh, folder, "second")
    assert adapters.names(fresh) == ("first", "second")


@pytest.mark.parametrize("rank", [100_000, 10_000_000])
def test_a_rank_that_is_only_said_costs_nothing(fresh: LoadedModel, tmp_path: Path, rank: int) -> None:
    folder = save_random(fresh, tmp_path / "adapter", seed=1)
    edit_config(folder, r=rank)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AdapterError, match="need"):
        adapters.load_adapter(fresh, folder, "huge")
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 50
    assert adapters.names(fresh) == ()


def test_weights_that_are_no_floats_are_refused(fresh: LoadedModel, tmp_path: Path) -> None:
    folder = save_random(fresh, tmp_path / "adapter", seed=1)
    edit_weights(folder, lambda key, it: it.to(torch.int32))
    with pytest.raises(AdapterError, match="is not of F64"):
        adapters.load_adapter(fresh, folder, "whole numbers")


def test_a_header_is_as_long_as_one_can_be(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(2, 3)}, path)
    with opened(path) as tensors:
        assert tensors.shapes == {"a": (2, 3)}
    path.write_bytes((1 << 40).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(ValueError, match="header of 1099511627776"), opened(path):
        pass
