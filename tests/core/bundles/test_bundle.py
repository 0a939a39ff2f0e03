"""An exported answer comes back whole."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.bundles.bundle import trace_json, write_bundle
from sayo_app.errors import StorageError, TraceFileError
from tests.core.bundles.handmade import (
    exported,
    make_bundle,
    members_of,
    read,
    same,
)


@pytest.mark.parametrize("adapter", [None, "dogs-2"])
def test_a_bundle_comes_back_whole(scratch: Path, whole: bytes, adapter: str | None) -> None:
    before = make_bundle(adapter=adapter)
    after = read(exported(scratch.parent, before), scratch)
    same(before, after)
    # float16: 11 bits.
    assert after.trace.attention.dtype == np.float32
    np.testing.assert_allclose(after.trace.attention, before.trace.attention, rtol=2**-11, atol=1e-7)
    # Once rounded it is not rounded again.
    assert exported(scratch.parent, read(whole, scratch)) == whole


@pytest.mark.parametrize("sinks", [None, np.ones(10, bool), np.zeros(10, bool)])
def test_sinks_come_back_whether_known_or_not(scratch: Path, sinks: np.ndarray | None) -> None:
    before = make_bundle(trace=replace(make_bundle().trace, sink_mask=sinks))
    same(before, read(exported(scratch.parent, before), scratch))


def test_an_answer_of_one_token_comes_back(scratch: Path) -> None:
    trace = replace(
        make_bundle().trace, tokens=("<|im_end|>",), token_ids=(1,), steps=(), text="",
        entropies=np.zeros(1, np.float32), attention=np.zeros((0, 2, 10), np.float32),
    )  # fmt: skip
    same(make_bundle(trace=trace), read(exported(scratch.parent, make_bundle(trace=trace)), scratch))


def test_the_same_bundle_gives_the_same_bytes(whole: bytes, scratch: Path) -> None:
    assert exported(scratch.parent, make_bundle()) == whole


def test_the_file_opens_in_other_programs(whole: bytes) -> None:
    members = members_of(whole)
    assert [*members] == ["trace.json", "attention.npz", "picture-0.png", "picture-1.png"]
    with np.load(io.BytesIO(members["attention.npz"])) as arrays:
        assert arrays["attention"].dtype == np.float16 and arrays["attention"].shape == (3, 2, 10)
    assert Image.open(io.BytesIO(members["picture-1.png"])).size == (16, 6)
    assert json.loads(members["trace.json"]) == json.loads(trace_json(make_bundle()))


def test_the_json_holds_everything_but_arrays() -> None:
    found = json.loads(trace_json(make_bundle()))
    assert (found["format"], found["version"], found["question"]) == (
        "sayo-trace", 1, "Where is the “dog” 🐕?",
    )  # fmt: skip
    assert found["tokens"] == ["A", " dog", ".", "<|im_end|>"] and found["answer"] == "A dog."
    assert found["sinks"] == [4] and found["pictures"][0]["grid"]["grid_hw"] == [2, 3]
    assert "attention" not in found


def test_parts_that_do_not_fit_make_no_bundle() -> None:
    right = make_bundle()
    with pytest.raises(TraceFileError, match="12 x 8 px"):
        make_bundle(pictures=right.pictures[::-1])
    with pytest.raises(TraceFileError, match="1 groups of regions"):
        make_bundle(regions=((),))
    with pytest.raises(TraceFileError, match="finite attention"):
        make_bundle(trace=replace(right.trace, entropies=np.array([1, np.nan, 1, 1], np.float32)))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"to write .*a\.zip"):
        write_bundle(tmp_path / "file" / "a.zip", make_bundle())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
