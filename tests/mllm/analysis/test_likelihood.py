"""Probabilities of an answer's tokens against a plain forward of the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sayo_app.mllm.analysis.likelihood import log_probabilities, probability
from sayo_app.mllm.analysis.maps import Finished
from sayo_app.mllm.answering.chat import answer
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.models.loading import LoadedModel
from tests.mllm.helpers import noise, with_completion

QUESTION = "What is left of the cat?"
IDS = (40, 71, 300, 12, 255, 99)


@torch.no_grad()
def by_hand(loaded: LoadedModel, eager: Any, pictures: list[Image.Image]) -> np.ndarray:
    """log p of every token, off the logits of prompt and answer as one sequence."""
    whole = with_completion(loaded, build_inputs(loaded, pictures, QUESTION), torch.tensor([IDS]))
    logits = eager(**whole).logits[0, -len(IDS) - 1 : -1].float()
    return torch.log_softmax(logits, dim=-1)[torch.arange(len(IDS)), torch.tensor(IDS)].numpy()


def test_they_are_those_of_a_plain_forward(
    any_loaded: LoadedModel, any_eager: Any, picture: Image.Image
) -> None:
    """Of all tokens, some, the first, the last; on two pictures, and on others in their place."""
    for pictures in ([picture, noise((48, 112), 1)], [noise((96, 64), 7), noise((48, 112), 8)]):
        wanted, finished = by_hand(any_loaded, any_eager, pictures), Finished(pictures, QUESTION, IDS)
        for tokens in (None, range(1, 4), range(0, 1), range(5, 6)):
            got = log_probabilities(any_loaded, finished, tokens)
            part = wanted if tokens is None else wanted[tokens.start : tokens.stop]
            np.testing.assert_allclose(got, part, rtol=0, atol=1e-4)
            assert probability(any_loaded, finished, tokens) == pytest.approx(np.exp(part.sum()), rel=1e-3)


def test_a_greedy_answer_is_the_likeliest_at_every_token(loaded: LoadedModel, picture: Image.Image) -> None:
    *_, last = answer(loaded, [picture], QUESTION, max_new_tokens=5)
    assert last.trace is not None
    ids = last.trace.token_ids
    own = log_probabilities(loaded, Finished([picture], QUESTION, ids))
    for index in range(len(ids)):
        other = [*ids[:index], (ids[index] + 1) % 300]
        assert log_probabilities(loaded, Finished([picture], QUESTION, other))[-1] < own[index]
