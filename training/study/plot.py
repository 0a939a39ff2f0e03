"""The study as one picture: what each arm does to answers on unseen pictures, and to where the model looks.

    python -m training.study.plot assets/benchmarks/study.json assets/screenshots/study.png

It wants matplotlib, which is among the requirements of the tests.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sayo_app.errors import SettingsError

# Column of the table, title, and the factor that makes its figures what the title says.
PANELS = {
    "mistakes": (
        ("gain held_out", "unseen answers, points against base", 100.0),
        ("gain untouched", "answers of other kinds, points against base", 100.0),
        ("SAYO reward", "SAYO reward on unseen pictures", 1.0),
    ),
    "repair": (
        ("conflicting", "right where the confounder lies, %", 100.0),
        ("gain agreeing", "where it agrees, points", 100.0),
        ("gain plain", "without it, points", 100.0),
        ("gain others", "answers of other kinds, points", 100.0),
    ),
}
INK, QUIET, GOOD, BAD = "#1f2937", "#94a3b8", "#15803d", "#b91c1c"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.study.plot", description=__doc__)
    parser.add_argument("study", type=Path, help="JSON written by `python -m training study --out`")
    parser.add_argument("picture", type=Path, help="PNG or SVG to write")
    given = parser.parse_args(arguments)
    plot(json.loads(given.study.read_text(encoding="utf-8")), given.picture)


def colour(middle: float, half: float) -> str:
    """Of an interval: clear of 0 on the good side, on the bad one, or neither."""
    if abs(middle) <= half:
        return QUIET
    return GOOD if middle > 0 else BAD


def plot(study: dict[str, Any], picture: Path) -> None:
    """A line for each arm, a panel for each of its protocol's `PANELS`; dots are means, bars 95 % intervals.

    Raises:
        SettingsError: matplotlib is not there.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SettingsError(
            expected="matplotlib, to draw the study",
            got="no such package",
            remedy="pip install -r tests/requirements.txt",
        ) from error
    table, panels = study["table"][::-1], PANELS[study.get("protocol", "mistakes")]
    figure = Figure(figsize=(11, 0.9 + 0.32 * len(table)), layout="constrained")
    for axes, (column, title, factor) in zip(
        figure.subplots(1, len(panels), sharey=True), panels, strict=True
    ):
        for height, row in enumerate(table):
            if row[column] is None:
                continue
            middle, half = (row[column][name] * factor for name in ("mean", "ci95"))
            shade = colour(middle, half) if column.startswith("gain") else INK
            axes.errorbar(middle, height, xerr=half, fmt="o", color=shade, markersize=5, capsize=2)
        axes.axvline(0, color=QUIET, linewidth=0.8)
        axes.set_title(title, fontsize=9, color=INK)
        axes.grid(axis="x", color="#e2e8f0", linewidth=0.6)
        axes.set_yticks(range(len(table)), [row["arm"] for row in table], fontsize=9)
        axes.tick_params(axis="x", labelsize=8)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
