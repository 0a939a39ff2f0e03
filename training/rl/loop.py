"""Region-attention reinforcement learning (SAYO, arXiv 2602.08241) on stored corrections, with LoRA.

Departures from the paper's code: attention columns are found by the real image-token positions of each
left-padded row; the tokens read are never padding; the layer and the image token come from the model;
the prompt is encoded once a group and its cache shared, its picture once a run; the update's own forward
gives log-probabilities, entropies and attention together, so that scoring costs no pass of its own; a right
answer may be rewarded beside the attention; the exact objective has the attention's own gradient beside the
published term.

    accelerate launch -m training train --run ID      # several GPUs; or plainly: python -m training train

A step of the objectives `published` and `exact`, for as many prompts at once as fit; `direct` has no rollouts
and is told in its own module:
    1. sample a group of completions for each prompt from the policy
    2. ask the reference (adapter off, or the previous adapter) for their log-probabilities
    3. one forward of the policy: log-probabilities, entropies, attention rows
    4. reward each completion by what that forward saw; advantage = reward against its group
    5. add the gradient of policy loss + KL to the reference
       - the attention reward of the same rows, where the objective is exact
Then clip the gradient and step AdamW on the adapter. Each rollout is used for one step, so the policy that
is updated is the one that sampled: the probability ratio is 1 and carries the gradient only.
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
from sayo_app.mllm.answering.decode import pad_token_id
from sayo_app.mllm.answering.steer import Steering
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import RunConfig
from training.data.batches import Batch, blanked, collate
from training.data.completions import Completions, one_by_one
from training.data.samples import Sample
from training.looks.attention_targets import look_reward
from training.rl import steered_teacher
from training.rl.advantages import attention_counts, credit_of, judge_looks
from training.rl.direct import learning_loss
from training.rl.filtering import uneven
from training.rl.judging import Judged, interleaved, judge, summary
from training.rl.losses import Loss, full_kl, objective_loss
from training.rl.reliance import first_with_regions, with_reliance
from training.rl.reporting import Clock, check_bounds, mean_figures, step_figures
from training.rl.rollout import generate, group_uniforms
from training.rl.train_state import TrainState, keep, make_train_state, resume
from training.state.checkpoint import Progressed
from training.state.early_stopping import Best
from training.state.policy import Policy
from training.state.progress_log import Cancelled, Progress, StopSignal


@dataclass(frozen=True)
class Outcome:
    """The held-out evaluation before the first step, and that of the adapter as it is in the end.

    Attributes:
        step: steps that the adapter has had: all, or those up to the best where it went back to that.
    """

    before: dict[str, Any]
    after: dict[str, Any]
    step: int


@dataclass(frozen=True, eq=False)
class Experience:
    """A rollout, and what others than the policy make of it.

    Attributes:
        teacher_logits: of the reference steered towards the regions; None where nothing is distilled.
        blind_logits: of the policy shown grey pictures; None where tokens are not picked by sensitivity.
    """

    batch: Batch
    completions: Completions
    reference_log_probs: Float[Tensor, "row token"] | None
    teacher_logits: Float[Tensor, "row token vocabulary"] | None
    blind_logits: Float[Tensor, "row token vocabulary"] | None


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
        watch: called with the steps done and all held-out answers, in their order, at each evaluation.

    Raises:
        Cancelled: after a checkpoint of the last finished step.
        TrainingError: settings that cannot work, or a collapse; the last good checkpoint is kept.
    """
    state, stop = make_train_state(loaded, config, base_adapter, found), stop or StopSignal()
    # Several processes stop together between steps: one that left alone would leave the others waiting.
    check = stop.check if state.accelerator.num_processes == 1 else lambda: None

    evaluation = partial(evaluated, state, held_out, progress, watch, check)
    resumed = resume(state, folder)
    before = resumed.before if resumed else evaluation("before", 0)
    done, best = (resumed.step, resumed.best) if resumed else (0, Best.first(state.policy, before))
    best = best if config.patience else None
    clock = Clock(config.steps - done)
    try:
        while done < config.steps and not (best and best.waited >= config.patience):
            if any(gather_object([stop.asked])):
                raise Cancelled
            samples = state.mine(step_samples(training, config, done))
            judged, losses = take_step(state, samples, progress, check)
            done += 1
            figures = mean_figures(gather_object([step_figures(config, judged, losses)]))
            event = figures | clock.tick() | {"parts_s": state.spent.take()}
            progress.write("step", step=done, steps=config.steps, **event)
            check_bounds(figures, before, config.max_kl)
            if config.eval_every and done % config.eval_every == 0 and done < config.steps:
                during = evaluation("during", done)
                best = best and best.note(state.policy, during, done)
                keep(state, folder, Progressed(done, before, best))
            elif clock.keep_due():
                keep(state, folder, Progressed(done, before, best))
        after = evaluation("after", done)
        if best and best.note(state.policy, after, done).step < done:
            done = best.restore(state.policy)
            after = evaluation("after", done)
        return state.policy, Outcome(before, after, done)
    except Cancelled:
        keep(state, folder, Progressed(done, before, best))
        raise


