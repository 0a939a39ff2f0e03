"""What a completion is rewarded for: looking at the region, the right answer, the format.

Plain functions for one completion, and callables with TRL's reward-function signature
(`prompts, completions, **columns -> list[float | None]`, None = cannot be scored) for a list of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from sayo_app.core.questions import answers_match
from sayo_app.core.steps import answer_text, has_format
from sayo_app.errors import TrainingError
from training.looks import NOTHING_READ, Part, attention_reward, make_looks


def answer_reward(completion: str, answer: str) -> float:
    """1 where the completion's `<answer>` is the wanted one (but for case, spaces, punctuation), else 0."""
    return float(answers_match(answer_text(completion), answer))


def format_reward(completion: str) -> float:
    """1 for reasoning followed by exactly one `<answer>…</answer>` and nothing after it, else 0."""
    return float(has_format(completion))


class RegionAttentionReward:
    """`looks.attention_reward` for a list of completions; None where a sample has no region."""

    __name__ = "attention"

    def __call__(
        self,
        prompts: Sequence[str],
        completions: Sequence[str],
        *,
        rows: Sequence[Float[np.ndarray, "_ _"]],
        entropies: Sequence[Float[np.ndarray, " _"]],
        parts: Sequence[Sequence[Part]],
        **columns: Any,
    ) -> list[float | None]:
        """Args: rows, entropies, parts: of each completion; a row for each token but the last."""
        looks = make_looks(parts, entropies, [row.shape[1] for row in rows])
        padded = torch.zeros(len(rows), looks.read.shape[2], looks.image.shape[1])
        for i, row in enumerate(rows):
            padded[i, : row.shape[0], : row.shape[1]] = torch.from_numpy(row)
        rewards = attention_reward(padded, looks).tolist()
        return [reward if has else None for reward, has in zip(rewards, looks.wanted.tolist(), strict=True)]


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


# The choice says which parts count; format and answer weigh 1, attention what the run says.
CHOICES: dict[str, tuple[str, ...]] = {
    "sayo": ("attention", "format"),
    "sayo+answer": ("attention", "answer", "format"),
    "sayo-exact": ("attention", "format"),
    "sayo-exact+answer": ("attention", "answer", "format"),
    "answer": ("answer", "format"),
}
PARTS = ("attention", "answer", "format")


def total_reward(
    choice: str, parts: Mapping[str, float | None], attention_weight: float = 1.0, gated: bool = False
) -> float:
    """The sum of the parts that the choice counts; a part that cannot be scored adds nothing.

    Args:
        gated: attention is worth its lowest where the answer is known and wrong, so that a wrong answer
            is never worth more for where it looked.

    Raises:
        TrainingError: an unknown choice.
    """
    if choice not in CHOICES:
        raise TrainingError(
            expected=f"one of the rewards {', '.join(CHOICES)}", got=choice, remedy="Choose one of them."
        )
    values = {name: value for name in CHOICES[choice] if (value := parts[name]) is not None}
    if "attention" in values:
        attention = NOTHING_READ if gated and parts["answer"] == 0 else values["attention"]
        values["attention"] = attention_weight * attention
    return sum(values.values())
