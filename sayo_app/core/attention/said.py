"""Where a completion says its answer."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from sayo_app.core.attention.steps import answer_text


def first_said(tokens: Sequence[str]) -> range:
    """The tokens that say the answer where it is said first: in the reasoning, if it is there.

    What stands in `<answer>`, and in a conclusion before it, is copied: with the words before it held fast it
    stays likely whatever the picture shows. What the answer hangs on has to be seen where it was found.

    Args:
        tokens: the text pieces of a completion, in order; together they are its text.

    Returns:
        All tokens where there is no answer block, or nothing in it.
    """
    text = "".join(tokens)
    answer = answer_text(text)
    if not answer:
        return range(len(tokens))
    # A whole word: "3" is not said in "13". It is at least in its block.
    found = re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", text)
    assert found is not None
    ends = [*accumulate(map(len, tokens))]
    return range(bisect_right(ends, found.start()), bisect_left(ends, found.end()) + 1)
