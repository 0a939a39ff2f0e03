"""The arms of the study: each a way to use the same corrections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sayo_app.run_config import DECIDED_LOOKS, Objective, RewardPart


@dataclass(frozen=True)
class Arm:
    """One way to use the corrections.

    Attributes:
        kind: `base`, `steered` and `attention_blocked` train nothing, `trained` does.
        changes: to the run's configuration.
        stepped: with a region for each reasoning step.
        confirmed: on as many right answers, confirmed by a person, as on corrections.
        last_only: blocked, or told, in the last layer alone.
        regions: those that it trains on, see `repair.annotated`.
    """

    kind: str
    says: str
    changes: dict[str, Any] = field(default_factory=dict)
    stepped: bool = False
    confirmed: bool = False
    last_only: bool = False
    regions: str = "both"


def rewarded(*parts: RewardPart, objective: Objective = "published") -> dict[str, Any]:
    """For these parts and the format."""
    return {"reward_parts": (*parts, "format"), "objective": objective}


# As many corrections a step as the other arms have completions, and nothing that holds to the model.
SUPERVISED = {"objective": "direct", "reward_parts": ("answer",), "prompts_per_step": 32, "beta": 0.0}
EXACT = rewarded("attention", "answer", objective="exact")
PREDICTING = {"attention_rows": "predicting"}
MIDDLING = {"learning_rate": 2e-4, "beta": 0.02}
GENTLE = {"learning_rate": 1e-4, "beta": 0.05}
RECIPE = (
    rewarded("attention", "answer", objective="exact") | DECIDED_LOOKS | {"learning_rate": 3e-4, "beta": 0.2}
)
# What the button does: mistakes that have no common reason lose less by it.
RETRAIN = RECIPE | {"learning_rate": 2e-4}
DIRECT = DECIDED_LOOKS | {
    "objective": "direct",
    "reward_parts": ("attention",),
    "prompts_per_step": 16,
    "beta": 1.0,
}
EASE = rewarded("attention", "answer", objective="guided") | DECIDED_LOOKS | {"attention_form": "target"}
SALIENCY = rewarded("attention", "answer") | DECIDED_LOOKS | {"attention_form": "saliency"}
DIRECT_ANSWERS = DIRECT | {"reward_parts": ("attention", "answer")}
MISTAKES: dict[str, Arm] = {
    "base": Arm("base", "no training"),
    "steering": Arm("steered", "steered towards the region when it answers: the ceiling"),
    "attention-blocked": Arm(
        "attention_blocked", "kept from the region in all layers: do answers hang on looking there?"
    ),
    "attention-blocked, last layer": Arm(
        "attention_blocked", "kept from it in the last layer, which the reward reads", last_only=True
    ),
    "supervised": Arm("trained", "fine-tuned on the corrected answers", SUPERVISED),
    "supervised, gentle": Arm(
        "trained", "the same, a fifth of the rate", SUPERVISED | {"learning_rate": 1e-4}
    ),
    "answer": Arm("trained", "GRPO, right answers only", rewarded("answer")),
    "answer, gentle": Arm("trained", "the same, a fifth of the rate, more KL", rewarded("answer") | GENTLE),
    "sayo": Arm("trained", "attention, as published", rewarded("attention")),
    "sayo+answer": Arm("trained", "attention, as published, and answers", rewarded("attention", "answer")),
    "sayo-exact": Arm("trained", "attention, exact gradient", rewarded("attention", objective="exact")),
    "sayo-exact+answer": Arm("trained", "attention, exact gradient, and answers", EXACT),
    "predicting": Arm("trained", "the same, reading the rows that predict the tokens", EXACT | PREDICTING),
    "predicting, middling": Arm(
        "trained", "the same, two fifths of the rate, more KL", EXACT | PREDICTING | MIDDLING
    ),
    "predicting, steps": Arm(
        "trained", "the same, a region for each step", EXACT | PREDICTING | MIDDLING, stepped=True
    ),
    "found": Arm(
        "trained", "(i) reads the layers that steering finds", EXACT | {"attention_layers": "found"}
    ),
    "steered-rollouts": Arm(
        "trained",
        "(ii) half of a group steered to the region",
        rewarded("answer") | {"steered_share": 0.5},
    ),
    "distil": Arm(
        "trained",
        "(iii) distils the steered policy, no answers",
        rewarded("attention") | {"attention_weight": 0.0, "distil": 1.0},
    ),
    "distil, gentle": Arm(
        "trained",
        "the same, a fifth of the rate, more KL",
        rewarded("attention") | {"attention_weight": 0.0, "distil": 1.0} | GENTLE,
    ),
    "steps": Arm("trained", "(iv) a region for each step", EXACT, stepped=True),
    "light": Arm(
        "trained",
        "(v) a tenth of the attention, early stop",
        EXACT | {"attention_weight": 0.1, "patience": 2},
    ),
    "gentle": Arm("trained", "exact and answers, a fifth of the rate, more KL", EXACT | GENTLE),
    "confirmed": Arm("trained", "exact and answers, right answers confirmed too", EXACT, confirmed=True),
    "confirmed, answer": Arm(
        "trained", "answers only, the same", rewarded("answer") | {"beta": 0.02}, confirmed=True
    ),
    "confirmed, steps": Arm(
        "trained",
        "predicting rows, a region for each step, right answers confirmed too",
        EXACT | PREDICTING | {"beta": 0.02},
        stepped=True,
        confirmed=True,
    ),
    "confirmed, gentle": Arm("trained", "the two together", EXACT | GENTLE, confirmed=True),
    "recipe": Arm("trained", "the recipe that repairs", RECIPE),
    "retrain": Arm("trained", "the same, two thirds of the rate: what Retrain does", RETRAIN),
    "recipe, confirmed": Arm("trained", "the same, right answers confirmed too", RECIPE, confirmed=True),
    "direct": Arm("trained", "no rollouts: the looks of its own answers", DIRECT),
    "direct and answers": Arm("trained", "the same, and fine-tuned on the answers", DIRECT_ANSWERS),
}


REPAIR: dict[str, Arm] = {
    "none": Arm("base", "the shortcut model as it is"),
    "told": Arm("steered", "told where to look when it answers, all layers"),
    "supervised": Arm("trained", "fine-tuned on the right answers", SUPERVISED),
    "answer": Arm("trained", "GRPO, right answers only", rewarded("answer")),
    "answer, filtered": Arm(
        "trained", "the same, without even groups (DAPO)", rewarded("answer") | {"filtered": True}
    ),
    "sayo": Arm("trained", "attention, as published", rewarded("attention")),
    "saliency": Arm("trained", "saliency in the region, and answers (Saliency-R1's idea)", SALIENCY),
    "ease": Arm("trained", "answers, and right ones' attention to a smoothed region (EASE's idea)", EASE),
    "exact, last layer": Arm("trained", "attention, exact gradient, and answers", EXACT),
    "recipe": Arm("trained", "the recipe: what an answer is committed by, look and away", RECIPE),
    "retrain": Arm("trained", "the same, two thirds of the rate: what Retrain does", RETRAIN),
    "retrain, random regions": Arm(
        "trained", "the same, as large and touching neither", RETRAIN, regions="random"
    ),
    "recipe, look only": Arm("trained", "the same, regions to look at", RECIPE, regions="look"),
    "recipe, away only": Arm("trained", "the same, regions not to look at", RECIPE, regions="away"),
    "recipe, random regions": Arm(
        "trained", "the same, as large and touching neither", RECIPE, regions="random"
    ),
    "recipe, shuffled regions": Arm("trained", "the same, of other pictures", RECIPE, regions="shuffled"),
    "recipe, last layer": Arm("trained", "the same, last layer", RECIPE | {"attention_layers": "last"}),
    "recipe, a fifth annotated": Arm("trained", "the same, regions on 20 %", RECIPE, regions="fifth"),
    "direct": Arm("trained", "no rollouts: the looks of its own answers", DIRECT),
    "direct and answers": Arm("trained", "the same, and fine-tuned on the answers", DIRECT_ANSWERS),
}
