"""Every importer against files that are empty, cut short, of the wrong type, or made to do harm."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.errors import ImportFileError
from sayo_app.settings import Settings
from storage.base.records import CORRECTION_STATES
from storage.formats.catalogue import FORMATS
from storage.formats.common.rows import ReadOptions
from storage.formats.exporter import export_file
from storage.formats.importer import import_file
from storage.store import Store
from tests.storage.formats.kinds.test_coco import BOTTLE, CATEGORIES, IMAGES
from tests.storage.formats.kinds.test_gqa import GRAPH, QUESTION
from tests.storage.formats.kinds.test_label_studio import RECTANGLE, task
from tests.storage.formats.kinds.test_parquet_formats import OFFICIAL, REFOCUS
from tests.storage.formats.kinds.test_viscot import LINE
from tests.storage.formats.test_importer import everything

NATIVE = {
    "format": "sayo-corrections",
    "version": 1,
    "picture": "a.jpg",
    "width": 200,
    "height": 100,
    "model": "bundled",
    "answer_shown": "A pear.",
    "origin": "person",
    "family": None,
    "trace": None,
    "extra": {},
    "revisions": [
        {
            "question": "What is left of the apple?",
            "regions": [Region.box(1, 2, 30, 40).to_dict()],
            "corrected_answer": "plum",
            "state": "submitted",
            "author": "Ada",
            "created_at": "2026-01-02T03:04:05+00:00",
        }
    ],
}
COCO = {"images": IMAGES, "categories": CATEGORIES, "annotations": [BOTTLE]}
NAMES = ("jsonl", "jsonl-parquet", "viscot", "coco", "labelstudio", "sayo", "gqa", "refocus")
TEXTUAL = ("jsonl", "viscot", "coco", "labelstudio", "gqa")


def parquet(row: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row]), out)
    return out.getvalue()


def good(name: str) -> tuple[str, bytes]:
    """File name and content of a file that would be taken."""
    values: dict[str, Any] = {
        "jsonl": NATIVE,
        "viscot": LINE,
        "coco": COCO,
        "labelstudio": [task(RECTANGLE)],
        "gqa": {"07333408": QUESTION},
    }
    if name in values:
        suffix = ".jsonl" if name in ("jsonl", "viscot") else ".json"
        return f"given{suffix}", json.dumps(values[name]).encode()
    record = {"image": REFOCUS["image"], "record": json.dumps(NATIVE)}
    rows = {"jsonl-parquet": record, "sayo": OFFICIAL, "refocus": REFOCUS}
    return "given.parquet", parquet(rows[name])


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    """Files are refused before any database is asked: one will do."""
    return sqlite_settings


@pytest.fixture
def take(store: Store, folder: Path, options: ReadOptions, save: Callable[..., Path]) -> Callable[..., Any]:
    """Imports the bytes as a file of the format."""
    graphs = save({"2375429": GRAPH}, "graphs.json")

    def run(name: str, content: bytes, **more: Any) -> Any:
        path = folder / good(name)[0]
        path.write_bytes(content)
        chosen = replace(options, scene_graphs=graphs, **more)
        return import_file(store, name.partition("-")[0], path, chosen)

    return run


@pytest.fixture
def nothing_stored(store: Store, settings: Settings) -> Callable[[], bool]:
    def check() -> bool:
        rows = store.corrections.count(CORRECTION_STATES) + len(store.imports.all())
        return rows == 0 and everything(settings) == [] and not list(settings.data_dir.glob(".import-*"))

    return check


@pytest.mark.parametrize("name", NAMES)
def test_the_samples_are_good(take: Callable[..., Any], name: str) -> None:
    assert take(name, good(name)[1]).corrections == 1


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_file_is_refused(
    take: Callable[..., Any], nothing_stored: Callable[[], bool], name: str
) -> None:
    for content in (b"", b" \n", b"\0" * 100):
        with pytest.raises(ImportFileError):
            take(name, content)
    assert nothing_stored()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_anywhere_is_refused(
    take: Callable[..., Any], nothing_stored: Callable[[], bool], name: str
) -> None:
    content = good(name)[1]
    for part in (0.02, 0.3, 0.5, 0.9, 0.99):
        with pytest.raises(ImportFileError):
            take(name, content[: int(len(content) * part)])
    assert nothing_stored()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_type_is_refused(
    take: Callable[..., Any], nothing_stored: Callable[[], bool], folder: Path, name: str
) -> None:
    others = [good(other)[1] for other in NAMES if other != name]
    # The two JSON-lines formats and the Parquet ones share a shell, but not the fields in it.
    for content in [
        *others,
        (folder / "a.jpg").read_bytes(),
        b"PK\3\4 zip",
        b"[1, 2",
        b"5",
        b'"text"',
        b"null",
    ]:
        with pytest.raises(ImportFileError):
            take(name, content)
    assert nothing_stored()


@pytest.mark.parametrize("name", TEXTUAL)
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b"1" * 5_000,
        b'{"a": "\xff\xfe"}',
    ],
)
def test_json_that_is_none_is_refused(
    take: Callable[..., Any], nothing_stored: Callable[[], bool], name: str, content: bytes
) -> None:
    with pytest.raises(ImportFileError):
        take(name, content)
    assert nothing_stored()


@pytest.mark.parametrize("depth", [50, 100, 900, 960, *range(970, 1000)])
@pytest.mark.parametrize("name", ["jsonl", "viscot"])
def test_values_nested_deeply_are_refused_at_any_depth(
    take: Callable[..., Any], nothing_stored: Callable[[], bool], name: str, depth: int
) -> None:
    """What a parser just takes, the next writer may not: the store has a limit of its own."""
    row = NATIVE if name == "jsonl" else LINE
    content = json.dumps(row | {"extra": {"deep": 0}} if name == "jsonl" else row | {"deep": 0})
    content = content.replace('"deep": 0', f'"deep": {"[" * depth}{"]" * depth}')
    with pytest.raises(ImportFileError, match=r"nested (at most|too deeply)"):
        take(name, content.encode())
    assert nothing_stored()


@pytest.mark.parametrize("name", ["jsonl", "viscot", "coco"])
@pytest.mark.parametrize(
    "address",
    [
        "../../../../etc/passwd",
        "birds/../../secret.png",
        "/etc/passwd",
        "C:\\Windows\\win.ini",
        "..\\..\\secret.png",
        "~/secret.png",
        "link.png",
        "linked/secret.png",
    ],
)
def test_paths_out_of_the_folder_condemn_the_file(
    take: Callable[..., Any],
    nothing_stored: Callable[[], bool],
    folder: Path,
    tmp_path: Path,
    name: str,
    address: str,
) -> None:
    (tmp_path / "secret.png").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "linked").symlink_to(tmp_path)
    content = good(name)[1].replace(b"a.jpg", b"birds/b c.png")
    both = json.loads(content)
    if name == "coco":
        extra = {"id": 2, "file_name": address, "width": 200, "height": 100}
        both["images"].append(extra)
        both["annotations"].append(BOTTLE | {"image_id": 2})
        lines = [both]
    else:
        lines = [both, both | {"image" if name == "viscot" else "picture": address}]
    with pytest.raises(ImportFileError, match="leads out of it"):
        take(name, "\n".join(json.dumps(line) for line in lines).encode())
    assert nothing_stored()


@pytest.mark.parametrize("name", ["jsonl", "viscot", "coco"])
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/a.jpg", "file:///etc/passwd", "data:image/png;base64,AA"]
)
def test_web_addresses_are_not_fetched(
    take: Callable[..., Any], nothing_stored: Callable[[], bool], name: str, address: str
) -> None:
    with pytest.raises(ImportFileError, match="not fetched"):
        take(name, good(name)[1].replace(b"birds/b c.png", b"a.jpg").replace(b"a.jpg", address.encode()))
    assert nothing_stored()


def test_a_trace_is_looked_up_in_its_own_folder_only(
    take: Callable[..., Any], nothing_stored: Callable[[], bool], folder: Path
) -> None:
    (folder / "traces").mkdir()
    (folder / "traces" / "bad.npz").write_bytes(b"PK no trace")
    for trace, match in (("../a.jpg", "leads out"), ("bad.npz", "attention trace"), (5, "file name")):
        with pytest.raises(ImportFileError, match=match):
            take("jsonl", json.dumps(NATIVE | {"trace": trace}).encode())
    assert nothing_stored()


@pytest.mark.parametrize("name", (*TEXTUAL, "jsonl-parquet"))
def test_values_of_any_type_anywhere_are_taken_or_refused_in_words(
    take: Callable[..., Any], store: Store, name: str
) -> None:
    """Each value of a good row in turn is replaced by values of other types: never another kind of error.

    The columns of the other Parquet formats have types of their own: see test_parquet_formats.
    """

    def write(value: Any) -> bytes:
        text = json.dumps(value)
        return parquet({"image": REFOCUS["image"], "record": text}) if name not in TEXTUAL else text.encode()

    row = NATIVE if name == "jsonl-parquet" else json.loads(good(name)[1])
    chance = random.Random(0)
    for path in places(row):
        for value in chance.sample([None, True, -1, 1e300, "", "text", [], {}, [[]], [None], {"a": 1}], 4):
            try:
                take(name, write(changed(row, path, value)))
            except ImportFileError:
                continue
    assert all(record.question for record in store.corrections.all())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def test_a_parquet_file_that_grows_without_end_is_refused(
    take: Callable[..., Any], nothing_stored: Callable[[], bool]
) -> None:
    bomb = OFFICIAL | {"image": b"\0" * 100_000_000}
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([bomb]), out, compression="zstd", use_dictionary=False)
    assert len(out.getvalue()) < 1_000_000
    with pytest.raises(ImportFileError, match="grows"):
        take("sayo", out.getvalue())
    assert nothing_stored()


@pytest.mark.parametrize("name", ["jsonl-parquet", "sayo", "refocus"])
def test_bytes_turned_at_random_are_taken_or_refused_in_words(
    options: ReadOptions, folder: Path, name: str
) -> None:
    chance, path = random.Random(0), folder / "turned.parquet"
    refused = 0
    for _ in range(150):
        content = bytearray(good(name)[1])
        for _ in range(chance.choice([1, 5, 30])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(bytes(content))
        try:
            list(FORMATS[name.partition("-")[0]].read(path, options))
        except ImportFileError:
            refused += 1
    assert 0 < refused < 150


def test_every_format_is_covered_here() -> None:
    # A picture alone is no file of rows: see test_pictures.py.
    assert {name.partition("-")[0] for name in NAMES} == set(FORMATS) - {"pictures"}


def test_what_was_refused_leaves_the_store_usable(
    take: Callable[..., Any], store: Store, tmp_path: Path
) -> None:
    with pytest.raises(ImportFileError):
        take("viscot", b"{")
    take("viscot", good("viscot")[1])
    assert export_file(store, "viscot", tmp_path / "out").corrections == 1
