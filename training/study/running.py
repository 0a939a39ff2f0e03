"""What both protocols of the study do with an arm: train it for its time, and measure how far it went."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sayo_app.mllm.answering.steer import Steering
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import PUBLISHED_LOOKS, RunConfig
from training.data.batches import collate, encode
from training.data.samples import Sample
from training.looks.scoring import Scorer, reward_view
from training.rl.loop import train
from training.rl.losses import full_kl
from training.rl.rollout import generate
from training.state.checkpoint import FILE_NAME
from training.state.early_stopping import Best
from training.state.policy import Policy
from training.state.progress_log import Cancelled, Progress, StopSignal

BATCH = 64
# Enough for the distance to the model before, which varies little between pictures.
KL_SAMPLES = 64


class Budget(StopSignal):
    """Asks a run to stop when it has had its seconds of one core."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__()
        self._until = None if seconds is None else time.process_time() + seconds

    @property
    def asked(self) -> bool:
        return self._until is not None and time.process_time() >= self._until

    @asked.setter
    def asked(self, value: bool) -> None:
        """A study is stopped by killing it."""


@dataclass(frozen=True)
class Plan:
    """How large a study is, and what of it belongs to every arm.

    Attributes:
        seconds: of one core, for each arm; None where steps are given.
        corrections: to train on.
        held_out, others: how many pictures of each kind that is measured, see the protocol's data.
        config: what the arms change.
    """

    seconds: float | None = 90.0
    steps: int | None = None
    corrections: int = 64
    held_out: int = 256
    others: int = 192
    config: RunConfig = field(
        default_factory=lambda: RunConfig(
            learning_rate=5e-4, beta=0.001, eval_every=10, max_kl=0.0, **PUBLISHED_LOOKS
        )
    )

    @property
    def spent(self) -> str:
        """What an arm's training may cost, in words."""
        return f"{self.steps} steps" if self.steps else f"{self.seconds:g} s"


def spend(
    loaded: LoadedModel,
    plan: Plan,
    config: RunConfig,
    samples: Sequence[Sample],
    *,
    validation: Sequence[Sample] = (),
    steering: Steering | None = None,
    base_adapter: Path | None = None,
) -> int:
    """Run the loop until the budget is spent; returns the steps taken."""
    # Evaluations are part of an arm's time only where it stops by them.
    watched, every = (validation, config.eval_every) if config.patience else ([], 0)
    config = config.replace(steps=plan.steps or 100_000, eval_every=every)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events = folder / "progress.jsonl"
        options: dict[str, Any] = {
            "folder": folder,
            "progress": Progress(events),
            "found": steering,
            "stop": Budget(plan.seconds),
            "base_adapter": base_adapter,
        }
        try:
            train(loaded, config, samples, watched, **options)
        except Cancelled:
            best = torch.load(folder / FILE_NAME, weights_only=True)["best"]
            if best is not None:
                Best(**best).restore(Policy(loaded.model))
        written = map(json.loads, events.read_text(encoding="utf-8").splitlines())
        return max((event["step"] for event in written if event["kind"] == "step"), default=0)


@torch.no_grad()
def distance(loaded: LoadedModel, samples: Sequence[Sample], max_new_tokens: int) -> float:
    """KL of the model before to the one that was trained, nats a token, on the latter's greedy answers."""
    if not hasattr(loaded.model, "peft_config"):
        return 0.0
    samples = samples[:: max(1, len(samples) // KL_SAMPLES)]
    batch = collate(loaded, [encode(loaded, sample) for sample in samples])
    completions = generate(loaded, batch, max_new_tokens=max_new_tokens)
    scorer = Scorer(loaded.model, reward_view(loaded))
    trained = scorer(batch, completions).logits
    with Policy(loaded.model).reference():
        base = scorer(batch, completions).logits
    return round(float(full_kl(trained, base, completions.mask)), 4)
