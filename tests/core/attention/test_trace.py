from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sayo_app.core.attention.trace import AttentionTrace, Step
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.errors import CaptureError, NotFoundError, StorageError

MakeTrace = Callable[..., AttentionTrace]


@pytest.mark.parametrize(
    "sinks", [None, np.array([True, False, True, True, True, True])], ids=["unknown", "known"]
)
@pytest.mark.parametrize("regular", [True, False])
def test_a_trace_comes_back_from_its_file(
    make_trace: MakeTrace, tmp_path: Path, sinks: np.ndarray | None, regular: bool
) -> None:
    grid = ImageGrid.regular((60, 40), (2, 3))
    grid = grid if regular else ImageGrid((60, 40), grid.cells_xyxy[::-1].copy(), None)
    trace = make_trace(sink_mask=sinks, grids=(grid,), text="ein Hund “…” <answer>犬</answer>")
    path = tmp_path / "deep" / "trace.npz"
    trace.save(path)
    back = AttentionTrace.load(path)
    for field in ("tokens", "token_ids", "layers", "depth", "steps", "text"):
        assert getattr(back, field) == getattr(trace, field)
    # float16 has 11 significant bits.
    np.testing.assert_allclose(back.attention, trace.attention, rtol=2**-11)
    np.testing.assert_array_equal(back.entropies, trace.entropies)
    np.testing.assert_array_equal(back.grid.cells_xyxy, grid.cells_xyxy)
    assert back.grid.grid_hw == grid.grid_hw
    if sinks is None:
        assert back.sink_mask is None
    else:
        np.testing.assert_array_equal(back.sink_mask, sinks)
    assert [file.name for file in path.parent.iterdir()] == ["trace.npz"]


@pytest.mark.parametrize(
    "changes",
    [
        {"token_ids": (1, 2)},
        {"entropies": np.zeros(10, np.float32)},
        {"tokens": (), "token_ids": (), "entropies": np.zeros(0, np.float32)},
        {"attention": np.zeros((11, 4, 6), np.float32)},
        {"attention": np.zeros((10, 3, 6), np.float32)},
        {"attention": np.zeros((10, 4, 5), np.float32), "sink_mask": None},
        {"attention": np.zeros((10, 4, 5), np.float32), "sink_mask": np.ones(5, bool)},
        {"grids": (ImageGrid.regular((60, 40), (2, 2)),)},
        {"grids": ()},
        {"layers": (0, 2, 1, 3)},
        {"layers": (0, 1, 2, 4)},
        {"layers": (), "attention": np.zeros((10, 0, 6), np.float32)},
        {"steps": (Step(0, 0, 12, "", "answer"),)},
        {"steps": (Step(0, 3, 3, "", "answer"),)},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_parts_that_do_not_fit_are_refused(make_trace: MakeTrace, changes: dict[str, Any]) -> None:
    with pytest.raises(CaptureError, match="Expected"):
        make_trace(**changes)


def test_each_picture_of_a_question_has_its_own_columns(make_trace: MakeTrace, tmp_path: Path) -> None:
    """Six image tokens of two pictures: 2 of the first, then 4 of the second."""
    grids = (ImageGrid.regular((30, 10), (1, 2)), ImageGrid.regular((8, 8), (2, 2)))
    make_trace(grids=grids).save(tmp_path / "trace.npz")
    trace = AttentionTrace.load(tmp_path / "trace.npz")
    assert [grid.grid_hw for grid in trace.grids] == [(1, 2), (2, 2)]
    first, second = trace.of_picture(0), trace.of_picture(1)
    np.testing.assert_array_equal(first.attention, trace.attention[:, :, :2])
    np.testing.assert_array_equal(second.attention, trace.attention[:, :, 2:])
    assert second.grid.image_wh == (8, 8) and len(second.grids) == 1
    assert first.sink_mask is not None and first.sink_mask.tolist() == [True, True]
    assert second.sink_mask is not None and second.sink_mask.tolist() == [False, True, True, True]
    with pytest.raises(CaptureError, match="a picture from 0 to 1"):
        trace.of_picture(2)


def test_a_trace_of_the_first_format_is_read(make_trace: MakeTrace, tmp_path: Path) -> None:
    """Its header has one grid under `grid`."""
    path = tmp_path / "trace.npz"
    make_trace().save(path)
    with np.load(path) as arrays:
        parts = dict(arrays)
    header = json.loads(parts["header"].tobytes())
    header["grid"] = header.pop("grids")[0]
    parts["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path, **parts)
    assert AttentionTrace.load(path).grid.grid_hw == (2, 3)


def test_a_missing_trace_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        AttentionTrace.load(tmp_path / "gone.npz")


@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "flipped", "other"])
def test_a_damaged_trace_says_so(make_trace: MakeTrace, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "trace.npz"
    make_trace().save(path)
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2
    if damage == "other":
        np.savez(path, attention=np.zeros(3))
    else:
        flipped = (
            whole[:middle] + bytes(byte ^ 255 for byte in whole[middle : middle + 40]) + whole[middle + 40 :]
        )
        path.write_bytes(
            {"empty": b"", "cut": whole[:middle], "noise": b"\x01" * 500, "flipped": flipped}[damage]
        )
    with pytest.raises(StorageError, match=r"a whole trace in trace\.npz"):
        AttentionTrace.load(path)


def test_a_trace_that_would_run_code_is_not_unpickled(make_trace: MakeTrace, tmp_path: Path) -> None:
    path = tmp_path / "trace.npz"
    np.savez(path, header=np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(StorageError):
        AttentionTrace.load(path)


def test_a_place_that_cannot_be_written_says_so(make_trace: MakeTrace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"to write .*trace\.npz"):
        make_trace().save(tmp_path / "file" / "trace.npz")
