"""What a step says of itself, and the bounds that a healthy policy keeps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from sayo_app.errors import TrainingError
from sayo_app.run_config import RunConfig
from training.rl.advantages import rewards_of
from training.rl.judging import Judged, summary
from training.rl.losses import Loss

# A policy whose answers have become this many times longer or shorter than at first has collapsed.
LENGTH_FACTOR = 3.0


def step_figures(
    config: RunConfig, judged: Sequence[Judged], losses: Sequence[Loss]
) -> dict[str, float | None]:
    """One process's means for the log; None where no completion could be scored."""
    means, rewards = summary(judged), rewards_of(config, judged)
    return {
        "reward": sum(rewards) / len(rewards),
        "attention_reward": means["sayo_reward"],
        "answer_accuracy": means["accuracy"],
        "format": means["format"],
        "energy": means["energy"],
        "length": means["length"],
        "kl": float(torch.stack([loss.kl for loss in losses]).mean()),
        "loss": float(torch.stack([loss.total.detach() for loss in losses]).mean()),
    }


def mean_figures(reports: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    """The mean over processes, figure by figure."""
    means: dict[str, float | None] = {}
    for name in reports[0]:
        known = [figure for report in reports if (figure := report[name]) is not None]
        means[name] = sum(known) / len(known) if known else None
    return means


def check_bounds(figures: dict[str, float | None], before: dict[str, Any], max_kl: float) -> None:
    """See that the policy has not collapsed: by its KL, or by answers grown or shrunk by `LENGTH_FACTOR`.

    Raises:
        TrainingError: it has.
    """
    kl, length, first = figures["kl"], figures["length"], before.get("length")
    if max_kl and kl is not None and not kl <= max_kl:
        raise _collapsed(f"a KL to the reference of at most {max_kl:g} a token", f"{kl:.3g}")
    if first and length and not first / LENGTH_FACTOR <= length <= first * LENGTH_FACTOR:
        raise _collapsed(
            f"answers of about {first:.0f} tokens, as before the training", f"{length:.0f} tokens on average"
        )


def _collapsed(expected: str, got: str) -> TrainingError:
    return TrainingError(
        expected=expected,
        got=got,
        remedy="The last good checkpoint is kept. Start again with a lower learning rate or a larger beta.",
    )


PARTS = ("rollout", "scoring", "reference", "update")


class Spent:
    """Seconds of a step by what they went into; those of one part add up until they are taken."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seconds = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        started = self._now()
        yield
        self._seconds[part] += self._now() - started

    def take(self) -> dict[str, float]:
        """The seconds of each part, which start at nought again."""
        taken = {part: round(seconds, 4) for part, seconds in self._seconds.items()}
        self._seconds = dict.fromkeys(PARTS, 0.0)
        return taken

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


# What a kill may cost, in seconds of training.
KEEP_EVERY_S = 30.0


class Clock:
    """Seconds of a step, and of those left at the pace so far, evaluations among the steps included."""

    def __init__(self, steps: int) -> None:
        self._left, self._done = steps, 0
        self._started = self._last = self._kept = time.monotonic()

    def tick(self) -> dict[str, float]:
        now = time.monotonic()
        self._done, self._left = self._done + 1, self._left - 1
        seconds, self._last = now - self._last, now
        pace = (now - self._started) / self._done
        return {"seconds": round(seconds, 3), "remaining_s": round(pace * self._left, 1)}

    def keep_due(self) -> bool:
        """Whether it is time for a checkpoint, so that a kill costs little; true once each time."""
        due = self._last - self._kept >= KEEP_EVERY_S
        self._kept = self._last if due else self._kept
        return due
