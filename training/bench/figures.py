"""What both sides of the bench say of a step."""

from __future__ import annotations

import time


def figures(began: tuple[float, float], parts: dict[str, float], tokens: float) -> dict[str, float]:
    """One step's, from the clocks at its beginning.

    Args:
        tokens: of a completion, on average.
    """
    seconds, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    other = seconds - sum(parts.values())
    return {"seconds": seconds, "cpu_seconds": cpu, **parts, "other": other, "tokens": tokens}
