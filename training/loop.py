"""Region-attention reinforcement learning (SAYO, arXiv 2602.08241) on stored corrections, with LoRA.

Departures from the paper's code: attention columns are found by the real image-token positions of each
left-padded row; the tokens read are never padding; the layer and the image token come from the model;
the prompt is encoded once a group and its cache shared; one scoring forward gives log-probabilities,
entropies and attention together; a right answer may be rewarded beside the look.

    accelerate launch -m training train --run ID      # several GPUs; or plainly: python -m training train

A step:
    1. sample a group of completions for each prompt from the policy
    2. score them without gradient: log-probabilities, entropies, attention rows
    3. reward each; advantage = reward against its group
    4. clipped policy loss + KL to the reference (adapter off, or the previous adapter)
    5. clip the gradient, step AdamW on the adapter
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from jaxtyping import Float
from torch import Tensor

from sayo_app.errors import TrainingError
from sayo_app.mllm.loading import LoadedModel
from storage.records import RunConfig
from training.checkpoint import Progressed, load_checkpoint, save_checkpoint
from training.corrections import Sample
from training.evaluate import Judged, interleaved, judge, judge_completions, summary
from training.objective import Loss, group_advantages, policy_loss
from training.policy import Policy, make_policy
from training.progress import Cancelled, Progress, StopSignal
from training.prompts import Batch, collate, encode
from training.rewards import total_reward
from training.rollout import Completions, generate, group_uniforms
from training.scoring import Scorer, reward_layer

# Logits that one forward may hold, rows x tokens x vocabulary: 2**28 are 1 GB in float32.
LOGIT_BUDGET = 2**28
# What a kill may cost, in seconds of training.
KEEP_EVERY_S = 30.0


@dataclass(frozen=True)
class Outcome:
    """The held-out evaluation before the first step and after the last."""

    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Trainee:
    """The policy with what trains it.

    Attributes:
        scorer: the policy's scoring forward, for passes without gradient.
        wrapped: the same as accelerate has wrapped it, for the update.
    """

    loaded: LoadedModel
    config: RunConfig
    policy: Policy
    scorer: Scorer
    accelerator: Accelerator
    wrapped: torch.nn.Module
    optimiser: torch.optim.Optimizer

    def mine(self, samples: Sequence[Any]) -> Sequence[Any]:
        """This process's share of the samples."""
        return samples[self.accelerator.process_index :: self.accelerator.num_processes]


@dataclass(frozen=True, eq=False)
class Experience:
    """A scored rollout: what the update needs, and the figures of each completion for the log."""

    batch: Batch
    completions: Completions
    old_log_probs: Float[Tensor, "row token"]
    reference_log_probs: Float[Tensor, "row token"] | None
    advantages: Float[Tensor, " row"]
    rewards: list[float]
    judged: list[Judged]


def train(
    loaded: LoadedModel,
    config: RunConfig,
    training: Sequence[Sample],
    held_out: Sequence[Sample],
    *,
    folder: Path,
    progress: Progress,
    base_adapter: Path | None = None,
    stop: StopSignal | None = None,
    watch: Callable[[int, list[Judged]], None] = lambda step, judged: None,
) -> tuple[Policy, Outcome]:
    """Train an adapter on the training samples; go on from the folder's checkpoint if there is one.

    Args:
        loaded: its model gets the adapter; its base weights stay as they are.
        folder: the run's own, for the checkpoint.
        base_adapter: the adapter to start from and be held to; None starts from the bare model.
        stop: asked at every place where the run can stop.
        watch: told the steps done and all held-out answers, in their order, at each evaluation.

    Raises:
        Cancelled: after a checkpoint of the last finished step.
        TrainingError: settings that cannot work, or a gradient that is not finite.
    """
    trainee = make_trainee(loaded, config, base_adapter)
    stop = stop or StopSignal()
    # Several processes stop together between steps: one that left alone would leave the others waiting.
    check = stop.check if trainee.accelerator.num_processes == 1 else lambda: None

    def evaluation(when: str, step: int) -> dict[str, Any]:
        found = judge_together(trainee, held_out, check)
        result = summary(found)
        watch(step, found)
        progress.write("evaluation", when=when, step=step, split="held_out", **result)
        return result

    resumed = resume(trainee, folder)
    before, done = (resumed.before, resumed.step) if resumed else (evaluation("before", 0), 0)
    clock = _Clock(config.steps - done)
    try:
        while done < config.steps:
            if any(gather_object([stop.asked])):
                raise Cancelled
            samples = trainee.mine(step_samples(training, config, done))
            experiences = [collect(trainee, part, check) for part in _parts(samples, config, loaded)]
            losses = update(trainee, experiences)
            done += 1
            figures = _mean(gather_object([_figures(experiences, losses)]))
            progress.write("step", step=done, steps=config.steps, **figures, **clock.tick())
            if config.eval_every and done % config.eval_every == 0 and done < config.steps:
                evaluation("during", done)
                keep(trainee, folder, Progressed(done, before))
            elif clock.keep_due():
                keep(trainee, folder, Progressed(done, before))
        return trainee.policy, Outcome(before, evaluation("after", done))
    except Cancelled:
        keep(trainee, folder, Progressed(done, before))
        raise


