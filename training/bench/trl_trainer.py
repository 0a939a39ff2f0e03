"""The other side of `bench`: the same work by `trl.GRPOTrainer`. Only imported where trl is needed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from datasets import Dataset
from transformers import TrainerCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from sayo_app.mllm.models.adapters import lora_config
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import RunConfig
from training.bench.figures import figures
from training.data.samples import Sample
from training.rl.reporting import Spent
from training.rl.trl_rewards import (
    AnswerReward,
    FormatReward,
    RegionAttentionReward,
    suppressed_tokens,
    trl_row,
)


def theirs(loaded: LoadedModel, config: RunConfig, samples: Sequence[Sample]) -> list[dict[str, float]]:
    """Steps of trl's trainer over the samples, in their order."""
    rows = Dataset.from_list([trl_row(loaded, sample) for sample in samples])
    rewards: list[Any] = [RegionAttentionReward(loaded), AnswerReward(), FormatReward()]
    with tempfile.TemporaryDirectory() as folder:
        trainer = TimedTrainer(
            loaded.model,
            rewards,
            trainer_settings(loaded, config, folder, len(samples) // config.prompts_per_step),
            rows,
            processing_class=loaded.processor,
            peft_config=lora_config(config.lora_rank, config.lora_alpha),
        )
        clock = StepClock(trainer)
        trainer.add_callback(clock)
        trainer.train()
    return clock.steps


def trainer_settings(loaded: LoadedModel, config: RunConfig, folder: str, steps: int) -> GRPOConfig:
    """A run's settings in trl's words: GRPO as published, one update of a whole rollout, nothing written."""
    return GRPOConfig(
        folder,
        max_steps=steps,
        per_device_train_batch_size=config.prompts_per_step * config.num_generations,
        num_generations=config.num_generations,
        max_completion_length=config.max_new_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        generation_kwargs={"suppress_tokens": suppressed_tokens(loaded)},
        beta=config.beta,
        epsilon=config.epsilon,
        loss_type="grpo",
        reward_weights=[config.attention_weight, 1.0, 1.0],
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        activation_checkpointing=config.gradient_checkpointing,
        shuffle_dataset=False,
        bf16=loaded.dtype == torch.bfloat16,
        use_cpu=loaded.device.type == "cpu",
        seed=config.seed,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


class TimedTrainer(GRPOTrainer):
    """trl's trainer that tells where the seconds of a step go; what it does is unchanged."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spent = Spent(self.accelerator.device)
        self.updating = ExitStack()
        self.lengths: list[int] = []

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        with self.spent("rollout"):
            generated = super()._generate(*args, **kwargs)
        self.lengths = [len(ids) for ids in generated[1]]
        return generated

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Any:
        with self.spent("scoring"):
            return super()._calculate_rewards(*args, **kwargs)

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        # Without a gradient it is the reference that is asked.
        if torch.is_grad_enabled():
            return super()._get_per_token_logps_and_entropies(*args, **kwargs)
        with self.spent("reference"):
            return super()._get_per_token_logps_and_entropies(*args, **kwargs)

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        prepared = super()._prepare_inputs(generation_batch)
        # From here to the end of the step, forward, backward and optimiser.
        self.updating.enter_context(self.spent("update"))
        return prepared


class StepClock(TrainerCallback):
    """A step is what lies between the ends of two, fetching its rows included."""

    def __init__(self, trainer: TimedTrainer) -> None:
        self.steps: list[dict[str, float]] = []
        self._trainer = trainer
        self._began = time.perf_counter(), time.process_time()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._trainer.updating.close()
        lengths = self._trainer.lengths
        self.steps.append(figures(self._began, self._trainer.spent.take(), sum(lengths) / len(lengths)))
        self._began = time.perf_counter(), time.process_time()
