"""An import as one upload: the ZIP stays in its folder and within its limits, or nothing is stored."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from sayo_app.errors import ImportFileError
from sayo_app.settings import Settings
from storage.formats.common.rows import ReadOptions
from storage.formats.uploads import import_upload, unpack
from storage.store import Store
from storage.work.work_records import WorkQuery

TASKS = json.dumps([{"data": {"image": "a.png", "question": "What is it?"}}])


@pytest.fixture
def store(data_dir: Path) -> Iterator[Store]:
    with Store(Settings(data_dir=data_dir)) as store:
        yield store


def png() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 10, 10)).save(data, "PNG")
    return data.getvalue()


def packed(path: Path, files: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_zip_in_a_folder_of_its_own_with_a_macs_shadow_files(store: Store, tmp_path: Path) -> None:
    files = {"set/tasks.json": TASKS, "set/pictures/a.png": png(), "__MACOSX/set/._tasks.json": "x"}
    report = import_upload(
        store, "labelstudio", [packed(tmp_path / "a.zip", files)], ReadOptions(store.settings)
    )
    assert (report.corrections, report.questions) == (0, 1)
    assert store.worklist.count(WorkQuery()) == {"todo": 1}


@pytest.mark.parametrize(
    "name", ["../out.jsonl", "/out.jsonl", "a/../../out.jsonl", "..\\out.jsonl", "C:\\o"]
)
def test_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "deep" / "inside"
    inside.mkdir(parents=True)
    with pytest.raises(ImportFileError, match="stay inside"):
        unpack(packed(tmp_path / "a.zip", {name: "x"}), inside, Settings())
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "deep", "inside"]


def test_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("pictures")
    link.external_attr = 0o120777 << 16
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc")
    (tmp_path / "in").mkdir()
    with pytest.raises(ImportFileError, match="the link"):
        unpack(path, tmp_path / "in", Settings())


def test_bomb_many_files_and_what_is_no_zip_are_refused(store: Store, tmp_path: Path) -> None:
    settings = store.settings.replace(max_import_bytes=1_000_000, max_import_rows=3)
    (tmp_path / "in").mkdir()
    bomb = packed(tmp_path / "bomb.zip", {"a.jsonl": b"0" * 2_000_000})
    assert bomb.stat().st_size < 10_000
    with pytest.raises(ImportFileError, match=r"1\.0 MB unpacked"):
        unpack(bomb, tmp_path / "in", settings)
    many = packed(tmp_path / "many.zip", {f"{i}.png": b"" for i in range(4)})
    with pytest.raises(ImportFileError, match="3 files"):
        unpack(many, tmp_path / "in", settings)
    for content in (b"PK\x03\x04 cut short", b"", bomb.read_bytes()[:-40]):
        (tmp_path / "no.zip").write_bytes(content)
        with pytest.raises(ImportFileError, match="no ZIP"):
            import_upload(store, "jsonl", [tmp_path / "no.zip"], ReadOptions(settings))
    assert store.imports.all() == []


def test_which_file_is_meant_is_told_or_asked(store: Store, tmp_path: Path) -> None:
    two = {"one.json": TASKS, "two.json": TASKS, "pictures/a.png": png()}
    with pytest.raises(ImportFileError, match=r"one\.json"):
        import_upload(store, "labelstudio", [packed(tmp_path / "two.zip", two)], ReadOptions(store.settings))
    named = {"label_studio.json": TASKS, "notes.json": "{}", "pictures/a.png": png()}
    taken = import_upload(
        store, "labelstudio", [packed(tmp_path / "named.zip", named)], ReadOptions(store.settings)
    )
    assert taken.questions == 1


def test_gqa_finds_its_second_file(store: Store, tmp_path: Path) -> None:
    question = {"imageId": "a", "question": "What?", "answer": "dog", "semantic": [{"argument": "dog (1)"}]}
    thing = {"name": "dog", "x": 1, "y": 1, "w": 4, "h": 3}
    graph = {"a": {"width": 8, "height": 6, "objects": {"1": thing}}}
    files = {
        "q.json": json.dumps({"7": question}),
        "sceneGraphs.json": json.dumps(graph),
        "pictures/a.png": png(),
    }
    taken = import_upload(store, "gqa", [packed(tmp_path / "gqa.zip", files)], ReadOptions(store.settings))
    assert (taken.corrections, taken.skipped) == (1, ())


def test_several_files_are_taken_together(store: Store, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    tasks, red = tmp_path / "one" / "tasks.json", tmp_path / "two" / "a.png"
    tasks.write_text(TASKS)
    red.write_bytes(png())
    options = ReadOptions(store.settings)
    assert import_upload(store, "labelstudio", [tasks, red], options).questions == 1
    twin = tmp_path / "one" / "a.png"
    twin.write_bytes(png())
    with pytest.raises(ImportFileError, match=r"'a\.png' twice"):
        import_upload(store, "pictures", [red, twin], options)
    small = store.settings.replace(max_import_bytes=50)
    with Store(small) as other, pytest.raises(ImportFileError, match=r"at most 0\.0 MB"):
        import_upload(other, "pictures", [red, tasks], options)
    assert len(store.imports.all()) == 1


def test_a_zip_of_pictures_is_named_by_itself(store: Store, tmp_path: Path) -> None:
    taken = import_upload(
        store, "pictures", [packed(tmp_path / "trip.zip", {"x/a.png": png()})], ReadOptions(store.settings)
    )
    assert (taken.questions, store.imports.all()[0].source) == (1, "trip")
    with pytest.raises(ImportFileError, match="Nothing was imported"):
        import_upload(
            store, "pictures", [packed(tmp_path / "...zip", {"a.png": png()})], ReadOptions(store.settings)
        )
