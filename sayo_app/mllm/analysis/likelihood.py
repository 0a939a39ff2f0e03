"""How likely a finished answer is, token by token: given its pictures, or given others in their place."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float

from sayo_app.mllm.analysis.maps import Finished, prompted
from sayo_app.mllm.answering.forward import whole_pass
from sayo_app.mllm.models.loading import LoadedModel


@torch.no_grad()
def log_probabilities(
    loaded: LoadedModel, finished: Finished, tokens: range | None = None
) -> Float[np.ndarray, " token"]:
    """log p(token i | pictures, question, the answer's tokens before i), in nats.

    Of the model's own distribution (temperature 1, nothing suppressed), teacher-forced: the answer goes on as
    it was given, whatever the model would say now. One forward; the model is held for it.

    Args:
        tokens: which of the answer's, one after another; all by default.
    """
    tokens = range(len(finished.token_ids)) if tokens is None else tokens
    ids = torch.tensor([list(finished.token_ids[: tokens.stop])], dtype=torch.long, device=loaded.device)
    with prompted(loaded, finished) as inputs:
        positions = loaded.family.positions(loaded.model, inputs)
        logits = whole_pass(loaded.model, inputs, positions, ids[:, :-1], keep=len(tokens))[0]
    chosen = torch.log_softmax(logits, dim=-1).gather(1, ids[0, tokens.start :, None])[:, 0]
    return chosen.cpu().numpy()


def probability(loaded: LoadedModel, finished: Finished, tokens: range | None = None) -> float:
    """exp(sum of `log_probabilities`): that all of these tokens are said, given those before them."""
    return math.exp(float(log_probabilities(loaded, finished, tokens).sum(dtype=np.float64)))
