"""Where a run can go on from: adapter, optimiser, random state, step; one file, whole or not there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from torch.optim import Optimizer

from sayo_app.core.files import whole_file
from sayo_app.errors import TrainingError
from sayo_app.run_config import RunConfig
from training.state.early_stopping import Best
from training.state.policy import POLICY, Policy

FILE_NAME = "checkpoint.pt"


@dataclass(frozen=True)
class Progressed:
    """How far a run has come.

    Attributes:
        step: steps done.
        before: the held-out evaluation from before the first step.
        best: what an early stop goes back to; None in a run without.
    """

    step: int
    before: dict[str, Any]
    best: Best | None = None


def save_checkpoint(
    folder: Path, policy: Policy, optimiser: Optimizer, config: dict[str, Any], done: Progressed
) -> None:
    """A kill leaves the old checkpoint or the new one.

    Raises:
        StorageError: it cannot be written; the old one is still there.
    """
    state = {
        "config": config,
        "step": done.step,
        "before": done.before,
        "best": None if done.best is None else vars(done.best),
        "adapter": get_peft_model_state_dict(policy.model, adapter_name=POLICY),
        "optimiser": optimiser.state_dict(),
        "random": torch.get_rng_state(),
    }
    with whole_file(folder / FILE_NAME) as temporary, temporary.open("wb") as file:
        torch.save(state, file)


def load_checkpoint(
    folder: Path, policy: Policy, optimiser: Optimizer, config: dict[str, Any]
) -> Progressed | None:
    """Put policy, optimiser and random state where the checkpoint left them; None where there is none.

    Random numbers of rollouts need no state: they are drawn from seed, step and prompt.

    Raises:
        TrainingError: the checkpoint is damaged or of a run with other settings.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved_config = RunConfig.stored(state["config"]).to_dict()
    except Exception as error:
        raise TrainingError(
            expected=f"a readable checkpoint at {path}",
            got=f"{type(error).__name__}: {error}",
            remedy="Delete the file to start this run from its beginning.",
        ) from error
    if saved_config != config:
        changed = sorted(key for key in config if saved_config.get(key) != config[key])
        raise TrainingError(
            expected="a checkpoint of a run with the same settings",
            got=f"other values for {', '.join(changed)}",
            remedy="Start a new run.",
        )
    set_peft_model_state_dict(policy.model, state["adapter"], adapter_name=POLICY)
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    best = state.get("best")
    return Progressed(state["step"], state["before"], None if best is None else Best(**best))
