"""No memory left: told apart from other errors, and told in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sayo_app.errors import ModelError


def out_of_memory(error: BaseException) -> bool:
    """Whether the device or the machine had no memory left; the CPU allocator says so in words only."""
    said = "can't allocate memory" in str(error) or "not enough memory" in str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and said
    )


def let_go_of_blocks() -> None:
    """What torch keeps of a GPU's memory though nothing is in it."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def told_of_memory(device: torch.device) -> Iterator[None]:
    """What runs inside may need more memory than there is.

    Raises:
        ModelError: it did; what it had is free again.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        # The trace holds the tensors that filled it, so the cause is kept as words.
        first = next(iter(str(error).splitlines()), "") or "no memory left"
    else:
        return
    let_go_of_blocks()
    raise ModelError(
        expected=f"a question that fits into the memory of {device}",
        got=first,
        remedy="Ask about a smaller picture or fewer of them, or for a shorter answer (--max-new-tokens); "
        "or choose a smaller model.",
    )
