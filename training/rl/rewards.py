"""What a completion is rewarded for: looking at the region, the right answer, the format.

Plain functions for one completion; that of attention is `attention_targets.attention_reward`. As reward
functions of `trl.GRPOTrainer` they are in `trl_rewards`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sayo_app.core.attention.steps import answer_text, has_format
from sayo_app.core.scenes.questions import answers_match
from training.looks.attention_targets import NOTHING_READ


def answer_reward(completion: str, answer: str) -> float:
    """1 where the completion's `<answer>` is the wanted one (but for case, spaces, punctuation), else 0."""
    return float(answers_match(answer_text(completion), answer))


def format_reward(completion: str) -> float:
    """1 for reasoning followed by exactly one `<answer>…</answer>` and nothing after it, else 0."""
    return float(has_format(completion))


def total_reward(
    counted: Collection[str],
    parts: Mapping[str, float | None],
    attention_weight: float = 1.0,
    gated: bool = False,
    least: float = NOTHING_READ,
) -> float:
    """The sum of the parts that are counted; one that cannot be scored adds nothing.

    Answer and format weigh 1, attention what the run says.

    Args:
        counted: some of `REWARD_PARTS`.
        gated: attention is worth its lowest where the answer is known and wrong, so that a wrong answer
            is never worth more for where it looked.
        least: that lowest.
    """
    values = {name: value for name in counted if (value := parts[name]) is not None}
    if "attention" in values:
        attention = least if gated and parts["answer"] == 0 else values["attention"]
        values["attention"] = attention_weight * attention
    return sum(values.values())
