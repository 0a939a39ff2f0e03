"""What steering changed, in a sentence."""

from __future__ import annotations

import numpy as np

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.ui.ask.whatif import outcome
from tests.ui.driving import make_trace


def looking(trace: AttentionTrace, inside: float, mask: np.ndarray) -> AttentionTrace:
    """The same answer with that part of every row's attention in the region."""
    row = np.where(mask, inside / mask.sum(), (1 - inside) / (~mask).sum())
    return AttentionTrace(**{**vars(trace), "attention": np.broadcast_to(row, trace.attention.shape).copy()})


def test_the_outcome_says_both_answers_and_how_much_was_looked_there() -> None:
    trace = make_trace()
    mask = np.zeros(trace.grid.n_tokens, dtype=bool)
    mask[:12] = True
    before, after = looking(trace, 0.25, mask), looking(trace, 0.75, mask)
    said = outcome(before, after, [mask])
    assert said.startswith("The answer stayed “") and said.endswith("with 25 % before and 75 % now.")
    words = ("<answer>", " red", "</answer>", "<|im_end|>")
    other = looking(make_trace(tokens=words), 0.75, mask)
    assert "to “red”." in outcome(before, other, [mask])
    assert outcome(before, after, [mask[:20], mask[20:]]) == said, "masks of several pictures are one"
