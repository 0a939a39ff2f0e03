"""The objective `direct`: no rollouts; the attention of what the model says anyway is moved itself (ours).

For each correction the model that the run starts from answers once, greedily. The loss on that completion y
is

    - weight * r_theta(y)  +  beta * KL(reference || policy)  [ - mean log pi_theta(learnt tokens of y) ]

with r_theta the attention reward that the run reads, differentiable through the rows, and the KL over the
whole vocabulary, mean over tokens. The last term is there where right answers are part of the reward: with
`attention` left out it is supervised fine-tuning, what every reward has to beat.

A correction has the answer and no reasoning. Where the model's own answer is wrong, what is learnt is that
answer with the right one in its place: in the `<answer>` block and where the reasoning named it last. Only
the tokens from there on are learnt. Left in the reasoning, the wrong answer would teach the model to
contradict itself. The KL holds what is before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sayo_app.core.attention.steps import ANSWER, answer_text, named_span
from sayo_app.core.scenes.questions import answers_match
from sayo_app.mllm.answering.decode import end_token_ids, pad_token_id
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import Batch
from training.data.completions import Completions
from training.data.samples import Sample
from training.rl.rollout import generate


@dataclass(frozen=True)
class Said:
    """What a sample's prompt is followed by.

    Attributes:
        ids: with the end token, where there is one.
        learnt_from: the first token that is learnt where right answers are; none is where it equals the
            length.
        changed: the answer was wrong and is another one now.
    """

    ids: tuple[int, ...]
    learnt_from: int
    changed: bool


class OwnAnswers:
    """What the reference says to each sample, asked for once."""

    def __init__(self, loaded: LoadedModel, max_new_tokens: int, corrected: bool) -> None:
        """Args: corrected: wrong answers are replaced by right ones, where those are known."""
        self._loaded, self._tokens, self._corrected = loaded, max_new_tokens, corrected
        self._known: dict[Sample, Said] = {}

    def __call__(
        self, batch: Batch
    ) -> tuple[Completions, Bool[Tensor, "row token"], Bool[Tensor, "row token"]]:
        """Completions of the batch's prompts, True on what is learnt, and True on what is held.

        The reference must be switched on.
        """
        samples = [prompt.sample for prompt in batch.prompts]
        if any(sample not in self._known for sample in samples):
            own = generate(self._loaded, batch, max_new_tokens=self._tokens)
            for sample, ids, mask, text in zip(samples, own.ids, own.mask, own.texts, strict=True):
                self._known[sample] = self._said(sample, tuple(ids[mask].tolist()), text)
        return laid_out(self._loaded, [self._known[sample] for sample in samples])

    def _said(self, sample: Sample, ids: tuple[int, ...], text: str) -> Said:
        wanted = sample.answer
        if not self._corrected or wanted is None:
            return Said(ids, len(ids), changed=False)
        changed = not answers_match(answer_text(text), wanted)
        return said(self._loaded, *target(text, wanted), changed=changed)


def target(shown: str, answer: str) -> tuple[str, str]:
    """The part of the reasoning that is kept, and what is learnt after it.

    A space before a learnt word is part of its token, and so of the learnt text.
    """
    reasoning, block = shown.partition(ANSWER)[0], f"{ANSWER}{answer}</answer>"
    span = named_span(shown)
    if span is None:
        return reasoning, block
    start, stop = span
    space = reasoning[start] if reasoning[start].isspace() else ""
    return reasoning[:start], f"{space}{answer}{reasoning[stop:]}{block}"


def said(loaded: LoadedModel, kept: str, learnt: str, *, changed: bool = False) -> Said:
    """The tokens of what is kept and what is learnt after it, with the end token."""
    parts = [
        loaded.tokenizer(text, add_special_tokens=False).input_ids if text else [] for text in (kept, learnt)
    ]
    ids = (*parts[0], *parts[1], end_token_ids(loaded)[-1])
    return Said(ids, len(parts[0]) if learnt else len(ids), changed)


def laid_out(
    loaded: LoadedModel, answers: Sequence[Said]
) -> tuple[Completions, Bool[Tensor, "row token"], Bool[Tensor, "row token"]]:
    """Padded on the right: completions, True on what is learnt, True on what is held to the reference.

    Held is all that the reference said itself: whole answers that are as they were, and of changed ones
    what is before the change.
    """
    device, width = loaded.device, max(len(one.ids) for one in answers)
    ids = torch.full((len(answers), width), pad_token_id(loaded), device=device)
    mask, learnt, held = (torch.zeros_like(ids, dtype=torch.bool) for _ in range(3))
    for row, one in enumerate(answers):
        length = len(one.ids)
        ids[row, :length] = torch.tensor(one.ids, device=device)
        mask[row, :length] = True
        learnt[row, one.learnt_from : length] = True
        held[row, : one.learnt_from if one.changed else length] = True
    texts = loaded.tokenizer.batch_decode([list(one.ids) for one in answers], skip_special_tokens=True)
    return Completions(ids, mask, tuple(texts), 1), learnt, held


def learning_loss(
    log_probs: Float[Tensor, "row token"], learnt: Bool[Tensor, "row token"]
) -> Float[Tensor, ""]:
    """mean over rows of the mean over learnt tokens of -log pi; rows without any count as 0."""
    counts = learnt.sum(dim=1)
    return -(torch.where(learnt, log_probs, 0.0).sum(dim=1) / counts.clamp(min=1)).mean()