def make_trainee(loaded: LoadedModel, config: RunConfig, base_adapter: Path | None) -> Trainee:
    """A seeded adapter on the model, AdamW on the adapter alone, both wrapped by accelerate."""
    accelerator = Accelerator(cpu=loaded.device.type == "cpu")
    if config.prompts_per_step % accelerator.num_processes:
        raise TrainingError(
            expected=f"prompts a step to be a multiple of the {accelerator.num_processes} processes",
            got=str(config.prompts_per_step),
            remedy="Change prompts_per_step, or start another number of processes.",
        )
    torch.manual_seed(config.seed)
    policy = make_policy(loaded, config, base_adapter)
    optimiser = torch.optim.AdamW(policy.trainable, config.learning_rate, weight_decay=config.weight_decay)
    scorer = Scorer(policy.model, reward_layer(loaded))
    wrapped, optimiser = accelerator.prepare(scorer, optimiser)
    return Trainee(loaded, config, policy, scorer, accelerator, wrapped, optimiser)


def resume(trainee: Trainee, folder: Path) -> Progressed | None:
    """Go on from the folder's checkpoint; None where there is none."""
    return load_checkpoint(folder, trainee.policy, trainee.optimiser, trainee.config.to_dict())


def keep(trainee: Trainee, folder: Path, done: Progressed) -> None:
    """Write the folder's checkpoint, by the first process alone."""
    if trainee.accelerator.is_main_process:
        save_checkpoint(folder, trainee.policy, trainee.optimiser, trainee.config.to_dict(), done)


def judge_together(trainee: Trainee, samples: Sequence[Sample], check: Callable[[], None]) -> list[Judged]:
    """Answers to all samples, in their order, each process giving its share."""
    tokens = trainee.config.max_new_tokens
    mine = judge(trainee.loaded, trainee.mine(samples), max_new_tokens=tokens, check=check)
    return interleaved(gather_object(mine), trainee.accelerator.num_processes)


def step_samples(training: Sequence[Sample], config: RunConfig, step: int) -> list[tuple[int, Sample]]:
    """The step's samples, each with its place in the endless stream of shuffled passes over the set."""
    places = range(step * config.prompts_per_step, (step + 1) * config.prompts_per_step)
    chosen = []
    for place in places:
        passes, index = divmod(place, len(training))
        shuffle = torch.Generator().manual_seed(config.seed * 1_000_003 + passes)
        order = torch.randperm(len(training), generator=shuffle)
        chosen.append((place, training[int(order[index])]))
    return chosen


