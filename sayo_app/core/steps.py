"""Cut an answer into reasoning steps, and read the answer out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from sayo_app.core.trace import Step

ANSWER = "<answer>"
_BLOCK = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_WHOLE = re.compile(r"(.+?)<answer>(.+?)</answer>\s*", re.DOTALL)
# Control tokens of the supported families; <answer> and <think> are text that the model wrote.
_SPECIAL = re.compile(
    r"<\|[^|]*\|>|</?s>|<(?:bos|eos|pad|unk|image|start_of_turn|end_of_turn|end_of_utterance)>"
)
# A full stop inside "3.5" ends nothing: blank, tag or the end must follow.
_SENTENCE_END = re.compile(r"[.!?]+[\"')\]]*(?=\s|<|$)|\n")
_LIST_NUMBER = re.compile(r"\s*\d+\.")


def split_steps(tokens: Sequence[str]) -> tuple[Step, ...]:
    """Sentences of reasoning, then all from `<answer>` on as one step of kind "answer".

    Every token that is not a control token (`<|im_end|>` and the like) is in exactly one step; a
    blank after a sentence stays with it.

    Args:
        tokens: the text pieces of a completion, in order; together they are its text.
    """
    steps: list[Step] = []
    answering = False
    for start, stop in _text_runs(tokens):
        cuts, answering = _cuts(tokens[start:stop], answering)
        for first, last, kind in cuts:
            text = "".join(tokens[start + first : start + last]).strip()
            steps.append(Step(len(steps), start + first, start + last, text, kind))
    return tuple(steps)


def answer_text(text: str) -> str | None:
    """What stands in the last `<answer>…</answer>`, without blanks round it; None if there is none."""
    blocks = _BLOCK.findall(text)
    return blocks[-1].strip() if blocks else None


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


Cut = tuple[int, int, Literal["reasoning", "answer"]]


def _cuts(tokens: Sequence[str], answering: bool) -> tuple[list[Cut], bool]:
    """Token ranges of the steps in one stretch, and whether the answer has begun by its end."""
    text = "".join(tokens)
    offsets = [0]
    for token in tokens:
        offsets.append(offsets[-1] + len(token))
    found = 0 if answering else text.find(ANSWER)
    # The answer begins with the token that holds its "<", whatever else is in that token.
    answer_from = (
        next((i for i in range(len(tokens)) if offsets[i + 1] > found), 0) if found >= 0 else len(tokens)
    )
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    ranges: list[tuple[int, int]] = []
    start = 0
    for index in range(answer_from):
        sentence = text[offsets[start] : offsets[index + 1]]
        ended = any(offsets[index] < end <= offsets[index + 1] for end in ends)
        if not sentence.strip() and index + 1 < answer_from:
            if ranges:
                ranges[-1], start = (ranges[-1][0], index + 1), index + 1
        elif (ended and not _LIST_NUMBER.fullmatch(sentence)) or index + 1 == answer_from:
            ranges.append((start, index + 1))
            start = index + 1
    if len(ranges) > 1 and not text[offsets[ranges[-1][0]] : offsets[ranges[-1][1]]].strip():
        last = ranges.pop()
        ranges[-1] = (ranges[-1][0], last[1])
    cuts: list[Cut] = [(first, last, "reasoning") for first, last in ranges]
    if answer_from < len(tokens):
        cuts.append((answer_from, len(tokens), "answer"))
    return cuts, found >= 0
