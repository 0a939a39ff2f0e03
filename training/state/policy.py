"""The policy (a LoRA adapter being trained) and the reference it is held to, on one base model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peft import PeftModel
from torch import nn

from sayo_app.mllm.models.adapters import attach, load_adapter, lora_config, switch
from sayo_app.mllm.models.family import base_model
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import RunConfig

POLICY = "policy"
REFERENCE = "reference"


@dataclass(frozen=True, eq=False)
class Policy:
    """The PEFT model with the policy active."""

    model: PeftModel

    @property
    def trainable(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    @contextmanager
    def reference(self) -> Iterator[None]:
        """Within it the model answers as the reference: the previous adapter, or none."""
        if REFERENCE not in self.model.peft_config:
            with self.model.disable_adapter():
                yield
            return
        self.model.set_adapter(REFERENCE, inference_mode=True)
        try:
            yield
        finally:
            self.model.set_adapter(POLICY)


def make_policy(loaded: LoadedModel, config: RunConfig, base_adapter: Path | None) -> Policy:
    """Put a fresh adapter, or one that goes on from `base_adapter`, on the model and make it trainable.

    A fresh adapter changes nothing until its first step. `loaded.model` becomes the PEFT model; its
    base weights are frozen.
    """
    if base_adapter is None:
        loaded.model = attach(loaded.model, lora_config(config.lora_rank, config.lora_alpha), POLICY)
    else:
        load_adapter(loaded, base_adapter, POLICY, trainable=True)
        load_adapter(loaded, base_adapter, REFERENCE)
    switch(loaded, POLICY)
    if config.gradient_checkpointing:
        base_model(loaded.model).activation_checkpointing_enable({"use_reentrant": False})
    return Policy(loaded.model)
