"""Region-attention reinforcement learning (SAYO, arXiv 2602.08241) on stored corrections, with LoRA.

Departures from the paper's code: attention columns are found by the real image-token positions of each
left-padded row; the tokens read are never padding; the layer and the image token come from the model;
the prompt is encoded once a group and its cache shared; one scoring forward gives log-probabilities,
entropies and attention together; a right answer may be rewarded beside the look; the exact objective has
the attention's own gradient beside the published term.

    accelerate launch -m training train --run ID      # several GPUs; or plainly: python -m training train

A step:
    1. sample a group of completions for each prompt from the policy
    2. score them without gradient: log-probabilities, entropies, attention rows
    3. reward each; advantage = reward against its group
    4. clipped policy loss + KL to the reference (adapter off, or the previous adapter)
       - the attention reward of the update's own rows, where the objective is exact
    5. clip the gradient, step AdamW on the adapter
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from jaxtyping import Float
from torch import Tensor

from sayo_app.errors import TrainingError
from sayo_app.mllm.loading import LoadedModel
from sayo_app.mllm.steer import Steering
from storage.records import RunConfig
from training import teacher
from training.checkpoint import Progressed
from training.corrections import Sample
from training.credit import advantages_of, attention_counts
from training.evaluate import Judged, interleaved, judge, judge_completions, summary
from training.looks import Looks, looks_of
from training.objective import Loss, objective_loss
from training.policy import Policy
from training.progress import Cancelled, Progress, StopSignal
from training.prompts import Batch, blanked, collate, encode, pad_id
from training.reporting import Clock, check_bounds, mean_figures, step_figures
from training.rollout import Completions, generate, group_uniforms, one_by_one
from training.scoring import divergence
from training.stopping import Best
from training.trainee import Trainee, keep, make_trainee, resume


@dataclass(frozen=True)
class Outcome:
    """The held-out evaluation before the first step and after the last."""

    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Experience:
    """A scored rollout: what the update needs, and the figures of each completion for the log.

    Attributes:
        teacher_logits: of the reference told where to look; None where nothing is distilled.
    """

    batch: Batch
    completions: Completions
    looks: Looks
    old_log_probs: Float[Tensor, "row token"]
    reference_log_probs: Float[Tensor, "row token"] | None
    teacher_logits: Float[Tensor, "row token vocabulary"] | None
    advantages: Float[Tensor, "row token"]
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
    found: Steering | None = None,
    stop: StopSignal | None = None,
    watch: Callable[[int, list[Judged]], None] = lambda step, judged: None,
) -> tuple[Policy, Outcome]:
    """Train an adapter on the training samples; go on from the folder's checkpoint if there is one.

    Args:
        base_adapter: the adapter to start from and be held to; None starts from the bare model.
        found: the layers and heads where steering helps this model, where they are known.
        watch: told the steps done and all held-out answers, in their order, at each evaluation.

    Raises:
        Cancelled: after a checkpoint of the last finished step.
        TrainingError: settings that cannot work, or a collapse; the last good checkpoint is kept.
    """
    trainee, stop = make_trainee(loaded, config, base_adapter, found), stop or StopSignal()
    # Several processes stop together between steps: one that left alone would leave the others waiting.
    check = stop.check if trainee.accelerator.num_processes == 1 else lambda: None

    evaluation = partial(evaluated, trainee, held_out, progress, watch, check)
    resumed = resume(trainee, folder)
    before = resumed.before if resumed else evaluation("before", 0)
    done, best = (resumed.step, resumed.best) if resumed else (0, Best.first(trainee.policy, before))
    best = best if config.patience else None
    clock = Clock(config.steps - done)
    try:
        while done < config.steps and not (best and best.waited >= config.patience):
            if any(gather_object([stop.asked])):
                raise Cancelled
            samples = trainee.mine(step_samples(training, config, done))
            judged, losses = take_step(trainee, samples, progress, check)
            done += 1
            figures = mean_figures(gather_object([step_figures(config, judged, losses)]))
            progress.write("step", step=done, steps=config.steps, **figures, **clock.tick())
            check_bounds(figures, before, config.max_kl)
            if config.eval_every and done % config.eval_every == 0 and done < config.steps:
                during = evaluation("during", done)
                best = best and best.note(trainee.policy, during, done)
                keep(trainee, folder, Progressed(done, before, best))
            elif clock.keep_due():
                keep(trainee, folder, Progressed(done, before, best))
        after = evaluation("after", done)
        if best and best.note(trainee.policy, after, done).step < done:
            best.restore(trainee.policy)
            after = evaluation("after", best.step)
        return trainee.policy, Outcome(before, after)
    except Cancelled:
        keep(trainee, folder, Progressed(done, before, best))
        raise


def evaluated(
    trainee: Trainee,
    held_out: Sequence[Sample],
    progress: Progress,
    watch: Callable[[int, list[Judged]], None],
    check: Callable[[], None],
    when: str,
    step: int,
) -> dict[str, Any]:
    """Means over the held-out answers, written into the progress and told to `watch`."""
    judged = judge_together(trainee, held_out, check)
    result = summary(judged)
    watch(step, judged)
    progress.write("evaluation", when=when, step=step, split="held_out", **result)
    return result


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


def take_step(
    trainee: Trainee,
    samples: Sequence[tuple[int, Sample]],
    progress: Progress,
    check: Callable[[], None],
) -> tuple[list[Judged], list[Loss]]:
    """Collect and update, in smaller parts whenever memory runs out."""
    while True:
        try:
            experiences = [collect(trainee, part, check) for part in trainee.at_once.parts(samples)]
            losses = update(trainee, experiences)
            return [one for experience in experiences for one in experience.judged], losses
        except (RuntimeError, MemoryError) as error:
            trainee.at_once.halve(error, progress)


def collect(trainee: Trainee, samples: Sequence[tuple[int, Sample]], check: Callable[[], None]) -> Experience:
    """Sample a group for each prompt, score it once, reward it, and compare it with its group."""
    loaded, config, scorer, told = trainee.loaded, trainee.config, trainee.scorer, None
    batch = collate(loaded, [encode(loaded, sample) for _, sample in samples])
    completions = roll_out(trainee, batch, [place for place, _ in samples], check)
    with torch.no_grad():
        scores = scorer(batch, completions, config.temperature)
        weights = scores.entropies
        if config.tokens == "sensitivity":
            weights = weights * divergence(scores.logits, scorer(blanked(loaded, batch), completions).logits)
        reference = None
        with trainee.policy.reference():
            if config.beta:
                reference = scorer(batch, completions, config.temperature).log_probs
            if config.distil and trainee.steering:
                pull = teacher.pull(loaded, batch, trainee.steering)
                told = scorer(batch, completions, steer=pull).logits
    check()
    looks = looks_of(loaded, batch, completions, weights, drawing=config.attention_rows == "drawing")
    judged = judge_completions(batch, completions, scores.rows, looks)
    return Experience(
        batch=batch,
        completions=completions,
        looks=looks,
        old_log_probs=scores.log_probs,
        reference_log_probs=reference,
        teacher_logits=told,
        advantages=advantages_of(config, judged, scores.rows, looks, completions.ids.shape[1]),
        judged=judged,
    )


def roll_out(trainee: Trainee, batch: Batch, places: Sequence[int], check: Callable[[], None]) -> Completions:
    """A group for each prompt; part of it with the attention pulled towards the region, if asked for."""
    loaded, config = trainee.loaded, trainee.config

    def sample(count: int, *seed: int, **options: Any) -> Completions:
        seeds = [(config.seed, place, *seed) for place in places]
        return generate(
            loaded,
            batch,
            max_new_tokens=config.max_new_tokens,
            num_generations=count,
            uniforms=group_uniforms(seeds, count, config.max_new_tokens),
            temperature=config.temperature,
            top_p=config.top_p,
            check=check,
            **options,
        )

    completions = sample(config.num_generations)
    steered = round(config.steered_share * config.num_generations)
    if steered and trainee.steering:
        pulled = sample(steered, 1, steer=teacher.pull(loaded, batch, trainee.steering))
        completions = teacher.mixed(completions, pulled, pad_id(loaded))
    return completions


def update(trainee: Trainee, experiences: Sequence[Experience]) -> list[Loss]:
    """One AdamW step on the mean loss of the prompts, the gradient clipped to `max_grad_norm`."""
    config, optimiser = trainee.config, trainee.optimiser
    optimiser.zero_grad()
    losses, prompts = [], sum(len(experience.batch.prompts) for experience in experiences)
    for experience in experiences:
        batch, completions = experience.batch, experience.completions
        if config.gradient_checkpointing:
            batch, completions = one_by_one(trainee.loaded, batch, completions)
        scores = trainee.wrapped(batch, completions, config.temperature)
        loss = objective_loss(
            scores.log_probs,
            scores.rows,
            looks=experience.looks,
            counted=attention_counts(config, experience.judged).to(scores.rows.device),
            old_log_probs=experience.old_log_probs,
            reference_log_probs=experience.reference_log_probs,
            advantages=experience.advantages,
            completion_mask=completions.mask,
            config=config,
        )
        if experience.teacher_logits is not None:
            apart = teacher.distance(experience.teacher_logits, scores.logits, completions.mask)
            loss = Loss(loss.total + config.distil * apart, loss.kl)
        trainee.accelerator.backward(loss.total * (len(experience.batch.prompts) / prompts))
        losses.append(loss)
    norm = trainee.accelerator.clip_grad_norm_(trainee.policy.trainable, config.max_grad_norm)
    if not torch.isfinite(norm):
        raise TrainingError(
            expected="a finite gradient",
            got=f"a gradient of norm {float(norm)}",
            remedy="The last good checkpoint is kept. Start again with a lower learning rate.",
        )
    optimiser.step()
    return losses
