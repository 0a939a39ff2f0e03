"""What stands behind a batch's prompts: completions, drawn or given."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Bool, Int
from torch import Tensor

from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import Batch, collate


@dataclass(frozen=True, eq=False)
class Completions:
    """`num_generations` completions a prompt, prompt by prompt, padded on the right to the longest.

    Attributes:
        mask: True up to and including the end token; False on padding.
        texts: without special tokens.
    """

    ids: Int[Tensor, "row token"]
    mask: Bool[Tensor, "row token"]
    texts: tuple[str, ...]
    num_generations: int


def one_by_one(loaded: LoadedModel, batch: Batch, completions: Completions) -> tuple[Batch, Completions]:
    """The same completions, each with a prompt of its own."""
    prompts = [prompt for prompt in batch.prompts for _ in range(completions.num_generations)]
    return collate(loaded, prompts), replace(completions, num_generations=1)