def evaluated(
    state: TrainState,
    held_out: Sequence[Sample],
    progress: Progress,
    watch: Callable[[int, list[Judged]], None],
    check: Callable[[], None],
    when: str,
    step: int,
) -> dict[str, Any]:
    """Means over the held-out answers, written into the progress and given to `watch`."""
    covered = state.config.covered_pictures if when in ("before", "after") else 0
    judged = judge_together(state, held_out, check, covered)
    result = summary(judged)
    watch(step, judged)
    progress.write("evaluation", when=when, step=step, split="held_out", **result)
    return result


def judge_together(
    state: TrainState, samples: Sequence[Sample], check: Callable[[], None], covered: int
) -> list[Judged]:
    """Answers to all samples, in their order, each process giving its share.

    Args:
        covered: how many of them are asked again with regions covered.
    """
    loaded, tokens, own = state.loaded, state.config.max_new_tokens, state.mine(samples)
    chosen = state.mine(first_with_regions(samples, covered))
    mine = judge(loaded, own, max_new_tokens=tokens, check=check)
    mine = with_reliance(loaded, own, mine, chosen, max_new_tokens=tokens, check=check)
    return interleaved(gather_object(mine), state.accelerator.num_processes)


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
    state: TrainState,
    samples: Sequence[tuple[int, Sample]],
    progress: Progress,
    check: Callable[[], None],
) -> tuple[list[Judged], list[Loss]]:
    """One optimiser step on the samples, in smaller parts whenever memory runs out."""
    config = state.config
    while True:
        judged: list[Judged] = []
        losses: list[Loss] = []
        state.optimiser.zero_grad()
        try:
            for part in state.at_once.parts(samples):
                share = len(part) / len(samples)
                if config.objective == "direct":
                    figures, loss = learn_directly(state, [sample for _, sample in part], share)
                else:
                    figures, loss = learn(state, collect(state, part, check), share)
                judged, losses = judged + figures, [*losses, loss]
        except (RuntimeError, MemoryError) as error:
            state.at_once.halve(error, progress)
            continue
        update(state)
        return judged, losses


def collect(
    state: TrainState, samples: Sequence[tuple[int, Sample]], check: Callable[[], None]
) -> Experience:
    """Sample a group for each prompt, and ask the reference, and who else is asked, about it."""
    loaded, config, scorer = state.loaded, state.config, state.scorer
    reference = teacher = blind = None
    with state.spent("rollout"):
        batch = collate(loaded, state.prompts([sample for _, sample in samples]))
        completions = roll_out(state, batch, [place for place, _ in samples], check)
        if config.filtered:
            batch, completions = uneven(loaded, config, batch, completions)
    with state.spent("reference"), torch.no_grad():
        if config.tokens == "sensitivity":
            blind = scorer(blanked(loaded, batch), completions).logits
        with state.policy.reference():
            if config.beta:
                reference = scorer(batch, completions, config.temperature).log_probs
            if config.distil and state.steering:
                bias = steered_teacher.region_bias(loaded, batch, state.steering)
                teacher = scorer(batch, completions, steer=bias).logits
    check()
    return Experience(batch, completions, reference, teacher, blind)


