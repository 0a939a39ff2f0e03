"""Find the heads that look at what is being described."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from sayo_app.core.metrics import EPSILON
from sayo_app.core.steps import split_steps
from sayo_app.errors import InputError
from sayo_app.mllm.capture import CaptureRequest
from sayo_app.mllm.chat import TokenText
from sayo_app.mllm.decode import feed, prefill
from sayo_app.mllm.loading import LoadedModel
from sayo_app.mllm.prompt import build_inputs

SHARE = 0.1


@dataclass(frozen=True, eq=False)
class HeadCase:
    """An answer, and where one should look in each of its steps.

    Attributes:
        completion: the whole answer as text, without control tokens.
        step_masks: by index of the step, as `split_steps` counts them: True for the image tokens (of all
            pictures, in order) that the step is about. Steps without a mask are passed over.
    """

    pictures: Sequence[Image.Image]
    question: str
    completion: str
    step_masks: Mapping[int, Bool[np.ndarray, " image"]]


def find_heads(
    loaded: LoadedModel, cases: Iterable[HeadCase], check: Callable[[], None] = lambda: None
) -> Float[np.ndarray, "layer head"]:
    """How much each head looks at what is being said, more than at the rest of the picture.

    score = mean over the steps of all cases of log((mean_R A + 1e-8) / (mean A + 1e-8)), where A is the
    head's mean row over the tokens of the step, R its region and the second mean is over all image tokens:
    the log-ratio of the SAYO reward (arXiv 2602.08241) before its tanh. 0 is a head that does not care.

    Args:
        cases: given as text and fed as such, so that the answers need not be the model's own.
        check: called before each case; may raise to stop.

    Returns:
        Rows in the order of `loaded.attention_layers`.

    Raises:
        InputError: no case has a step with a region.
    """
    scores: list[Float[np.ndarray, "layer head"]] = []
    for case in cases:
        check()
        with loaded.exclusive():
            scores += _of_case(loaded, case)
    if not scores:
        raise InputError(
            expected="at least one answer with a step that is about a region",
            got="none",
            remedy="Give cases with step masks.",
        )
    return np.mean(scores, axis=0)


def top_heads(
    scores: Float[np.ndarray, "layer head"], layers: Sequence[int], share: float = SHARE
) -> dict[int, tuple[int, ...]]:
    """The best share of all heads, at least one, by decoder layer; of equals the earlier is taken.

    Args:
        layers: the decoder layer of each row of `scores`.
    """
    count = max(1, round(share * scores.size))
    best = np.argsort(-scores.reshape(-1), kind="stable")[:count]
    chosen: dict[int, list[int]] = {}
    for flat in sorted(int(index) for index in best):
        row, head = divmod(flat, scores.shape[1])
        chosen.setdefault(int(layers[row]), []).append(head)
    return {layer: tuple(heads) for layer, heads in chosen.items()}


def heads_for_region(
    head_maps: Float[np.ndarray, "layer head image"],
    mask: Bool[np.ndarray, " image"],
    layers: Sequence[int],
    share: float = SHARE,
) -> dict[int, tuple[int, ...]]:
    """The share of heads that look most at a region: by energy, sum_R A / sum A.

    For a model whose heads nobody has found yet.

    Args:
        head_maps: from `maps.head_maps`.
        layers: the decoder layer of each entry of axis 0.
    """
    totals = head_maps.sum(axis=2, dtype=float)
    inside = head_maps[:, :, mask].sum(axis=2, dtype=float)
    energies = np.divide(inside, totals, out=np.zeros_like(totals), where=totals > 0)
    return top_heads(energies, layers, share)


class _Sums(CaptureRequest):
    """Instead of rows, what each head's rows sum to in some regions: a few numbers a query and head."""

    def __init__(
        self,
        layers: frozenset[int],
        image_columns: Bool[Tensor, "1 key"],
        regions: Float[Tensor, "image region"],
    ) -> None:
        super().__init__(layers, image_columns, per_head=True)
        self._regions = regions

    def reduce(
        self, layer: int, weights: Float[Tensor, "batch head query key"]
    ) -> Float[Tensor, "batch head query region"]:
        return super().reduce(layer, weights) @ self._regions


@torch.no_grad()
def _of_case(loaded: LoadedModel, case: HeadCase) -> list[Float[np.ndarray, "layer head"]]:
    """One score a step with a region."""
    pieces = TokenText(loaded)
    for token_id in loaded.tokenizer(case.completion, add_special_tokens=False).input_ids:
        pieces.add(int(token_id))
    pieces.finish()
    steps = [step for step in split_steps(pieces.tokens) if case.step_masks.get(step.index) is not None]
    steps = [step for step in steps if case.step_masks[step.index].any()]
    if not steps:
        return []
    inputs = build_inputs(loaded, case.pictures, case.question)
    masks = np.stack([case.step_masks[step.index] for step in steps]).astype(np.float32)
    means = np.concatenate([masks / masks.sum(axis=1, keepdims=True), np.ones_like(masks[:1])])
    means[-1] /= masks.shape[1]
    request = _Sums(
        frozenset(loaded.attention_layers),
        loaded.image_columns(inputs["input_ids"]),
        torch.from_numpy(means.T.copy()).to(loaded.device),
    )
    _, cache, position = prefill(loaded, inputs)
    ids = torch.tensor([pieces.token_ids], device=loaded.device)
    mask = torch.nn.functional.pad(inputs["attention_mask"], (0, ids.shape[1]), value=1)
    feed(loaded, ids, mask, position, cache, sayo_capture=request)
    read = request.head_rows
    rows = torch.stack([read[layer][0] for layer in sorted(read)]).cpu().numpy()
    scores = []
    for index, step in enumerate(steps):
        mean = rows[:, :, step.start : step.stop].mean(axis=2, dtype=float) + EPSILON
        scores.append(np.log(mean[..., index] / mean[..., -1]))
    return scores
