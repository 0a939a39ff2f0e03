"""Nothing else than an exported answer comes in."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sayo_app.core.bundles.archive import packed_archive
from sayo_app.core.bundles.bundle import read_bundle, trace_json
from sayo_app.errors import TraceFileError
from tests.core.bundles.handmade import (
    make_bundle,
    members_of,
    npz,
    png,
    read,
    refused,
    same,
    zipped,
)

Edit = Callable[[dict[str, Any]], Any]


def test_files_from_elsewhere(scratch: Path, whole: bytes) -> None:
    refused(b"", scratch, "a file that is none, or is cut short")
    refused(b"%PDF-1.7" * 100, scratch, "a file that is none")
    refused(packed_archive({}), scratch, "a zip file of something else")
    refused(packed_archive({"word/document.xml": b"<w/>"}), scratch, "a zip file of something else")
    refused(packed_archive({"trace.json": b'{"format": "other"}'}), scratch, "another format")
    refused(packed_archive({"trace.json": b"[]"}), scratch, "another format")
    missing = scratch.parent / "none.zip"
    with pytest.raises(TraceFileError, match="no readable file"):
        read_bundle(missing)
    with pytest.raises(TraceFileError, match="no readable file"):
        read_bundle(scratch.parent)


def test_a_file_cut_short_at_any_byte(scratch: Path, whole: bytes) -> None:
    # Every byte of the list of files at the end, every seventh of what is before it.
    listed = whole.index(b"PK\x01\x02")
    for length in [*range(0, listed, 7), *range(listed, len(whole))]:
        with pytest.raises(TraceFileError):
            read(whole[:length], scratch)


@given(st.data())
@settings(max_examples=300)
def test_flipped_bytes_are_refused_or_do_no_harm(scratch: Path, whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(damaged), scratch)
    except TraceFileError:
        return
    # Bytes that nothing reads (dates, the program that wrote it) may change.
    same(found, make_bundle())


def at(*places: Any, value: Any) -> Edit:
    def edit(header: dict[str, Any]) -> None:
        node: Any = header
        for place in places[:-1]:
            node = node[place]
        node[places[-1]] = value

    return edit


WRONG_FIELDS: dict[str, tuple[Edit, str]] = {
    "newer": (at("version", value=2), "newer SAYO Studio. Update"),
    "no version": (at("version", value="1"), "'version' as int"),
    "true": (at("version", value=True), "'version' as int"),
    "version 0": (at("version", value=0), "a version from 1"),
    "question": (at("question", value=None), "'question' as str"),
    "model": (at("model", value=["bundled"]), "'model' as str"),
    "adapter": (at("adapter", value=3), "adapter as text or null"),
    "answer": (lambda header: header.pop("answer"), "'answer' as str, got None"),
    "no tokens": (at("tokens", value=[]), "at least one token"),
    "a token that is none": (at("tokens", 1, value=7), "'tokens' of str"),
    "more tokens": (at("tokens", value=["a"] * 9), "attention of shape"),
    "half a character": (at("tokens", 1, value="\ud800"), "text and finite numbers"),
    "ids": (at("token_ids", 0, value=True), "'token_ids' of int"),
    "fewer ids": (at("token_ids", value=[1]), "one id and one entropy each"),
    "entropies below 0": (at("entropies", 0, value=-1), "entropies from 0"),
    "no number": (at("entropies", 0, value=float("nan")), "finite numbers"),
    "endless": (at("entropies", 0, value=float("inf")), "finite numbers"),
    "beyond reason": (at("token_ids", 0, value=2**80), "finite numbers"),
    "step text": (at("steps", 0, "text", value=1), "'text' as str"),
    "step kind": (at("steps", 0, "kind", value="song"), "a step of reasoning or answer"),
    "steps over each other": (at("steps", 1, "start", value=1), "one after the other"),
    "steps beyond the end": (at("steps", 1, "stop", value=99), "steps within 4 tokens"),
    "layers": (at("layers", value=[7, 3]), "ascending layers"),
    "layer below 0": (at("layers", 0, value=-1), "layers from 0"),
    "no layers": (at("layers", value=[]), "layers from 0"),
    "depth": (at("depth", value=7), "ascending layers below 7"),
    "sinks": (at("sinks", value=[10]), "sinks among 10"),
    "sinks of text": (at("sinks", value="all"), "'sinks' as list"),
    "no pictures": (at("pictures", value=[]), "at least one picture"),
    "a picture that is none": (at("pictures", 0, value="a"), "'pictures' of dict"),
    "fewer pictures": (lambda header: header["pictures"].pop(), "nothing else in the file"),
    "digest": (at("pictures", 0, "sha256", value="0" * 64), "a changed one"),
    "grid of another picture": (at("pictures", 0, "grid", "image_wh", value=[13, 8]), "13 x 8 px"),
    "another grid": (at("pictures", 0, "grid", "grid_hw", value=[3, 3]), "attention of shape"),
    "a huge grid": (at("pictures", 0, "grid", "grid_hw", value=[2**30, 2**30]), "at most 262144"),
    "grid of three": (at("pictures", 0, "grid", "grid_hw", value=[1, 2, 3]), "rows and columns"),
    "grid of nothing": (at("pictures", 0, "grid", "grid_hw", value=[0, 6]), "rows and columns"),
    "no size": (at("pictures", 0, "grid", "image_wh", value=[0, 8]), "width and height"),
    "no grid": (at("pictures", 0, "grid", value={"image_wh": [12, 8]}), "'cells_xyxy' as list"),
    "cells": (at("pictures", 1, "grid", "cells_xyxy", 0, value=[0, 0, 8]), "cells of four numbers"),
    "cells of text": (at("pictures", 1, "grid", "cells_xyxy", 0, 0, value="0"), "cells of four numbers"),
    "cells turned round": (at("pictures", 1, "grid", "cells_xyxy", 0, value=[8, 0, 0, 6]), "in this order"),
    "cells without area": (at("pictures", 1, "grid", "cells_xyxy", value=[[0, 0, 0, 0]] * 4), "an area"),
    "region": (at("pictures", 0, "regions", 0, "kind", value="ring"), "box, polygon, brush"),
    "region elsewhere": (at("pictures", 0, "regions", 0, "box_xyxy", value=[90, 0, 99, 9]), "on the picture"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_FIELDS)
def test_fields_of_the_wrong_kind(scratch: Path, whole: bytes, case: str) -> None:
    edit, match = WRONG_FIELDS[case]
    members = members_of(whole)
    header = json.loads(members["trace.json"])
    edit(header)
    refused(packed_archive(members | {"trace.json": json.dumps(header).encode()}), scratch, match)


def test_json_that_is_none(scratch: Path, whole: bytes) -> None:
    members = members_of(whole)
    for text in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": 1e999}', b"9" * 5000):
        refused(packed_archive(members | {"trace.json": text}), scratch, "text and finite numbers")


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
@settings(max_examples=300)
def test_any_value_anywhere_is_refused_or_fits(scratch: Path, whole: bytes, data: st.DataObject) -> None:
    members = members_of(whole)
    header = json.loads(members["trace.json"])
    node: Any = header
    while True:
        place = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[place], dict | list) or not node[place] or data.draw(st.integers(0, 4)) == 0:
            break
        node = node[place]
    node[place] = data.draw(json_values)
    try:
        found = read(packed_archive(members | {"trace.json": json.dumps(header).encode()}), scratch)
    except TraceFileError:
        return
    # What is let in can be exported again.
    json.loads(trace_json(found))


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.full((3, 2, 10), np.nan, np.float16), "attention weights from 0 to 1"),
        (np.full((3, 2, 10), np.inf, np.float16), "attention weights from 0 to 1"),
        (np.full((3, 2, 10), -0.1, np.float16), "attention weights from 0 to 1"),
        (np.full((3, 2, 10), 1.5, np.float16), "attention weights from 0 to 1"),
        (np.zeros((3, 2, 9), np.float16), r"attention of shape \(3, 2, 10\)"),
        (np.zeros((3, 2, 10)), "float16, got .* in float64"),
        (np.asfortranarray(np.zeros((3, 2, 10), np.float16)), "attention of shape"),
        (np.zeros((3, 2, 10), ">f2"), "float16, got .* in >f2"),
    ],
)
def test_attention_that_is_none(scratch: Path, whole: bytes, array: np.ndarray, match: str) -> None:
    refused(packed_archive(members_of(whole) | {"attention.npz": npz(array)}), scratch, match)


class _Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was opened",))


def test_pickled_arrays_are_never_opened(scratch: Path, whole: bytes) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([_Trap()], dtype=object), allow_pickle=True)
    for content in (buffer.getvalue(), pickle.dumps(_Trap())):
        inner = packed_archive({"attention.npy": content})
        with pytest.raises(TraceFileError):
            read(packed_archive(members_of(whole) | {"attention.npz": inner}), scratch)


def test_arrays_that_lie_about_their_size(scratch: Path, whole: bytes) -> None:
    members = members_of(whole)
    honest = members_of(members["attention.npz"])["attention.npy"]
    for content in (
        honest[:-1],
        honest + b"\0",
        honest[:20],
        b"",
        honest.replace(b"(3, 2, 10)", b"(9,9,9**9)"),
    ):
        inner = packed_archive({"attention.npy": content})
        with pytest.raises(TraceFileError):
            read(packed_archive(members | {"attention.npz": inner}), scratch)
    for other in (b"PK", packed_archive({"other.npy": honest}), packed_archive({"a": b"", "b": b""})):
        with pytest.raises(TraceFileError):
            read(packed_archive(members | {"attention.npz": other}), scratch)


@given(st.data())
@settings(max_examples=100)
def test_flipped_bytes_of_the_array_are_refused_or_rows(
    scratch: Path, whole: bytes, data: st.DataObject
) -> None:
    members = members_of(whole)
    array = bytearray(members_of(members["attention.npz"])["attention.npy"])
    array[data.draw(st.integers(0, len(array) - 1))] = data.draw(st.integers(0, 255))
    inner = packed_archive({"attention.npy": bytes(array)})
    try:
        rows = read(packed_archive(members | {"attention.npz": inner}), scratch).trace.attention
    except TraceFileError:
        return
    assert ((rows >= 0) & (rows <= 1)).all()


def test_a_bomb_is_refused_before_it_is_unpacked(
    scratch: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    members, zeros = members_of(whole), bytes(3_000_000)
    sizes: list[int] = []
    read_part = zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda self, n: sizes.append(n) or read_part(self, n))
    for name in ("attention.npz", "picture-0.png", "picture-1.png"):
        refused(zipped(members | {name: zeros}), scratch, f"{name} of at most", max_bytes=10**9)
        refused(zipped(members | {name: zeros}), scratch, "of at most 2 MB", max_bytes=2_000_000)
    refused(zipped({"trace.json": bytes(17 * 1024**2)}), scratch, "trace.json of at most")
    # One inside the other.
    bomb = zipped({"attention.npy": zeros})
    assert len(bomb) < 20_000
    refused(zipped(members | {"attention.npz": bomb}), scratch, "attention.npy of at most")
    refused(zipped(members | {"attention.npz": bomb}), scratch, "of at most 2 MB", max_bytes=2_000_000)
    assert max(sizes) < 20_000
    refused(whole, scratch, "of at most 0 MB", max_bytes=1000)
    # What lies before the first file inside is in no list.
    refused(zeros + whole, scratch, "of at most 2 MB", max_bytes=2_000_000)


def test_a_member_larger_than_it_says_is_not_unpacked_further(scratch: Path, whole: bytes) -> None:
    # The central list says 10 bytes where there are three million.
    bomb = bytearray(packed_archive({"trace.json": bytes(3_000_000)}))
    listed = bomb.rindex(b"PK\x01\x02")
    bomb[listed + 24 : listed + 28] = struct.pack("<I", 10)
    refused(bytes(bomb), scratch, "damaged or cut short")


def test_too_many_files(scratch: Path, whole: bytes) -> None:
    many = {f"picture-{index}.png": b"" for index in range(100)}
    refused(packed_archive(members_of(whole) | many), scratch, "at most 10 files, got 102")
    # An end record that hides its number, and a second one that would overrule it.
    crowd = bytearray(packed_archive(many))
    crowd[-12:-10] = struct.pack("<H", 1)
    refused(bytes(crowd), scratch, "damaged")
    start, listed = crowd.index(b"PK\x01\x02"), len(crowd) - 22
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 100, 100, listed - start, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, listed, 1)
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, 50, start, 0)
    overruled = bytes(crowd[:listed]) + record + locator + end
    assert len(zipfile.ZipFile(io.BytesIO(overruled)).namelist()) == 100
    refused(overruled, scratch, "damaged")


@pytest.mark.parametrize(
    "name", ["../../trace.py", "/etc/passwd", "picture-9.png", "picture-0.png/x", "C:\\x"]
)
def test_names_that_lead_elsewhere(scratch: Path, whole: bytes, name: str) -> None:
    refused(packed_archive(members_of(whole) | {name: b"x"}), scratch, "nothing else in the file")
    assert not (scratch.parent.parent / "trace.py").exists()


def test_two_files_of_one_name(scratch: Path, whole: bytes) -> None:
    buffer = io.BytesIO(whole)
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("trace.json", b"{}")
    refused(buffer.getvalue(), scratch, "damaged")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_pack(scratch: Path, method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("trace.json", b"{}")
    refused(buffer.getvalue(), scratch, "packed in another way")


def test_a_password(scratch: Path) -> None:
    locked = bytearray(packed_archive({"trace.json": b"{}"}))
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    refused(bytes(locked), scratch, "no password")


def with_picture(whole: bytes, data: bytes) -> bytes:
    members = members_of(whole)
    header = json.loads(members["trace.json"])
    header["pictures"][0]["sha256"] = sha256(data).hexdigest()
    return packed_archive(members | {"trace.json": json.dumps(header).encode(), "picture-0.png": data})


def test_pictures_that_are_none(scratch: Path, whole: bytes) -> None:
    refused(with_picture(whole, b"no picture"), scratch, "a picture")
    refused(with_picture(whole, members_of(whole)["picture-0.png"][:-30]), scratch, "a whole picture")
    refused(with_picture(whole, png(8, 12)), scratch, "8 x 12 px")
    refused(with_picture(whole, png(50, 40)), scratch, "megapixels", max_pixels=1000)
    members = members_of(whole)
    refused(packed_archive(members | {"picture-0.png": png(12, 8)}), scratch, "a changed one")
