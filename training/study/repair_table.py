"""The results of the protocol `repair` as a table: means over pictures, gains paired with `none`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from training.study.results import arm_of
from training.study.table import interval

SETS = ("conflicting", "agreeing", "plain", "others")
# What is beside the accuracies: name, part of the result, figure.
BESIDE = (
    ("gives the confounder's", "conflicting", "confounder"),
    ("attention on the object", "conflicting", "on look"),
    ("attention on the confounder", "conflicting", "on away"),
)
SHOWN = ("conflicting", *(f"gain {name}" for name in SETS), *(name for name, _, _ in BESIDE), "KL", "steps")


def repair_rows(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each arm, in the order of the results.

    Gains are mean differences to `none` on the same pictures, over all confounders and seeds together;
    `by confounder` has each one's accuracy on conflicting pictures.
    """
    arms = list(dict.fromkeys(arm_of(one) for one in results))
    return [_row(arm, results) for arm in arms]


def _row(arm: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    mine = [one for one in results if arm_of(one) == arm]
    row: dict[str, Any] = {"arm": arm, "runs": len(mine)}
    for name in SETS:
        row[name] = interval([value for one in mine for value in one[name]["answer"]])
    for name in SETS:
        gains = [gain for one in mine for gain in _gains(one, results, name)]
        row[f"gain {name}"] = interval(gains) if gains else None
    for name, part, figure in BESIDE:
        row[name] = interval([value for one in mine for value in one[part][figure]])
    distances = [one["kl"] for one in mine if one["kl"] is not None]
    row["KL"] = interval(distances) if distances else None
    for name in ("steps", "seconds"):
        row[name] = interval([one[name] for one in mine])
    confounders = dict.fromkeys(one["confounder"] for one in mine)
    row["by confounder"] = {
        name: interval(
            [value for one in mine if one["confounder"] == name for value in one["conflicting"]["answer"]]
        )
        for name in confounders
    }
    return row


def _gains(result: dict[str, Any], results: Sequence[dict[str, Any]], part: str) -> list[float]:
    """Answer by answer, what the arm gets right less what the shortcut model does."""
    same = ("seed", "confounder")
    bases = [
        one for one in results if arm_of(one) == "none" and all(one[name] == result[name] for name in same)
    ]
    if not bases:
        return []
    pairs = zip(result[part]["answer"], bases[0][part]["answer"], strict=True)
    return [mine - base for mine, base in pairs]


def repair_text(table: Sequence[dict[str, Any]], says: Mapping[str, str] = MappingProxyType({})) -> str:
    """The table as Markdown: percent, and points for gains.

    Where the confounder does not lie only the gains are shown: the JSON has the accuracies, too.

    Args:
        says: what each arm is, beside its name.
    """
    confounders = list(table[0]["by confounder"])
    head = ["arm", "runs", *SHOWN, *(f"conflicting: {name}" for name in confounders)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in table:
        cells = [_cell(name, row[name]) for name in SHOWN]
        cells += [_cell("", row["by confounder"].get(name)) for name in confounders]
        arm = f"{row['arm']}: {says[row['arm']]}" if row["arm"] in says else row["arm"]
        lines.append(f"| {arm} | {row['runs']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(name: str, figure: dict[str, float] | None) -> str:
    if figure is None:
        return "-"
    if name in ("KL", "steps", "seconds"):
        return f"{figure['mean']:.3g}"
    sign = "+" if name.startswith("gain") else ""
    return f"{100 * figure['mean']:{sign}.1f} ± {100 * figure['ci95']:.1f}"
