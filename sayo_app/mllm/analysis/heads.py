"""Find the heads that look at what is being described, and those that help when biased towards it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from sayo_app.core.attention.heatmap import rank_heads_by_region
from sayo_app.core.attention.metrics import EPSILON
from sayo_app.core.attention.steps import split_steps
from sayo_app.errors import InputError
from sayo_app.mllm.answering.chat import TokenText
from sayo_app.mllm.answering.forward import changing_states, feed, read_prompt
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.attention.bias import SteerRequest
from sayo_app.mllm.attention.capture import CaptureRequest
from sayo_app.mllm.models.loading import LoadedModel

SHARE = 0.1


@dataclass(frozen=True, eq=False)
class HeadCase:
    """An answer, and where one should look in each of its steps.

    Attributes:
        completion: the whole answer as text, without control tokens.
        step_masks: by index of the step, as `split_steps` counts them: True for the image tokens (of all
            pictures, in order) that the step is about. Steps without a mask are passed over.
        region_mask: where one should look for the whole answer, as somebody would draw it.
    """

    pictures: Sequence[Image.Image]
    question: str
    completion: str
    step_masks: Mapping[int, Bool[np.ndarray, " image"]]
    region_mask: Bool[np.ndarray, " image"] | None = None


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
        raise _nothing("a step that is about a region", "step masks")
    return np.mean(scores, axis=0)


def head_effects(
    loaded: LoadedModel, cases: Iterable[HeadCase], check: Callable[[], None] = lambda: None
) -> Float[np.ndarray, "layer head"]:
    """How much a right answer gains when a head is biased towards the region, to first order.

    score = mean over cases of d log p(completion) / d b at b = 0, where b is added to the attention scores
    of the head's region keys for every token of the completion: what `SteerRequest` adds. In nats a nat; a
    head whose bias does harm is below 0. One forward and one backward a case give all heads.

    Args:
        cases: right answers with a `region_mask`; cases without are passed over.
        check: called before each case; may raise to stop.

    Returns:
        Rows in the order of `loaded.attention_layers`.

    Raises:
        InputError: no case has a region.
    """
    effects: list[Float[np.ndarray, "layer head"]] = []
    for case in cases:
        check()
        if case.region_mask is not None and case.region_mask.any():
            with loaded.exclusive():
                effects.append(_effect(loaded, case, case.region_mask))
    if not effects:
        raise _nothing("a region for the whole answer", "region masks")
    return np.mean(effects, axis=0)


def top_heads(
    scores: Float[np.ndarray, "layer head"], layers: Sequence[int], share: float = SHARE
) -> dict[int, tuple[int, ...]]:
    """The best share of all heads, at least one, by decoder layer; of equals the earlier is taken.

    Args:
        layers: the decoder layer of each row of `scores`.
    """
    count = max(1, round(share * scores.size))
    best = np.argsort(-scores.reshape(-1), kind="stable")[:count]
    return _by_layer((divmod(int(flat), scores.shape[1]) for flat in best), layers)


def heads_for_region(
    head_maps: Float[np.ndarray, "layer head image"],
    mask: Bool[np.ndarray, " image"],
    layers: Sequence[int],
    share: float = SHARE,
) -> dict[int, tuple[int, ...]]:
    """The share of all heads that favour a region most, of those that look at the picture at all.

    For a model whose heads nobody has found yet; in the order of `heatmap.rank_heads_by_region`.

    Args:
        head_maps: from `maps.head_maps`.
        layers: the decoder layer of each entry of axis 0.
    """
    count = max(1, round(share * head_maps.shape[0] * head_maps.shape[1]))
    return _by_layer(rank_heads_by_region(head_maps, mask)[:count], layers)


def _by_layer(places: Iterable[tuple[int, int]], layers: Sequence[int]) -> dict[int, tuple[int, ...]]:
    chosen: dict[int, list[int]] = {}
    for row, head in sorted(places):
        chosen.setdefault(int(layers[row]), []).append(head)
    return {layer: tuple(heads) for layer, heads in chosen.items()}


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


class _HeadBias(SteerRequest):
    """A bias of each head on its own, which a gradient can be taken by."""

    def __init__(self, columns: Bool[Tensor, "1 key"], biases: Mapping[int, Float[Tensor, " head"]]) -> None:
        super().__init__(columns, dict.fromkeys(biases), strength=1.0)
        self._biases = biases

    def bias(
        self, layer: int, rows: slice, query: Float[Tensor, "batch head query dim"], n_keys: int
    ) -> Float[Tensor, "batch head row key"]:
        own = self._biases[layer].to(query.dtype)[:, None, None]
        return super().bias(layer, rows, query, n_keys) * own


def _effect(
    loaded: LoadedModel, case: HeadCase, region_mask: Bool[np.ndarray, " image"]
) -> Float[np.ndarray, "layer head"]:
    inputs = build_inputs(loaded, case.pictures, case.question)
    columns = loaded.image_columns(inputs["input_ids"])
    columns[columns.clone()] = torch.from_numpy(region_mask).to(columns.device)
    n_heads = int(loaded.config.get_text_config(decoder=True).num_attention_heads)
    biases = {
        layer: torch.zeros(n_heads, device=loaded.device, requires_grad=True)
        for layer in loaded.attention_layers
    }
    # The first token comes from the prompt, which is not steered.
    prefix = read_prompt(loaded, inputs)
    ids = torch.tensor([_completion(loaded, case).token_ids], device=loaded.device)
    fed, wanted = ids[:, :-1], ids[0, 1:]
    with torch.enable_grad(), changing_states():
        steer = _HeadBias(columns, biases)
        logits = feed(loaded.model, prefix, fed, keep=fed.shape[1], sayo_steer=steer)[0]
        gain = -torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")
        slopes = torch.autograd.grad(gain, list(biases.values()))
    return torch.stack(slopes).float().cpu().numpy()


def _completion(loaded: LoadedModel, case: HeadCase) -> TokenText:
    pieces = TokenText(loaded)
    for token_id in loaded.tokenizer(case.completion, add_special_tokens=False).input_ids:
        pieces.add(int(token_id))
    pieces.finish()
    return pieces


@torch.no_grad()
def _of_case(loaded: LoadedModel, case: HeadCase) -> list[Float[np.ndarray, "layer head"]]:
    """One score a step with a region."""
    pieces = _completion(loaded, case)
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
    ids = torch.tensor([pieces.token_ids], device=loaded.device)
    feed(loaded.model, read_prompt(loaded, inputs), ids, sayo_capture=request)
    read = request.head_rows
    rows = torch.stack([read[layer][0] for layer in sorted(read)]).cpu().numpy()
    scores = []
    for index, step in enumerate(steps):
        mean = rows[:, :, step.start : step.stop].mean(axis=2, dtype=float) + EPSILON
        scores.append(np.log(mean[..., index] / mean[..., -1]))
    return scores


def _nothing(lacking: str, remedy: str) -> InputError:
    return InputError(
        expected=f"at least one answer with {lacking}", got="none", remedy=f"Give cases with {remedy}."
    )
