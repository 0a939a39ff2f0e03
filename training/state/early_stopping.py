"""Early stop: the best held-out evaluation so far, and the adapter that gave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peft import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor

from training.state.policy import POLICY, Policy


@dataclass
class Best:
    """What a run with patience goes back to when held-out answers stop improving.

    The best of several evaluations flatters itself: judge the adapter on other pictures than these.

    Attributes:
        score: held-out accuracy, or the SAYO reward where no answer is known.
        step: steps done when it was reached.
        waited: evaluations since.
        weights: the adapter's, on the CPU.
    """

    score: float
    step: int
    waited: int
    weights: dict[str, Tensor]

    @classmethod
    def first(cls, policy: Policy, before: dict[str, Any]) -> Best:
        """The adapter before the first step: a run that never improves changes nothing."""
        return cls(score_of(before), 0, 0, _weights(policy))

    def note(self, policy: Policy, result: dict[str, Any], step: int) -> Best:
        """Keep the policy's weights if it is the best so far."""
        score = score_of(result)
        if score > self.score:
            self.score, self.step, self.waited, self.weights = score, step, 0, _weights(policy)
        else:
            self.waited += 1
        return self

    def restore(self, policy: Policy) -> int:
        """Put the best weights back; the step that they are from."""
        set_peft_model_state_dict(policy.model, self.weights, adapter_name=POLICY)
        return self.step


def score_of(result: dict[str, Any]) -> float:
    """What held-out evaluations are compared by."""
    known = [result[name] for name in ("accuracy", "sayo_reward") if result[name] is not None]
    return float(known[0]) if known else 0.0


def _weights(policy: Policy) -> dict[str, Tensor]:
    state = get_peft_model_state_dict(policy.model, adapter_name=POLICY)
    return {name: value.detach().cpu().clone() for name, value in state.items()}
