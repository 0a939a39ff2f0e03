"""The study's picture: an arm a line, and colours that say what is beyond chance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from training.study import plot


def row(arm: str, gain: float | None) -> dict:
    figure = {"mean": 0.5, "ci95": 0.1, "n": 4}
    gained = None if gain is None else {"mean": gain, "ci95": 0.02, "n": 4}
    return {"arm": arm, "SAYO reward": figure, "gain held_out": gained, "gain untouched": gained}


def test_the_picture_is_drawn_from_the_studys_json(tmp_path: Path) -> None:
    study, pictures = tmp_path / "study.json", [tmp_path / "new" / f"{n}.png" for n in (1, 3)]
    for count, picture in zip((1, 3), pictures, strict=True):
        table = [row("base", None), row("better", 0.1), row("worse", -0.1)][:count]
        study.write_text(json.dumps({"table": table}))
        plot.main([str(study), str(picture)])
    heights = []
    for picture in pictures:
        with Image.open(picture) as file:
            heights.append(file.height)
    assert heights[1] > heights[0]


def test_repairs_have_panels_of_their_own(tmp_path: Path) -> None:
    figure = {"mean": 0.5, "ci95": 0.1, "n": 4}
    gains = {f"gain {name}": figure for name in ("agreeing", "plain", "others")}
    study, widths = tmp_path / "study.json", []
    for protocol, mine in (
        ("repair", {"arm": "recipe", "conflicting": figure} | gains),
        ("mistakes", row("a", 0.1)),
    ):
        study.write_text(json.dumps({"protocol": protocol, "table": [mine]}))
        plot.main([str(study), str(tmp_path / f"{protocol}.png")])
        widths.append((tmp_path / f"{protocol}.png").stat().st_size)
    assert min(widths) > 0
    study.write_text(json.dumps({"protocol": "repair", "table": [row("a", 0.1)]}))
    with pytest.raises(KeyError, match="conflicting"):
        plot.main([str(study), str(tmp_path / "none.png")])


@pytest.mark.parametrize(("middle", "expected"), [(5.0, plot.GOOD), (-5.0, plot.BAD), (1.0, plot.QUIET)])
def test_only_what_is_beyond_its_interval_has_a_colour(middle: float, expected: str) -> None:
    assert plot.colour(middle, 2.0) == expected
