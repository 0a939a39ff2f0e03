"""Runs of the loop on a tiny model, for the tests of what it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from sayo_app.mllm.models.loading import load_model
from sayo_app.run_config import PUBLISHED_LOOKS, RunConfig
from sayo_app.settings import Settings
from training.data.samples import Sample
from training.rl.loop import Outcome, train
from training.state.policy import POLICY, Policy
from training.state.progress_log import Progress

CONFIG = RunConfig(
    reward_parts=("attention", "format"),
    objective="published",
    steps=4,
    num_generations=3,
    prompts_per_step=2,
    learning_rate=1e-3,
    max_new_tokens=8,
    lora_rank=4,
    lora_alpha=8,
    eval_every=2,
    **PUBLISHED_LOOKS,
)
TIMES = ("seconds", "remaining_s", "parts_s")


class Run:
    """One training on a freshly loaded tiny model in a folder of its own."""

    def __init__(self, model_dir: Path, folder: Path) -> None:
        self.loaded = load_model(Settings(model=str(model_dir), device="cpu"))
        self.base = {name: value.clone() for name, value in self.loaded.model.state_dict().items()}
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def train(
        self, samples: list[Sample], config: RunConfig = CONFIG, **options: Any
    ) -> tuple[Policy, Outcome]:
        return train(
            self.loaded,
            config,
            samples[:4],
            samples[4:],
            folder=self.folder,
            progress=Progress(self.folder / "progress.jsonl"),
            **options,
        )

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = (self.folder / "progress.jsonl").read_text(encoding="utf-8").splitlines()
        return [event for event in map(json.loads, lines) if event["kind"] == kind]


def adapter_weights(policy: Policy) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in policy.model.named_parameters() if POLICY in name}


def untimed(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in event.items() if k not in TIMES} for event in events]
