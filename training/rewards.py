"""What a completion is rewarded for: looking at the region, the right answer, the format.

Plain functions for one completion, and callables with TRL's reward-function signature
(`prompts, completions, **columns -> list[float | None]`, None = cannot be scored) for a list of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from sayo_app.core import metrics
from sayo_app.core.questions import answers_match
from sayo_app.core.steps import answer_text, has_format
from sayo_app.errors import TrainingError

# tanh's lower end: a completion without a row to read must not be worth more than one that looks away.
NOTHING_READ = -1.0


def sayo_reward(
    rows: Float[np.ndarray, "row image"],
    entropies: Float[np.ndarray, " token"],
    region_mask: Bool[np.ndarray, " image"],
) -> float:
    """tanh(log((mean of A over T and region + 1e-8) / (mean of A over T and image + 1e-8))).

    T is the top 30 % of completion tokens by entropy, at least one, never the last (arXiv 2602.08241).

    Args:
        rows: A, the attention of each completion token but the last, as the query, to the image tokens.
        entropies: one for each completion token; no padding.
        region_mask: True where the model should look.
    """
    if len(rows) == 0:
        return NOTHING_READ
    return metrics.sayo_reward(rows, entropies, region_mask)


def answer_reward(completion: str, answer: str) -> float:
    """1 where the completion's `<answer>` is the wanted one (but for case, spaces, punctuation), else 0."""
    return float(answers_match(answer_text(completion), answer))


def format_reward(completion: str) -> float:
    """1 for reasoning followed by exactly one `<answer>…</answer>` and nothing after it, else 0."""
    return float(has_format(completion))


class RegionAttentionReward:
    """`sayo_reward` for a list of completions; None where a sample has no region."""

    __name__ = "attention"

    def __call__(
        self,
        prompts: Sequence[str],
        completions: Sequence[str],
        *,
        rows: Sequence[Float[np.ndarray, "_ _"]],
        entropies: Sequence[Float[np.ndarray, " _"]],
        region_masks: Sequence[Bool[np.ndarray, " _"] | None],
        **columns: Any,
    ) -> list[float | None]:
        return [
            None if mask is None else sayo_reward(row, entropy, mask)
            for row, entropy, mask in zip(rows, entropies, region_masks, strict=True)
        ]


class AnswerReward:
    """`answer_reward` for a list of completions; None where the right answer is not known."""

    __name__ = "answer"

    def __call__(
        self,
        prompts: Sequence[str],
        completions: Sequence[str],
        *,
        answers: Sequence[str | None],
        **columns: Any,
    ) -> list[float | None]:
        return [
            None if answer is None else answer_reward(completion, answer)
            for completion, answer in zip(completions, answers, strict=True)
        ]


class FormatReward:
    """`format_reward` for a list of completions."""

    __name__ = "format"

    def __call__(
        self, prompts: Sequence[str], completions: Sequence[str], **columns: Any
    ) -> list[float | None]:
        return [format_reward(completion) for completion in completions]


# Each is computed for every completion; the choice says which count. Every part has weight 1.
PARTS: dict[str, Callable[..., list[float | None]]] = {
    "attention": RegionAttentionReward(),
    "answer": AnswerReward(),
    "format": FormatReward(),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "sayo": ("attention", "format"),
    "sayo+answer": ("attention", "answer", "format"),
    "answer": ("answer", "format"),
}


def total_reward(choice: str, parts: Mapping[str, float | None]) -> float:
    """The sum of the parts that the choice counts; a part that cannot be scored adds nothing.

    Raises:
        TrainingError: an unknown choice.
    """
    if choice not in CHOICES:
        raise TrainingError(
            expected=f"one of the rewards {', '.join(CHOICES)}", got=choice, remedy="Choose one of them."
        )
    values = (parts[name] for name in CHOICES[choice])
    return sum(value for value in values if value is not None)
