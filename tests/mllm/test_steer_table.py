from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sayo_app.core.scenes.questions import HELD_OUT_SEED
from sayo_app.mllm import steer_table
from sayo_app.mllm.answering.steer import Found, Steering
from sayo_app.mllm.steer_table import (
    AGAIN_SEED,
    FINDING_SEED,
    LAST_SEED,
    STRENGTHS,
    SWEEP_SEED,
    Size,
    figures,
    scenes,
    settings_to_try,
)


def test_figures_by_hand() -> None:
    """Ten scenes, 6 right before and 7 after: two turned right, one wrong. 7 of 10: 0.397 to 0.892."""
    base = np.array([True] * 6 + [False] * 4)
    steered = np.array([True] * 5 + [False] + [True] * 2 + [False] * 2)
    got = figures(base, steered)
    assert (got.n, got.accuracy, got.base, got.turned_right, got.turned_wrong) == (10, 0.7, 0.6, 0.2, 0.1)
    assert got.low == pytest.approx(0.397, abs=1e-3) and got.high == pytest.approx(0.892, abs=1e-3)


def test_no_scene_serves_two_ends() -> None:
    """Found, picked, compared and reported on scenes of their own; none of them trained on."""
    size = Size()
    starts = {
        FINDING_SEED: size.finding,
        SWEEP_SEED: size.sweep,
        AGAIN_SEED: size.again,
        LAST_SEED: size.again,
    }
    # A few seeds are passed over: those without an object to point at.
    spans = sorted((start, start + 2 * count) for start, count in starts.items())
    assert all(stop <= start for (_, stop), (start, _) in pairwise(spans))
    assert 900_000_000 <= FINDING_SEED < HELD_OUT_SEED <= SWEEP_SEED
    assert all(question.boxes_xyxy for _, question in scenes(SWEEP_SEED, 12))


def test_every_setting_is_another_one_of_these_heads() -> None:
    scores = {"tracking": np.arange(30.0).reshape(5, 6), "effect": -np.arange(30.0).reshape(5, 6)}
    tried = settings_to_try(scores, [0, 1, 2, 3, 4])
    named = {(one.layers, one.heads, one.steering.strength, one.steering.prompt): one for one in tried}
    assert len(named) == len(tried)
    assert named["all", "tracking tenth", 2.0, True].steering.heads == {4: (3, 4, 5)}
    assert named["all", "effect tenth", 8.0, False].steering.heads == {0: (0, 1, 2)}
    assert named["3", "effect half", 1.0, False].steering.heads == {3: (0, 1, 2)}
    assert named["all", "all", 1.0, False].steering.heads == dict.fromkeys(range(5))
    assert {one.steering.strength for one in tried} == set(STRENGTHS)


def test_a_small_table(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    """All stages on a random model, with two settings to try: every answer is wrong and stays so."""
    few = [
        steer_table.Setting("all", "all", Steering({0: None, 1: None, 2: None}, 2.0, prompt=True)),
        steer_table.Setting("1", "all", Steering({1: None}, 2.0, prompt=True)),
    ]
    monkeypatch.setattr(steer_table, "settings_to_try", lambda scores, layers: few)
    monkeypatch.setattr(steer_table, "MAX_NEW_TOKENS", 3)
    out, said = tmp_path / "new" / "table.json", list[str]()
    arguments = ["--model", str(tiny_model_dir), "--device", "cpu", "--json", "--keep", "--out", str(out)]
    arguments += ["--finding", "2", "--sweep", "5", "--again", "5", "--best", "1", "--batch", "3"]
    steer_table.main(arguments, said.append)
    result: dict[str, Any] = json.loads(out.read_text())
    assert result == json.loads(said[-1])
    assert [len(result[part]["rows"]) for part in ("sweep", "again", "last")] == [2, 1, 2]
    assert np.shape(result["finding"]["effect"]) == np.shape(result["finding"]["tracking"]) == (3, 4)
    row = result["last"]["rows"][0]
    assert row["n"] == 5 and row["accuracy"] == row["base"] == 0 and len(row["families"]) == 5
    assert {"command", "machine", "versions", "seconds", "model", "layers"} <= result.keys()
    (kept,) = (data_dir / "steering").iterdir()
    content = json.loads(kept.read_text())
    found = Found(content["model"], Steering.from_dict(content["steering"]), content["measured"])
    assert found.steering == few[1].steering and found.measured["figures"]["n"] == 5