def roll_out(
    state: TrainState, batch: Batch, places: Sequence[int], check: Callable[[], None]
) -> Completions:
    """A group for each prompt; part of it steered towards the region, if asked for."""
    loaded, config = state.loaded, state.config

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
    count = round(config.steered_share * config.num_generations)
    if count and state.steering:
        steered = sample(count, 1, steer=steered_teacher.region_bias(loaded, batch, state.steering))
        completions = steered_teacher.mixed(completions, steered, pad_token_id(loaded))
    return completions


def learn(state: TrainState, experience: Experience, share: float) -> tuple[list[Judged], Loss]:
    """Score a rollout, reward it, and add the gradient of its loss: one forward for all.

    Args:
        share: of the step's prompts that these are.
    """
    config, batch, completions = state.config, experience.batch, experience.completions
    with state.spent("update"):
        forward = batch, completions
        if config.gradient_checkpointing:
            forward = one_by_one(state.loaded, batch, completions)
        scores = state.wrapped(*forward, config.temperature)
    with state.spent("scoring"):
        credit = credit_of(
            state.loaded, config, batch, completions, scores, experience.blind_logits, state.scorer
        )
    with state.spent("update"):
        loss = objective_loss(
            scores.log_probs,
            scores.rows,
            targets=credit.targets,
            counted=attention_counts(config, credit.judged).to(scores.rows.device),
            old_log_probs=scores.log_probs.detach(),
            reference_log_probs=experience.reference_log_probs,
            advantages=credit.advantages,
            completion_mask=completions.mask,
            config=config,
        )
        if experience.teacher_logits is not None:
            apart = full_kl(experience.teacher_logits, scores.logits, completions.mask)
            loss = Loss(loss.total + config.distil * apart, loss.kl)
        state.accelerator.backward(loss.total * share)
    return credit.judged, Loss(loss.total.detach(), loss.kl)


def learn_directly(state: TrainState, samples: Sequence[Sample], share: float) -> tuple[list[Judged], Loss]:
    """Move the attention of the model's own answers, see `direct`; add the gradient of the loss.

    Args:
        share: of the step's prompts that these are.
    """
    config, kl = state.config, torch.zeros(())
    with state.spent("reference"), torch.no_grad(), state.policy.reference():
        batch = collate(state.loaded, state.prompts(samples))
        completions, learnt, held = state.own_answers(batch)
        reference = state.scorer(batch, completions).logits if config.beta else None
    with state.spent("update"):
        scores = state.wrapped(batch, completions)
    with state.spent("scoring"):
        judged, targets = judge_looks(state.loaded, config, batch, completions, scores)
    with state.spent("update"):
        total = scores.log_probs.new_zeros(())
        if "attention" in config.reward_parts:
            gain = look_reward(config.attention_form, scores.rows, targets)
            total = (
                total - config.attention_weight * (attention_counts(config, judged).to(gain) * gain).mean()
            )
        if "answer" in config.reward_parts:
            total = total + learning_loss(scores.log_probs, learnt)
        if reference is not None:
            kl = full_kl(reference, scores.logits, held)
            total = total + config.beta * kl
        state.accelerator.backward(total * share)
    return judged, Loss(total.detach(), kl.detach())


def update(state: TrainState) -> None:
    """One AdamW step on the gradient that has come together, clipped to `max_grad_norm`."""
    with state.spent("update"):
        norm = state.accelerator.clip_grad_norm_(state.policy.trainable, state.config.max_grad_norm)
        if not torch.isfinite(norm):
            raise TrainingError(
                expected="a finite gradient",
                got=f"a gradient of norm {float(norm)}",
                remedy="The last good checkpoint is kept. Start again with a lower learning rate.",
            )
        state.optimiser.step()
