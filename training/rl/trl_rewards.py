"""The rewards as reward functions of `trl.GRPOTrainer`.

Its signature is `prompts, completions, **columns -> list[float | None]`, None = cannot be scored. The
attention is read in a scoring pass of the policy itself, on the pictures in the prompts and the completions'
own tokens; so it also works where the completions come from an engine that gives no attention, such as vLLM:

    loaded = load_model(Settings(model="bundled"))
    rows = Dataset.from_list([trl_row(loaded, scene_sample(seed)) for seed in range(8)])
    never = {"suppress_tokens": suppressed_tokens(loaded)}
    settings = GRPOConfig(
        "out", max_steps=3, num_generations=4, max_completion_length=48, bf16=False, generation_kwargs=never
    )
    rewards = [RegionAttentionReward(loaded), AnswerReward(), FormatReward()]
    trainer = GRPOTrainer(
        loaded.model, rewards, settings, rows, processing_class=loaded.processor, peft_config=lora_config()
    )
    trainer.train()

TRL puts the adapter into the layers of `loaded.model`, so what is scored is the policy as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.errors import TrainingError
from sayo_app.mllm.answering.decode import pad_token_id
from sayo_app.mllm.answering.prompt import question_text
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import collate, encode_chat
from training.data.completions import Completions
from training.data.samples import Sample
from training.looks.attention_targets import attention_reward, targets_of
from training.looks.scoring import Reading, Scorer, reward_view
from training.rl.rewards import answer_reward, format_reward
from training.state.memory import LOGIT_BUDGET

Message = Mapping[str, Any]
Chat = Sequence[Message]


def trl_row(loaded: LoadedModel, sample: Sample) -> dict[str, Any]:
    """A row of the dataset to give to `trl.GRPOTrainer`, asking what our own loop asks."""
    return {
        "prompt": [{"role": "user", "content": question_text(loaded, sample.question)}],
        "image": sample.open_picture(),
        "regions": [region.to_dict() for region in sample.regions],
        "answer": sample.answer,
    }


def suppressed_tokens(loaded: LoadedModel) -> list[int]:
    """The image tokens, to be suppressed: the forward on a completion that has one fails."""
    return list(loaded.family.never_sampled(loaded.config))


class RegionAttentionReward:
    """`attention_targets.attention_reward` of completions; None where a row has no region."""

    __name__ = "attention"

    def __init__(self, loaded: LoadedModel, reading: Reading | None = None) -> None:
        """Args: reading: the attention to read; None reads what the published reward does."""
        self._loaded = loaded
        self._scorer = Scorer(loaded.model, reading or reward_view(loaded))

    def __call__(
        self,
        prompts: Sequence[Chat],
        completions: Sequence[Any],
        *,
        completion_ids: Sequence[Sequence[int]],
        regions: Sequence[Sequence[Mapping[str, Any]] | None],
        **columns: Any,
    ) -> list[float | None]:
        """Score completions, in the order they come; those of one prompt that stand together share its pass.

        Args:
            prompts: chats, each with one picture.
            completion_ids: the tokens of each completion, without padding.
            regions: of each row, as `Region.to_dict` gives them.

        Raises:
            TrainingError: a prompt that has not one picture.
        """
        model = self._loaded.model
        # TRL may have moved the model since it was loaded.
        loaded = replace(self._loaded, device=model.device, dtype=model.dtype)
        group = _group_size([*zip(prompts, regions, strict=True)])
        longest = max(map(len, completion_ids))
        logits = group * longest * loaded.config.get_text_config().vocab_size
        rows = group * max(1, LOGIT_BUDGET // logits)
        rewards: list[float | None] = []
        with torch.no_grad(), _evaluating(model):
            for start in range(0, len(prompts), rows):
                part = slice(start, start + rows)
                rewards += self._score(loaded, prompts[part], completion_ids[part], regions[part], group)
        return rewards

    def _score(
        self,
        loaded: LoadedModel,
        prompts: Sequence[Chat],
        completion_ids: Sequence[Sequence[int]],
        regions: Sequence[Sequence[Mapping[str, Any]] | None],
        group: int,
    ) -> list[float | None]:
        firsts = range(0, len(prompts), group)
        samples = [_sample(prompts[first], regions[first] or ()) for first in firsts]
        asked = zip(samples, firsts, strict=True)
        batch = collate(loaded, [encode_chat(loaded, sample, prompts[first]) for sample, first in asked])
        completions = _padded(loaded, completion_ids, group)
        scores = self._scorer(batch, completions)
        targets = targets_of(loaded, batch, completions, scores.entropies)
        rewards, wanted = attention_reward(scores.mean_rows, targets).tolist(), targets.wanted.tolist()
        return [reward if has else None for reward, has in zip(rewards, wanted, strict=True)]


class AnswerReward:
    """`rewards.answer_reward` of completions; None where the right answer is not known."""

    __name__ = "answer"

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[str | Chat],
        *,
        answer: Sequence[str | None],
        **columns: Any,
    ) -> list[float | None]:
        return [
            None if wanted is None else answer_reward(_text(completion), wanted)
            for completion, wanted in zip(completions, answer, strict=True)
        ]


class FormatReward:
    """`rewards.format_reward` of completions."""

    __name__ = "format"

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[str | Chat], **columns: Any
    ) -> list[float | None]:
        return [format_reward(_text(completion)) for completion in completions]


def _text(completion: str | Chat) -> str:
    """TRL gives the completions of chats as chats."""
    return completion if isinstance(completion, str) else str(completion[0]["content"])


def _group_size(rows: Sequence[Any]) -> int:
    """The largest number such that each so many rows on end, from the first, are equal."""
    changes = [i for i in range(1, len(rows)) if rows[i] != rows[i - 1]]
    return math.gcd(len(rows), *changes)


def _sample(prompt: Chat, regions: Sequence[Mapping[str, Any]]) -> Sample:
    parts = [
        part for message in prompt if isinstance(message["content"], list) for part in message["content"]
    ]
    pictures: list[Image.Image] = [part["image"] for part in parts if part["type"] == "image"]
    if len(pictures) != 1:
        raise TrainingError(
            expected="one picture in each prompt, which its regions are on",
            got=f"{len(pictures)}",
            remedy="Give the dataset a column `image` with the picture of each row.",
        )
    drawn = tuple(Region.from_dict(dict(region)) for region in regions)
    return Sample("", lambda: pictures[0], question="", answer=None, regions=drawn)


def _padded(loaded: LoadedModel, completion_ids: Sequence[Sequence[int]], group: int) -> Completions:
    lengths = torch.tensor([len(ids) for ids in completion_ids])
    longest = int(lengths.max())
    ids = torch.tensor([[*ids, *[pad_token_id(loaded)] * (longest - len(ids))] for ids in completion_ids])
    mask = torch.arange(longest)[None] < lengths[:, None]
    # The reward reads tokens, not text.
    texts = ("",) * len(completion_ids)
    return Completions(ids.to(loaded.device), mask.to(loaded.device), texts, group)


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    """A model in training may have its activations checkpointed, and then runs on no cache."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
