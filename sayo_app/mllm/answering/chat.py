"""Pictures and a question in, streamed tokens and an attention trace out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor, nn

from sayo_app.core.attention.heatmap import middle_layers
from sayo_app.core.attention.steps import split_steps
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.mllm.answering.decode import Sampling, TokenStep, decode
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.answering.steer import Steering, steer_request
from sayo_app.mllm.attention.bias import SteerRequest
from sayo_app.mllm.attention.capture import CaptureRequest
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.mllm.models.memory import told_of_memory

ACTIVE = "\0active"
SINK_THRESHOLD = 20.0
_CONTROL = re.compile(r"<\|[^|]*\|>")


@dataclass(frozen=True, eq=False)
class Chunk:
    """The answer so far.

    Attributes:
        text: all of it, without control tokens such as `<|im_end|>` or `<end_of_turn>`.
        tokens: one piece of text a token; joined, and without control tokens, they are `text`.
        done: True for the last chunk, the only one with a trace.
        grids: one a picture, from the first chunk on.
        ended: of the last chunk, why there is no more: the model ended, `length` was reached, or it was
            `stopped`.
        live: gives the newest map there is, that of the token before the last (the last one has not
            looked yet): mean over the layers at 50-75 % of the depth, sinks 0; None before the second
            token. To be called before the next chunk is asked for.
    """

    text: str
    tokens: tuple[str, ...]
    done: bool
    trace: AttentionTrace | None = None
    grids: tuple[ImageGrid, ...] = ()
    ended: Literal["model", "length", "stopped"] = "model"
    live: Callable[[], Float[np.ndarray, " image"] | None] = lambda: None


def answer(
    loaded: LoadedModel,
    pictures: Sequence[Image.Image],
    question: str,
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    on_stop: Callable[[], bool] | None = None,
    adapter: str | None = ACTIVE,
    steering: Steering | None = None,
    region_masks: Sequence[Bool[np.ndarray, " _"]] = (),
) -> Iterator[Chunk]:
    """Stream an answer: one chunk a token, then one with the trace of all full-attention layers.

    One answer at a time a model: the others wait until it is read to its end or closed.

    Args:
        pictures: at least one; they stand before the question, in this order.
        on_stop: asked before each token; True ends the answer as it stands.
        adapter: name of a loaded adapter to answer with, or None for the base model; by default the one
            that is switched on. The switch is as it was when the answer ends.
        steering: answer as if it had looked at the region.
        region_masks: with `steering`, one a picture: True for the image tokens of the region.

    Raises:
        QuestionError: an empty question; at once, as all but the last.
        ModelError: a picture of a shape that the model cannot read, or steered heads that it lacks; too
            little memory, which may come at any chunk.
        CaptureError: a model of an unknown family whose image tokens lie nobody knows where.
        RegionError: `steering` without a region, or with masks that are not of these pictures.
        AdapterError: no adapter of that name is loaded; at the first chunk.
    """
    with told_of_memory(loaded.device):
        inputs = build_inputs(loaded, pictures, question)
    # Now rather than after the answer: a layout that is not known is no reason to wait.
    grids = loaded.image_grids(inputs, [picture.size for picture in pictures])[0]
    sampling = Sampling(temperature=temperature, seed=seed)
    steer = None
    if steering is not None:
        mask = np.concatenate([np.zeros(0, dtype=bool), *region_masks])
        steer = steer_request(loaded, inputs["input_ids"], steering, [mask])
    return _stream(loaded, inputs, tuple(grids), max_new_tokens, sampling, on_stop, adapter, steer)


def _stream(
    loaded: LoadedModel,
    inputs: Mapping[str, Any],
    grids: tuple[ImageGrid, ...],
    max_new_tokens: int,
    sampling: Sampling,
    on_stop: Callable[[], bool] | None,
    adapter: str | None,
    steer: SteerRequest | None,
) -> Iterator[Chunk]:
    columns = loaded.image_columns(inputs["input_ids"])
    request = CaptureRequest(frozenset(loaded.attention_layers), columns, decoding=True)
    layers = sorted(request.layers)
    band = [layers[i] for i in middle_layers(layers, loaded.n_layers)]
    pieces = TokenText(loaded)
    entropies: list[float] = []
    ended: Literal["model", "length", "stopped"] = "length"
    steps = decode(
        loaded, inputs, max_new_tokens=max_new_tokens, sampling=sampling, capture=request, steer=steer
    )
    with loaded.exclusive(), answering_with(loaded, adapter), _Sinks(loaded, columns) as sinks:
        for step in _within_memory(steps, loaded.device):
            pieces.add(int(step.token_ids[0]))
            entropies.append(float(step.entropies[0]))
            live = partial(_live_map, request, band, sinks)
            yield Chunk(pieces.text, pieces.tokens, done=False, grids=grids, live=live)
            if bool(step.finished[0]):
                ended = "model"
            elif on_stop is not None and on_stop():
                ended = "stopped"
                break
    pieces.finish()
    trace = AttentionTrace(
        tokens=pieces.tokens,
        token_ids=tuple(pieces.token_ids),
        attention=stacked_rows(request, len(entropies) - 1),
        layers=tuple(sorted(request.layers)),
        depth=loaded.n_layers,
        entropies=np.asarray(entropies, dtype=np.float32),
        grids=grids,
        steps=split_steps(pieces.tokens),
        text=pieces.text,
        sink_mask=sinks.kept,
    )
    yield Chunk(pieces.text, pieces.tokens, done=True, trace=trace, grids=grids, ended=ended)


def _within_memory(steps: Iterator[TokenStep], device: torch.device) -> Iterator[TokenStep]:
    while True:
        with told_of_memory(device):
            step = next(steps, None)
        if step is None:
            return
        yield step


def _live_map(
    request: CaptureRequest, band: Sequence[int], sinks: _Sinks
) -> Float[np.ndarray, " image"] | None:
    newest = request.newest
    if not newest:
        return None
    values = torch.stack([newest[layer][0, 0] for layer in band]).mean(dim=0).cpu().numpy()
    return values if sinks.kept is None else values * sinks.kept


def stacked_rows(request: CaptureRequest, n_rows: int) -> Float[np.ndarray, "row layer image"]:
    """The rows of the first sequence of a decoding request, layers ascending; the request gives them up."""
    layers = sorted(request.layers)
    stacked = np.empty((n_rows, len(layers), request.image_mask.shape[1]), dtype=np.float32)
    for index, layer in enumerate(layers if n_rows else ()):
        stacked[:, index] = request.take(layer)[0].cpu().numpy()
    return stacked


class TokenText:
    """Token ids to pieces of text, one a token, that join to the decoded whole.

    A character of several tokens (an emoji, say) belongs to the token that completes it.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._tokenizer = loaded.tokenizer
        added = loaded.tokenizer.added_tokens_decoder
        self._control = {token_id for token_id, token in added.items() if token.special}
        self.token_ids: list[int] = []
        self._pieces: list[str] = []
        # Tokens from here on are decoded; of those, up to there as they were when the last piece was given.
        self._from = self._given = 0

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(self._pieces)

    @property
    def text(self) -> str:
        pairs = zip(self._pieces, self.token_ids, strict=True)
        shown = "".join(piece for piece, token_id in pairs if token_id not in self._control)
        return _CONTROL.sub("", shown).strip()

    def add(self, token_id: int) -> None:
        self.token_ids.append(token_id)
        piece = self._new()
        if piece.endswith("\ufffd"):
            self._pieces.append("")
            return
        self._pieces.append(piece)
        self._from, self._given = self._given, len(self.token_ids)

    def finish(self) -> None:
        """Give the last token what is left of a character that was never completed."""
        if self._pieces:
            self._pieces[-1] += self._new()
            self._given = len(self.token_ids)

    def _new(self) -> str:
        """What the tokens since the last piece add to those of it: few, however long the answer is."""
        known = self._decoded(self.token_ids[self._from : self._given])
        return self._decoded(self.token_ids[self._from :])[len(known) :]

    def _decoded(self, token_ids: list[int]) -> str:
        return str(
            self._tokenizer.decode(token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )


class _Sinks:
    """Find attention sinks among the image tokens while the prompt is encoded.

    A sink is an image token with max_d |RMSNorm(x)[d]| > 20, where x enters the decoder layer at half
    depth: any coordinate, since which ones grow differs from model to model.
    """

    def __init__(self, loaded: LoadedModel, columns: Bool[Tensor, "1 key"]) -> None:
        layers = loaded.family.decoder_layers(loaded.model)
        self._layer: nn.Module = layers[len(layers) // 2]
        self._columns = columns
        self.kept: Bool[np.ndarray, " image"] | None = None

    def __enter__(self) -> _Sinks:
        self._handle = self._layer.register_forward_pre_hook(self._look, with_kwargs=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()

    def _look(self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.kept is not None:
            return
        states = (args[0] if args else kwargs["hidden_states"])[self._columns].float()
        normed = states * torch.rsqrt(states.square().mean(dim=-1, keepdim=True) + 1e-6)
        self.kept = (normed.abs().amax(dim=-1) <= SINK_THRESHOLD).cpu().numpy()


@contextmanager
def answering_with(loaded: LoadedModel, adapter: str | None) -> Iterator[None]:
    """Switch for the length of one answer. The caller holds the model."""
    before = loaded.adapter
    if adapter in (ACTIVE, before):
        yield
        return
    from sayo_app.mllm.models import adapters  # peft takes a second to import and most answers need none

    adapters.activate(loaded, adapter)
    try:
        yield
    finally:
        adapters.activate(loaded, before)
