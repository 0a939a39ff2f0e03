"""The policy with what trains it: set up, kept, gone on with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from sayo_app.core.disk import free_bytes, megabytes
from sayo_app.errors import TrainingError
from sayo_app.mllm.answering.steer import Steering
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from training.data.prompts import Prompts
from training.looks.scoring import Scorer, make_reading
from training.rl import steered_teacher
from training.rl.direct import OwnAnswers
from training.rl.reporting import Spent
from training.state.checkpoint import Progressed, load_checkpoint, save_checkpoint
from training.state.memory import PromptsAtOnce
from training.state.policy import Policy, make_policy

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrainState:
    """The policy with what trains it.

    Attributes:
        scorer: the policy's scoring forward, for passes without gradient.
        wrapped: the same as accelerate has wrapped it, for the update.
        steering: how the policy is steered towards regions, where the run's settings call for it.
        at_once: how many prompts go through it together.
        prompts: makes the samples' prompts, with their pictures' features.
        own_answers: what the reference says to them; asked by the objective `direct` alone.
        spent: where the seconds of the step under way have gone.
    """

    loaded: LoadedModel
    config: RunConfig
    policy: Policy
    scorer: Scorer
    accelerator: Accelerator
    wrapped: torch.nn.Module
    optimiser: torch.optim.Optimizer
    steering: Steering | None
    at_once: PromptsAtOnce
    prompts: Prompts
    own_answers: OwnAnswers
    spent: Spent

    def mine(self, samples: Sequence[Any]) -> Sequence[Any]:
        """This process's share of the samples."""
        return samples[self.accelerator.process_index :: self.accelerator.num_processes]


def make_train_state(
    loaded: LoadedModel, config: RunConfig, base_adapter: Path | None, found: Steering | None = None
) -> TrainState:
    """A seeded adapter on the model, AdamW on the adapter alone, both wrapped by accelerate."""
    accelerator = Accelerator(cpu=loaded.device.type == "cpu")
    processes = accelerator.num_processes
    if config.prompts_per_step % processes:
        raise TrainingError(
            expected=f"prompts a step to be a multiple of the {processes} processes",
            got=str(config.prompts_per_step),
            remedy="Change prompts_per_step, or start another number of processes.",
        )
    torch.manual_seed(config.seed)
    reading, steering = (
        make_reading(loaded, config.attention_layers, found),
        steered_teacher.needed(config, found),
    )
    policy = make_policy(loaded, config, base_adapter)
    optimiser = torch.optim.AdamW(policy.trainable, config.learning_rate, weight_decay=config.weight_decay)
    scorer = Scorer(policy.model, reading, checkpointed=config.gradient_checkpointing)
    wrapped, optimiser = accelerator.prepare(scorer, optimiser)
    at_once, spent = PromptsAtOnce(loaded, config, processes), Spent(loaded.device)
    own_answers = OwnAnswers(loaded, config.max_new_tokens, corrected="answer" in config.reward_parts)
    return TrainState(
        loaded=loaded,
        config=config,
        policy=policy,
        scorer=scorer,
        accelerator=accelerator,
        wrapped=wrapped,
        optimiser=optimiser,
        steering=steering,
        at_once=at_once,
        prompts=Prompts(loaded),
        own_answers=own_answers,
        spent=spent,
    )


def resume(state: TrainState, folder: Path) -> Progressed | None:
    """Go on from the folder's checkpoint; None where there is none."""
    return load_checkpoint(folder, state.policy, state.optimiser, state.config.to_dict())


def keep(state: TrainState, folder: Path, done: Progressed) -> None:
    """Write the folder's checkpoint, by the first process alone; an earlier one stays where less is free."""
    if state.accelerator.is_main_process and _has_room(folder):
        save_checkpoint(folder, state.policy, state.optimiser, state.config.to_dict(), done)


def _has_room(folder: Path) -> bool:
    free, reserve = free_bytes(folder), Settings.from_environment().reserved_disk_bytes
    if free is None or free >= reserve:
        return True
    log.warning("No checkpoint: %s are free, and %s are for corrections", megabytes(free), megabytes(reserve))
    return False
