"""An answer that the version before exported, kept in tests/data/v0_1, is read."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.bundles.bundle import read_bundle, write_bundle
from sayo_app.core.geometry.region import Region
from sayo_app.settings import REPOSITORY_DIR

BEFORE = REPOSITORY_DIR / "tests" / "data" / "v0_1"


def test_an_answer_of_the_version_before_is_read_whole() -> None:
    bundle = read_bundle(BEFORE / "answer.zip")
    assert (bundle.question, bundle.model, bundle.adapter) == (
        "How many purple tags are there?",
        "bundled",
        None,
    )
    assert [picture.size for picture in bundle.pictures] == [(480, 480)]
    ((box, polygon),) = bundle.regions
    assert box == Region.box(10, 284, 150, 423, label="there", step=0)
    assert polygon == Region.polygon([(5, 5), (40, 8), (20, 40)], look=False)
    trace = bundle.trace
    assert trace.text.endswith("That makes 4. <answer>4</answer>")
    assert [(step.start, step.stop, step.kind) for step in trace.steps] == [
        (0, 17, "reasoning"),
        (17, 22, "reasoning"),
        (22, 25, "answer"),
    ]
    # 26 tokens, of which the last was never a query; five layers; a grid of 10 x 10.
    assert (len(trace.tokens), trace.attention.shape, trace.layers) == (26, (25, 5, 100), (0, 1, 2, 3, 4))


def test_its_attention_is_that_of_the_trace_which_was_stored_with_it(tmp_path: Path) -> None:
    with tarfile.open(BEFORE / "data.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    (stored,) = (tmp_path / "data" / "traces").rglob("*.npz")
    kept, exported = AttentionTrace.load(stored), read_bundle(BEFORE / "answer.zip").trace
    np.testing.assert_array_equal(kept.attention, exported.attention)
    np.testing.assert_array_equal(kept.entropies, exported.entropies)
    assert kept.tokens == exported.tokens


def test_written_again_it_is_the_same_answer(tmp_path: Path) -> None:
    bundle = read_bundle(BEFORE / "answer.zip")
    write_bundle(tmp_path / "again.zip", bundle)
    again = read_bundle(tmp_path / "again.zip")
    assert (again.regions, again.trace.tokens, again.trace.steps) == (
        bundle.regions,
        bundle.trace.tokens,
        bundle.trace.steps,
    )
    np.testing.assert_array_equal(again.trace.attention, bundle.trace.attention)
