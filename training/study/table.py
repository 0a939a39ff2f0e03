"""The study's results as a table: means over all seeds' pictures, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sayo_app.core.intervals import normal_half_width
from training.study.results import arm_of

# Columns: name, part of the result, figure.
COLUMNS = (
    ("held-out answers", "held_out", "answer"),
    ("train answers", "train", "answer"),
    ("SAYO reward", "held_out", "attention"),
    ("predicting rows", "held_out", "predicting"),
    ("energy in region", "held_out", "energy"),
    ("pointing", "held_out", "pointing"),
    ("untouched answers", "untouched", "answer"),
    ("train looks right", "train", "pointing"),
)


def rows(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each arm, in the order of the results.

    An interval is that of a mean over pictures. Each seed has pictures of its own, so those of several
    seeds are put together. What an arm gains is the mean difference to `base` on the same pictures.
    """
    arms = list(dict.fromkeys(arm_of(one) for one in results))
    return [_row(arm, results) for arm in arms]


def _row(arm: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    mine = [one for one in results if arm_of(one) == arm]
    row: dict[str, Any] = {"arm": arm, "seeds": len(mine)}
    for name, part, figure in COLUMNS:
        # Results of before a figure was measured have none.
        values = [value for one in mine for value in one[part].get(figure, [])]
        row[name] = interval(values) if values else None
    for part in ("held_out", "untouched"):
        gains = [gain for one in mine for gain in _gains(one, results, part)]
        row[f"gain {part}"] = interval(gains) if gains else None
    distances = [one["kl"] for one in mine if one["kl"] is not None]
    row["KL"] = interval(distances) if distances else None
    row["steps"] = interval([one["steps"] for one in mine])
    return row


def _gains(result: dict[str, Any], results: Sequence[dict[str, Any]], part: str) -> list[float]:
    """Answer by answer, what the arm gets right less what the base model does."""
    bases = [one for one in results if arm_of(one) == "base" and one["seed"] == result["seed"]]
    if not bases:
        return []
    pairs = zip(result[part]["answer"], bases[0][part]["answer"], strict=True)
    return [mine - base for mine, base in pairs]


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean, and half the width of its 95 % interval."""
    known = np.asarray(values, dtype=np.float64)
    return {
        "mean": round(float(known.mean()), 4),
        "ci95": round(normal_half_width(known), 4),
        "n": len(values),
    }


def text(table: Sequence[dict[str, Any]]) -> str:
    """The table as Markdown."""
    names = [name for name in table[0] if name not in ("arm", "seeds")]
    lines = [f"| arm | seeds | {' | '.join(names)} |", "|---|---" + "|---" * len(names) + "|"]
    for row in table:
        cells = ("-" if row[n] is None else f"{row[n]['mean']:.3f} ± {row[n]['ci95']:.3f}" for n in names)
        lines.append(f"| {row['arm']} | {row['seeds']} | {' | '.join(cells)} |")
    return "\n".join(lines)