def collect(trainee: Trainee, samples: Sequence[tuple[int, Sample]], check: Callable[[], None]) -> Experience:
    """Sample a group for each prompt, score it once, reward it, and compare it with its group."""
    loaded, config, scorer = trainee.loaded, trainee.config, trainee.scorer
    batch = collate(loaded, [encode(loaded, sample) for _, sample in samples])
    group = config.num_generations
    completions = generate(
        loaded,
        batch,
        max_new_tokens=config.max_new_tokens,
        num_generations=group,
        uniforms=group_uniforms([(config.seed, place) for place, _ in samples], group, config.max_new_tokens),
        temperature=config.temperature,
        top_p=config.top_p,
        check=check,
    )
    with torch.no_grad():
        scores = scorer(batch, completions, config.temperature)
        reference = None
        if config.beta:
            with trainee.policy.reference():
                reference = scorer(batch, completions, config.temperature).log_probs
    check()
    judged = judge_completions(batch, completions, scores)
    rewards = [total_reward(config.reward, one.parts) for one in judged]
    advantages = group_advantages(torch.tensor(rewards).view(len(samples), group))
    return Experience(
        batch=batch,
        completions=completions,
        old_log_probs=scores.log_probs,
        reference_log_probs=reference,
        advantages=advantages.flatten().to(scores.log_probs),
        rewards=rewards,
        judged=judged,
    )


def update(trainee: Trainee, experiences: Sequence[Experience]) -> list[Loss]:
    """One AdamW step on the mean loss of the experiences, the gradient clipped to `max_grad_norm`."""
    config, optimiser = trainee.config, trainee.optimiser
    optimiser.zero_grad()
    losses = []
    for experience in experiences:
        completions = experience.completions
        loss = policy_loss(
            trainee.wrapped(experience.batch, completions, config.temperature).log_probs,
            experience.old_log_probs,
            experience.reference_log_probs,
            experience.advantages,
            completions.mask,
            epsilon=config.epsilon,
            beta=config.beta,
        )
        trainee.accelerator.backward(loss.total / len(experiences))
        losses.append(loss)
    norm = trainee.accelerator.clip_grad_norm_(trainee.policy.trainable, config.max_grad_norm)
    if not torch.isfinite(norm):
        raise TrainingError(
            expected="a finite gradient",
            got=f"a gradient of norm {float(norm)}",
            remedy="Start again with a lower learning rate.",
        )
    optimiser.step()
    return losses


def _parts(
    samples: Sequence[tuple[int, Sample]], config: RunConfig, loaded: LoadedModel
) -> list[Sequence[tuple[int, Sample]]]:
    """The step's samples in parts whose logits fit into memory; the same on every process."""
    logits = config.num_generations * config.max_new_tokens * loaded.config.get_text_config().vocab_size
    size = max(1, LOGIT_BUDGET // logits)
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def _figures(experiences: Sequence[Experience], losses: Sequence[Loss]) -> dict[str, float | None]:
    """One process's means for the log; None where no completion could be scored."""
    means = summary([one for experience in experiences for one in experience.judged])
    rewards = [reward for experience in experiences for reward in experience.rewards]
    return {
        "reward": sum(rewards) / len(rewards),
        "attention_reward": means["sayo_reward"],
        "answer_accuracy": means["accuracy"],
        "format": means["format"],
        "energy": means["energy"],
        "kl": float(torch.stack([loss.kl for loss in losses]).mean()),
        "loss": float(torch.stack([loss.total.detach() for loss in losses]).mean()),
    }


def _mean(reports: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    """The mean over processes, figure by figure."""
    means: dict[str, float | None] = {}
    for name in reports[0]:
        known = [figure for report in reports if (figure := report[name]) is not None]
        means[name] = sum(known) / len(known) if known else None
    return means


class _Clock:
    """Seconds of a step, and of those left at the pace so far, evaluations among the steps included."""

    def __init__(self, steps: int) -> None:
        self._left, self._done = steps, 0
        self._started = self._last = self._kept = time.monotonic()

    def tick(self) -> dict[str, float]:
        now = time.monotonic()
        self._done, self._left = self._done + 1, self._left - 1
        seconds, self._last = now - self._last, now
        pace = (now - self._started) / self._done
        return {"seconds": round(seconds, 3), "remaining_s": round(pace * self._left, 1)}

    def keep_due(self) -> bool:
        """Whether it is time for a checkpoint, so that a kill costs little; true once each time."""
        due = self._last - self._kept >= KEEP_EVERY_S
        self._kept = self._last if due else self._kept
        return due
