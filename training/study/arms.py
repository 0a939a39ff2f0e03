"""The arms of the study: each a way to use the same corrections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sayo_app.run_config import Objective, RewardPart


@dataclass(frozen=True)
class Arm:
    """One way to use the corrections.

    Attributes:
        kind: `base`, `steered` and `attention_blocked` train nothing, `supervised` imitates, `reward` is
            the loop.
        changes: to the run's configuration.
        stepped: with a region for each reasoning step.
        confirmed: on as many right answers, confirmed by a person, as on corrections.
        last_only: blocked in the last layer alone.
    """

    kind: str
    says: str
    changes: dict[str, Any] = field(default_factory=dict)
    stepped: bool = False
    confirmed: bool = False
    last_only: bool = False


def rewarded(*parts: RewardPart, objective: Objective = "published") -> dict[str, Any]:
    """For these parts and the format."""
    return {"reward_parts": (*parts, "format"), "objective": objective}


EXACT = rewarded("attention", "answer", objective="exact")
PREDICTING = {"attention_rows": "predicting"}
MIDDLING = {"learning_rate": 2e-4, "beta": 0.02}
GENTLE = {"learning_rate": 1e-4, "beta": 0.05}
ARMS: dict[str, Arm] = {
    "base": Arm("base", "no training"),
    "steering": Arm("steered", "steered towards the region when it answers: the ceiling"),
    "attention-blocked": Arm(
        "attention_blocked", "kept from the region in all layers: do answers hang on looking there?"
    ),
    "attention-blocked, last layer": Arm(
        "attention_blocked", "kept from it in the last layer, which the reward reads", last_only=True
    ),
    "supervised": Arm("supervised", "fine-tuned on the corrected answers"),
    "supervised, gentle": Arm("supervised", "the same, a fifth of the rate", {"learning_rate": 1e-4}),
    "answer": Arm("reward", "GRPO, right answers only", rewarded("answer")),
    "answer, gentle": Arm("reward", "the same, a fifth of the rate, more KL", rewarded("answer") | GENTLE),
    "sayo": Arm("reward", "attention, as published", rewarded("attention")),
    "sayo+answer": Arm("reward", "attention, as published, and answers", rewarded("attention", "answer")),
    "sayo-exact": Arm("reward", "attention, exact gradient", rewarded("attention", objective="exact")),
    "sayo-exact+answer": Arm("reward", "attention, exact gradient, and answers", EXACT),
    "predicting": Arm("reward", "the same, reading the rows that predict the tokens", EXACT | PREDICTING),
    "predicting, middling": Arm(
        "reward", "the same, two fifths of the rate, more KL", EXACT | PREDICTING | MIDDLING
    ),
    "predicting, steps": Arm(
        "reward", "the same, a region for each step", EXACT | PREDICTING | MIDDLING, stepped=True
    ),
    "found": Arm("reward", "(i) reads the layers that steering finds", EXACT | {"attention_layers": "found"}),
    "steered-rollouts": Arm(
        "reward",
        "(ii) half of a group steered to the region",
        rewarded("answer") | {"steered_share": 0.5},
    ),
    "distil": Arm(
        "reward",
        "(iii) distils the steered policy, no answers",
        rewarded("attention") | {"attention_weight": 0.0, "distil": 1.0},
    ),
    "distil, gentle": Arm(
        "reward",
        "the same, a fifth of the rate, more KL",
        rewarded("attention") | {"attention_weight": 0.0, "distil": 1.0} | GENTLE,
    ),
    "steps": Arm("reward", "(iv) a region for each step", EXACT, stepped=True),
    "light": Arm(
        "reward", "(v) a tenth of the attention, early stop", EXACT | {"attention_weight": 0.1, "patience": 2}
    ),
    "gentle": Arm("reward", "exact and answers, a fifth of the rate, more KL", EXACT | GENTLE),
    "confirmed": Arm("reward", "exact and answers, right answers confirmed too", EXACT, confirmed=True),
    "confirmed, answer": Arm(
        "reward", "answers only, the same", rewarded("answer") | {"beta": 0.02}, confirmed=True
    ),
    "confirmed, steps": Arm(
        "reward",
        "predicting rows, a region for each step, right answers confirmed too",
        EXACT | PREDICTING | {"beta": 0.02},
        stepped=True,
        confirmed=True,
    ),
    "confirmed, gentle": Arm("reward", "the two together", EXACT | GENTLE, confirmed=True),
}
