"""How many prompts go through the model at once, and what happens when that was too many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sayo_app.errors import TrainingError
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.mllm.models.memory import let_go_of_blocks, out_of_memory
from sayo_app.run_config import RunConfig
from training.state.progress_log import Progress

T = TypeVar("T")
# Logits that one forward may hold, rows x tokens x vocabulary: 2**28 are 1 GB in float32.
LOGIT_BUDGET = 2**28


class PromptsAtOnce:
    """A step's prompts in parts that fit into memory; their gradients add up to that of the whole."""

    def __init__(self, loaded: LoadedModel, config: RunConfig, processes: int = 1) -> None:
        completions = 1 if config.objective == "direct" else config.num_generations
        logits = completions * config.max_new_tokens * loaded.config.get_text_config().vocab_size
        self.size = min(max(1, LOGIT_BUDGET // logits), config.prompts_per_step // processes)
        self._processes = processes

    def parts(self, samples: Sequence[T]) -> list[Sequence[T]]:
        return [samples[start : start + self.size] for start in range(0, len(samples), self.size)]

    def halve(self, error: Exception, progress: Progress) -> None:
        """Half as many prompts at once, twice as often, from now on; the step is to be taken again.

        Raises:
            TrainingError: one prompt at once is too many, or another process is in the middle of the step.
            Exception: the error itself, if it is not about memory.
        """
        if not out_of_memory(error):
            raise error
        if self.size == 1 or self._processes > 1:
            raise TrainingError(
                expected="enough memory for a step",
                got=f"too little for {self.size} prompts at once",
                remedy="Turn gradient_checkpointing on, or ask for fewer completions or shorter ones.",
            ) from error
        self.size = -(-self.size // 2)
        let_go_of_blocks()
        progress.write(
            "status", message=f"Not enough memory: going on with {self.size} prompts at once, twice as often"
        )
