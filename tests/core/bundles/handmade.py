"""Exported answers made by hand, and what is done with them in tests."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.attention.trace import AttentionTrace, Step
from sayo_app.core.bundles.bundle import Bundle, read_bundle, write_bundle
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.errors import TraceFileError

Members = dict[str, bytes]

TILES = np.array([[0, 0, 8, 6], [8, 0, 16, 6], [0, 0, 16, 6], [16, 0, 16, 6]], float)


def make_bundle(**changes: Any) -> Bundle:
    """Two pictures: a regular grid of 2 x 3 and one of tiles, a thumbnail and a newline token."""
    random = np.random.default_rng(0)
    pictures = tuple(
        Image.fromarray(random.integers(0, 255, (height, width, 3), dtype=np.uint8))
        for width, height in [(12, 8), (16, 6)]
    )
    fields: dict[str, Any] = {
        "pictures": pictures,
        "question": "Where is the “dog” 🐕?",
        "model": "bundled",
        "adapter": None,
        "trace": AttentionTrace(
            tokens=("A", " dog", ".", "<|im_end|>"),
            token_ids=(5, 0, 7, 151645),
            attention=(random.random((3, 2, 10)) / 10).astype(np.float32),
            layers=(3, 7),
            depth=9,
            entropies=np.array([0.25, 1.1, 0.0, 2.0], np.float32),
            grids=(ImageGrid.regular((12, 8), (2, 3)), ImageGrid((16, 6), TILES, None)),
            steps=(Step(0, 0, 2, "A dog", "reasoning"), Step(1, 2, 3, ".", "answer")),
            text="A dog.",
            sink_mask=np.array([True] * 4 + [False] + [True] * 5),
        ),
        "regions": (
            (Region.box(1, 1, 5, 6, label="dog", step=1),),
            (Region.polygon([(1, 1), (9, 1), (4, 5)], look=False), Region.box(0, 0, 3, 3)),
        ),
    }
    return Bundle(**fields | changes)


def exported(folder: Path, bundle: Bundle) -> bytes:
    write_bundle(folder / "answer.zip", bundle)
    return (folder / "answer.zip").read_bytes()


def members_of(data: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Members) -> bytes:
    """As `packed_archive`, but everything compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def npz(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, attention=array)
    return buffer.getvalue()


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def read(data: bytes, path: Path, **limits: int) -> Bundle:
    path.write_bytes(data)
    return read_bundle(path, **limits)


def refused(data: bytes, path: Path, match: str, **limits: int) -> None:
    with pytest.raises(TraceFileError, match=match) as caught:
        read(data, path, **limits)
    assert caught.value.remedy and len(str(caught.value)) < 600


def same(one: Bundle, other: Bundle) -> None:
    assert (one.question, one.model, one.adapter) == (other.question, other.model, other.adapter)
    assert one.regions == other.regions
    for ours, theirs in zip(one.pictures, other.pictures, strict=True):
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
    a, b = one.trace, other.trace
    assert (a.tokens, a.token_ids, a.layers, a.depth) == (b.tokens, b.token_ids, b.layers, b.depth)
    assert (a.steps, a.text) == (b.steps, b.text)
    assert a.entropies.tolist() == b.entropies.tolist()
    assert [grid.to_dict() for grid in a.grids] == [grid.to_dict() for grid in b.grids]
    assert (a.sink_mask is None) == (b.sink_mask is None)
    assert a.sink_mask is None or b.sink_mask is None or a.sink_mask.tolist() == b.sink_mask.tolist()
