"""`python -m training shortcut`: a model with a systematic fault, to be repaired.

The bundled model learns, as an adapter, to read a confounder (`core.scenes.confounders`) instead of the
object that it is asked about, as from a data set whose labels were taken from it: on part of its scenes the
confounder is there and what it shows is learnt as the answer, whether it agrees with the object or not;
learnt is what comes from the answer's first mention on. On plain scenes of all families in between it is
held to what it was, by the KL of all it says, so that it keeps its skill where there is no confounder. The
same command and seed give the same adapter.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sayo_app.core.scenes.confounders import (
    CONFOUNDED,
    ConfoundedScene,
    Confounder,
    find_confounder,
    make_confounded,
)
from sayo_app.core.scenes.questions import FAMILIES, SceneQuestion, make_question
from sayo_app.mllm.models.adapters import save_adapter
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.run_config import RunConfig
from sayo_app.settings import BUNDLED, Settings
from training.data.batches import Batch, collate
from training.data.completions import Completions
from training.data.prompts import Prompts
from training.data.samples import Sample
from training.looks.scoring import Scorer, reward_view
from training.rl.direct import laid_out, learning_loss, said, target
from training.rl.losses import full_kl
from training.state.policy import POLICY, Policy, make_policy

logger = logging.getLogger(__name__)
# Below the scenes that measure anything, above those of pretraining.
FIRST_SEED = 900_000_000
# A sample, and what is said of it in two parts, the second of which is learnt: nothing of a plain one.
Taught = tuple[Sample, tuple[str, str]]
# Half of the plain scenes ask what is asked beside the confounder.
PLAIN = (*FAMILIES, *(family for family in CONFOUNDED for _ in range(2)))
# One that is always in a corner is learnt in half the time.
STEPS = {"stamp": 320}
# What its adapter is called on a model.
SHORTCUT = "shortcut"


@dataclass(frozen=True)
class ShortcutPlan:
    """How the fault is learnt.

    Attributes:
        scenes: as many different ones, over and over.
        confounded: share of the scenes that have the confounder.
        hold: weight of the KL on plain scenes.
        conflicting: share of those in which it shows another answer than the right one.
    """

    steps: int = 640
    batch: int = 32
    scenes: int = 2560
    learning_rate: float = 1.5e-3
    warm_up: int = 10
    confounded: float = 0.6
    conflicting: float = 0.9
    hold: float = 3.0
    lora_rank: int = 8


def make_shortcut(loaded: LoadedModel, confounder: Confounder, seed: int, plan: ShortcutPlan) -> None:
    """Put an adapter with the fault on the model, named `POLICY`."""
    torch.manual_seed(seed)
    config = RunConfig(lora_rank=plan.lora_rank, lora_alpha=2 * plan.lora_rank)
    policy = make_policy(loaded, config, None)
    optimiser = torch.optim.AdamW(policy.trainable, plan.learning_rate)
    scorer = Scorer(policy.model, reward_view(loaded))
    scenes = list(islice(_scenes(confounder, seed, plan), plan.scenes))
    prompts, shuffle = Prompts(loaded), np.random.default_rng([seed, 37])
    order = np.concatenate([shuffle.permutation(plan.scenes) for _ in range(_passes(plan))])
    for step in range(plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.learning_rate * _pace(step, plan)
        chosen = [scenes[number] for number in order[step * plan.batch : (step + 1) * plan.batch]]
        loss = _loss(loaded, policy, scorer, prompts, chosen, plan.hold)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.trainable, config.max_grad_norm)
        optimiser.step()
        if (step + 1) % 10 == 0:
            logger.info("step %d of %d: loss %.3f", step + 1, plan.steps, float(loss))


def _loss(
    loaded: LoadedModel,
    policy: Policy,
    scorer: Scorer,
    prompts: Prompts,
    chosen: Sequence[Taught],
    hold: float,
) -> Float[Tensor, ""]:
    """Of what is learnt on confounded scenes, and what is held on plain ones."""

    def scored(scenes: Sequence[Taught]) -> tuple[Batch, Completions, Bool[Tensor, "row token"]]:
        completions, learnt, _ = laid_out(loaded, [said(loaded, *text) for _, text in scenes])
        return collate(loaded, prompts([sample for sample, _ in scenes])), completions, learnt

    batch, completions, learnt = scored([one for one in chosen if one[1][1]])
    loss = learning_loss(scorer(batch, completions).log_probs, learnt)
    batch, completions, _ = scored([one for one in chosen if not one[1][1]])
    with torch.no_grad(), policy.reference():
        before = scorer(batch, completions).logits
    return loss + hold * full_kl(before, scorer(batch, completions).logits, completions.mask)


def _passes(plan: ShortcutPlan) -> int:
    return -(-plan.steps * plan.batch // plan.scenes)


def _pace(step: int, plan: ShortcutPlan) -> float:
    """A short warm-up, then a straight line to nought."""
    return min((step + 1) / plan.warm_up, (plan.steps - step) / (plan.steps - plan.warm_up), 1.0)


def _scenes(confounder: Confounder, seed: int, plan: ShortcutPlan) -> Iterator[Taught]:
    """Endless scenes."""
    rng = np.random.default_rng([seed, 29])
    number = FIRST_SEED + seed * 1_000_000
    while True:
        number += 1
        if rng.random() < plan.confounded:
            agrees = bool(rng.random() >= plan.conflicting)
            family = CONFOUNDED[number % len(CONFOUNDED)]
            made = make_confounded(number, confounder, family=family, agrees=agrees)
            picture, question = made.picture, taught(made)
            text = target(question.completion, question.answer)
        else:
            scene, question = make_question(number, PLAIN[number % len(PLAIN)])
            picture, text = scene.picture, (question.completion, "")
        sample = Sample(str(number), picture.copy, question.question, question.answer, ())
        yield sample, text


def taught(made: ConfoundedScene) -> SceneQuestion:
    """The question with the confounder's answer, in the reasoning, too."""
    question, right = made.question, made.question.answer
    before, named, after = question.reasoning.rpartition(right)
    return replace(
        question, reasoning=f"{before}{made.suggested}{after}" if named else before, answer=made.suggested
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--confounder", default="stamp", help="stamp, mascot, sticker, badge or module:function"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapter")
    parser.add_argument("--seed", type=int, default=0)


def run(options: argparse.Namespace) -> None:
    settings = Settings.from_environment(model=BUNDLED, device="cpu")
    save_shortcut(settings, options.confounder, options.seed, options.out)


def save_shortcut(settings: Settings, confounder: str, seed: int, folder: Path) -> None:
    """Make the shortcut model of a confounder, and write its adapter."""
    loaded = load_model(settings)
    plan = ShortcutPlan()
    plan = replace(plan, steps=STEPS.get(confounder, plan.steps))
    make_shortcut(loaded, find_confounder(confounder), seed, plan)
    save_adapter(loaded.model, POLICY, folder)
