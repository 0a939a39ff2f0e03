from __future__ import annotations

import pytest

from sayo_app.core.attention.said import first_said


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        # In the reasoning, over two tokens; the copy in the block is not meant.
        (("The tag", " is", " pur", "ple", ".", " <answer>", "purple", "</answer>"), range(2, 4)),
        # A whole word: not the 3 of 13.
        (("13", " or", " ", "3", ".", "<answer>", "3", "</answer>"), range(3, 4)),
        # Only in the block, in one token with its tags; and of several blocks the last one counts.
        (("It is.", "<answer>cat</answer>", "<|im_end|>"), range(1, 2)),
        (("<answer>", "cat", "</answer>", "<answer>", "dog", "</answer>"), range(4, 5)),
        # Punctuation at its ends, and nothing that means more in a pattern.
        (("a (+) b", "<answer>", "(+)", "</answer>"), range(0, 1)),
        (("No", " block", "."), range(0, 3)),
        (("Empty", "<answer>", "</answer>"), range(0, 3)),
    ],
)
def test_where_the_answer_is_said_first(tokens: tuple[str, ...], said: range) -> None:
    assert first_said(tokens) == said
