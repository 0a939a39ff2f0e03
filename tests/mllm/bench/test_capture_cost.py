from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sayo_app.errors import ModelError
from sayo_app.mllm.bench import capture_cost, modes
from sayo_app.mllm.bench.modes import MODES, Shape, build, matrix_bytes, prompt

SMALL = ["--layers", "2", "--hidden", "64", "--new-tokens", "4", "--pairs", "2", "--device", "cpu"]


def in_here(arguments: list[str]) -> dict[str, Any]:
    """A measurement without a process of its own: importing torch anew takes longer than the rest."""
    return capture_cost.one(capture_cost._parser().parse_args(arguments))


def test_a_small_bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "capture_cost.json"
    capture_cost.main(["--json", "--out", str(out), "--image-tokens", "16", "64", *SMALL], in_here)
    result = json.loads(out.read_text())
    assert result == json.loads(capsys.readouterr().out)
    assert [row["image_tokens"] for row in result["rows"]] == [16, 64]
    assert result["shape"]["layers"] == 2 and result["new_tokens"] == 4
    assert {"command", "machine", "versions"} <= result.keys()
    for row in result["rows"]:
        for mode in MODES:
            assert row[mode]["seconds"] >= row[mode]["decode_seconds"] > 0 and "peak_mb" in row[mode]
            assert mode == "plain" or row[mode]["tokens_identical"]
        assert row["pairs"]["pairs"] == 2
        ratio = row["pairs"]["seconds_ratio"]
        assert 0 < ratio["low"] <= ratio["median"] <= ratio["high"]


def test_rows_are_kept_when_the_bench_is_stopped(tmp_path: Path) -> None:
    out = tmp_path / "capture_cost.json"

    def stopped_at_64(arguments: list[str]) -> dict[str, Any]:
        if "64" in arguments[:4]:
            raise KeyboardInterrupt
        return in_here(arguments)

    with pytest.raises(KeyboardInterrupt):
        capture_cost.main(["--out", str(out), "--image-tokens", "16", "64", *SMALL], stopped_at_64)
    assert [row["image_tokens"] for row in json.loads(out.read_text())["rows"]] == [16]


@pytest.mark.processes
def test_a_mode_in_its_own_process() -> None:
    got = capture_cost.in_a_process(["--one", "capture", "--image-tokens", "16", *SMALL])
    assert len(got["token_ids"]) == 4 and got["exact"]
    with pytest.raises(ModelError, match="exit code"):
        capture_cost.in_a_process(["--one", "capture", "--image-tokens", "16", "--device", "nowhere"])


def test_what_does_not_fit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """12 layers x 16 heads x 4,122² x 4 bytes are 13 GB: not tried with 8 GB free."""
    monkeypatch.setattr(capture_cost, "_free_bytes", lambda device: 8e9)
    monkeypatch.setattr(capture_cost, "build", lambda shape, device: pytest.fail("it must not be tried"))
    got = in_here(["--one", "eager", "--image-tokens", "4096", "--device", "cpu"])
    assert "8.0 GB are free" in got["did_not_fit"]
    assert matrix_bytes(Shape(), 4122, 1, 4) == 12 * 16 * 4122**2 * 4 + 2 * 16 * 4122**2 * 4


def test_other_tokens_are_an_error() -> None:
    parts = {mode: {"token_ids": [1, 2], "peak_mb": 1.0, "exact": True} for mode in MODES} | {"pairs": {}}
    assert capture_cost._row(16, json.loads(json.dumps(parts)))["capture"]["tokens_identical"]
    parts["capture"]["token_ids"] = [1, 3]
    with pytest.raises(ModelError, match="the same tokens"):
        capture_cost._row(16, parts)


@torch.no_grad()
def test_all_modes_keep_the_same_attention() -> None:
    """The three that read give the same rows: what is compared is the same thing."""
    loaded = build(Shape(2, 64, 128, 2, 1, 32, 512, 1, 32), torch.device("cpu"))
    inputs = prompt(loaded, 12)
    answered = {mode: run(loaded, inputs, 5) for mode, run in MODES.items()}
    assert len({one.token_ids for one in answered.values()}) == 1
    assert len(set(answered["plain"].token_ids)) > 1, "a model that repeats one token shows nothing"
    image = inputs["input_ids"][0] == modes.IMAGE
    rows = answered["capture"].kept
    assert rows.shape == (4, 2, 12)
    # `generate` gives the step that predicted a token; ours belongs to the token that was fed.
    steps = answered["eager"].kept[1:]
    copies = answered["hook"].kept[2:]
    for row in range(4):
        for layer in range(2):
            for matrix in (steps[row][layer], copies[row * 2 + layer]):
                wanted = matrix[0, :, 0].mean(dim=0)[: len(image)][image].numpy()
                np.testing.assert_allclose(rows[row, layer], wanted, rtol=0, atol=1e-6)
