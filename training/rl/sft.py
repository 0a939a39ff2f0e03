"""Supervised fine-tuning on corrected answers: what the reward has to beat.

A correction has the answer and no reasoning, so the target is what was shown with the right answer in place
of the wrong one: in the `<answer>` block and where the reasoning named it last. Only the tokens from there on
are learnt. Left in the reasoning, the wrong answer would teach the model to contradict itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from sayo_app.core.attention.steps import ANSWER, answer_text
from sayo_app.mllm.answering.decode import end_token_ids, pad_token_id
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import RunConfig
from training.data.batches import collate, encode
from training.data.samples import Sample
from training.rl.rollout import Completions
from training.rl.scoring import Scorer, reward_view
from training.state.policy import make_policy


def target(shown: str, answer: str) -> tuple[str, str]:
    """The part of the reasoning that is kept, and what is learnt after it.

    A space before a learnt word is part of its token, and so of the learnt text.
    """
    reasoning, block = shown.partition(ANSWER)[0], f"{ANSWER}{answer}</answer>"
    wrong = answer_text(shown)
    named = list(re.finditer(rf"\s?\b{re.escape(wrong)}\b", reasoning)) if wrong else []
    if not named:
        return reasoning, block
    start, stop = named[-1].span()
    space = reasoning[start] if reasoning[start].isspace() else ""
    return reasoning[:start], f"{space}{answer}{reasoning[stop:]}{block}"


def imitate(
    loaded: LoadedModel,
    config: RunConfig,
    samples: Sequence[Sample],
    shown: Sequence[str],
    going_on: Callable[[int], bool],
) -> int:
    """Train a fresh adapter to give the samples' answers; returns the steps taken.

    Each step has as many corrections as a run's step has completions.

    Args:
        shown: the answer that each sample's correction was made on.
        going_on: asked before each step with the steps done.
    """
    torch.manual_seed(config.seed)
    policy = make_policy(loaded, config, None)
    optimiser = torch.optim.AdamW(policy.trainable, config.learning_rate, weight_decay=config.weight_decay)
    scorer = Scorer(policy.model, reward_view(loaded))
    encoded = [encode(loaded, sample) for sample in samples]
    texts = [target(text, sample.answer or "") for text, sample in zip(shown, samples, strict=True)]
    shuffle, done = torch.Generator().manual_seed(config.seed), 0
    size = min(len(samples), config.prompts_per_step * config.num_generations)
    while going_on(done):
        chosen = torch.randperm(len(samples), generator=shuffle)[:size].tolist()
        ids, learnt = _lay_out(loaded, [texts[i] for i in chosen])
        batch = collate(loaded, [encoded[i] for i in chosen])
        log_probs = scorer(batch, Completions(ids, learnt, (), 1)).log_probs
        loss = -((log_probs * learnt).sum(dim=1) / learnt.sum(dim=1)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.trainable, config.max_grad_norm)
        optimiser.step()
        done += 1
    return done


def _lay_out(
    loaded: LoadedModel, texts: Sequence[tuple[str, str]]
) -> tuple[Int[Tensor, "row token"], Bool[Tensor, "row token"]]:
    """Token ids padded on the right, and True on the tokens that are learnt, the end token among them."""
    end = end_token_ids(loaded)[-1]
    both = [
        [loaded.tokenizer(text, add_special_tokens=False).input_ids for text in pair if text]
        for pair in texts
    ]
    rows = [[*(token for part in parts for token in part), end] for parts in both]
    ids = torch.full((len(rows), max(map(len, rows))), pad_token_id(loaded), device=loaded.device)
    learnt = torch.zeros_like(ids, dtype=torch.bool)
    for row, (tokens, parts) in enumerate(zip(rows, both, strict=True)):
        ids[row, : len(tokens)] = torch.tensor(tokens, device=loaded.device)
        learnt[row, len(tokens) - 1 - len(parts[-1]) : len(tokens)] = True
    return ids, learnt
