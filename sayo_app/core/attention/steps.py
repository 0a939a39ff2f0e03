"""Cut an answer into reasoning steps, and read the answer out of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Literal

from sayo_app.core.attention.trace import Step

ANSWER = "<answer>"
_BLOCK = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_WHOLE = re.compile(r"(.+?)<answer>(.+?)</answer>\s*", re.DOTALL)
# Control tokens of the supported families; <answer> and <think> are text that the model wrote.
_SPECIAL = re.compile(
    r"<\|[^|]*\|>|</?s>|<(?:bos|eos|pad|unk|image|start_of_turn|end_of_turn|end_of_utterance)>"
)
# A full stop inside "3.5" ends nothing: blank, tag or the end must follow.
_SENTENCE_END = re.compile(r"[.!?]+[\"')\]]*(?=\s|<|$)|\n")
_BLANK = re.compile(r"\s*(?:</?think>)?\s*")
_LIST_NUMBER = re.compile(r"\s*\d+\.")


def split_steps(tokens: Sequence[str]) -> tuple[Step, ...]:
    """Sentences of reasoning, then all from `<answer>` on as one step of kind "answer".

    Every token but control tokens (`<|im_end|>` and the like) and blanks is in exactly one step;
    blanks and `<think>` tags belong to the sentence before them, the first ones to that after.

    Args:
        tokens: the text pieces of a completion, in order; together they are its text.
    """
    steps: list[Step] = []
    answering = False
    for start, stop in _text_runs(tokens):
        starts, answer_from = _step_starts(tokens[start:stop], answering)
        for first, last in pairwise([*starts, stop - start]):
            text = "".join(tokens[start + first : start + last]).strip()
            answering = last > answer_from
            kind: Literal["reasoning", "answer"] = "answer" if answering else "reasoning"
            steps.append(Step(len(steps), start + first, start + last, text, kind))
    return tuple(steps)


def answer_text(text: str) -> str | None:
    """What stands in the last `<answer>…</answer>`, without blanks round it; None if there is none."""
    blocks = _BLOCK.findall(text)
    return blocks[-1].strip() if blocks else None


def named_span(text: str) -> tuple[int, int] | None:
    """Where the reasoning names the answer last, with the blank before it; None where it does not.

    Returns:
        [start, stop) in characters of the text.
    """
    answer = answer_text(text)
    if not answer:
        return None
    reasoning = text.partition(ANSWER)[0]
    found = list(re.finditer(rf"\s?(?<!\w){re.escape(answer)}(?!\w)", reasoning, re.IGNORECASE))
    return found[-1].span() if found else None


def fact_tokens(tokens: Sequence[str]) -> list[int]:
    """The tokens in which a completion commits itself: those that name its answer in the reasoning.

    Where the reasoning does not name it they are those between the tags; none without an answer block.

    Args:
        tokens: the text pieces of a completion, in order; together they are its text.
    """
    text = "".join(tokens)
    blocks = list(_BLOCK.finditer(text))
    span = named_span(text) or (blocks[-1].span(1) if blocks else None)
    if span is None or span[0] == span[1]:
        return []
    ends = [*accumulate(map(len, tokens))]
    return [i for i, end in enumerate(ends) if end > span[0] and end - len(tokens[i]) < span[1]]


def has_format(text: str) -> bool:
    """Whether the text is reasoning, then exactly one answer block, and nothing after it."""
    whole = _WHOLE.fullmatch(text)
    tags_once = text.count(ANSWER) == 1 and text.count("</answer>") == 1
    return tags_once and whole is not None and all(part.strip() for part in whole.groups())


def _text_runs(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Stretches without a control token."""
    start: int | None = None
    for index, token in enumerate([*tokens, "<|end|>"]):
        if _SPECIAL.fullmatch(token.strip()):
            if start is not None:
                yield start, index
            start = None
        elif start is None:
            start = index


def _step_starts(tokens: Sequence[str], answering: bool) -> tuple[list[int], int]:
    """Where steps begin in one stretch, and from which token on it is answer (its length: nowhere)."""
    text = "".join(tokens)
    ends = [*accumulate(map(len, tokens))]
    opening = 0 if answering else text.find(ANSWER)
    # The answer begins with the token that holds its "<", whatever else is in that token.
    answer_from = len(tokens) if opening < 0 else bisect_right(ends, opening)
    sentence_ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    starts: list[int] = []
    closed = True
    for index, token in enumerate(tokens[:answer_from]):
        begin, end = ends[index] - len(token), ends[index]
        ink = end - len(token.lstrip())
        # A line break before a token's first letter ends the sentence before it, not its own.
        closed = closed or any(begin < stop <= ink for stop in sentence_ends)
        if closed and not _BLANK.fullmatch(token):
            starts.append(index)
            closed = False
        if starts and any(ink < stop <= end for stop in sentence_ends):
            sentence = text[ends[starts[-1]] - len(tokens[starts[-1]]) : end]
            closed = closed or not _LIST_NUMBER.fullmatch(sentence)
    if answer_from < len(tokens):
        starts.append(answer_from)
    # Blanks before the first words belong to them.
    return [0, *starts[1:]] if starts else [], answer_from
