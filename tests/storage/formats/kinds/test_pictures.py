"""Pictures alone: a folder of them, or one, each a question to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sayo_app.errors import ImportFileError
from storage.formats.common.rows import ReadOptions, Row, Skipped
from storage.formats.importer import import_file
from storage.formats.kinds.pictures import PICTURE_QUESTION, read
from storage.store import Store
from storage.work.work_records import WorkQuery
from tests.storage.formats.conftest import taken


def test_each_picture_of_a_folder_is_a_row(folder: Path, options: ReadOptions) -> None:
    for name in (".hidden.png", "__MACOSX/a.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (2, 2)).save(folder / name)
    rows = taken(read(folder, replace(options, question="What is wrong?")))
    names = [row.picture.relative_to(folder) for row in rows if isinstance(row.picture, Path)]
    assert [*map(str, names)] == ["2375429.jpg", "a.jpg", "birds/b c.png"]
    assert [(row.number, row.now.question, row.now.regions) for row in rows] == [
        (number, "What is wrong?", ()) for number in (1, 2, 3)
    ]


def test_one_picture_is_a_row_and_other_files_are_told(folder: Path, options: ReadOptions) -> None:
    [row] = taken(read(folder / "a.jpg", options))
    assert row.now.question == PICTURE_QUESTION
    (folder / "notes.txt").write_text("not one")
    found = list(read(folder, options))
    assert [type(it) for it in found] == [Row, Row, Row, Skipped]
    assert isinstance(found[3], Skipped)
    assert (found[3].number, found[3].got) == (4, "notes.txt")


def test_they_become_questions_to_do_once(store: Store, folder: Path, options: ReadOptions) -> None:
    Image.new("RGB", (9, 9), "red").save(folder / "other.png")
    (folder / "broken.png").write_bytes(b"no picture")
    report = import_file(store, "pictures", folder, options)
    # Three of the files hold the same pixels but for what JPEG changes.
    assert (report.corrections, report.questions) == (0, 3)
    assert sorted(reason.count for reason in report.skipped) == [1, 1]
    assert store.worklist.count(WorkQuery()) == {"todo": 3}
    with pytest.raises(ImportFileError, match="Nothing was imported"):
        import_file(store, "pictures", folder, options)
    assert store.imports.all()[0].source == "given"


def test_a_link_out_of_the_folder_and_too_many_are_refused(
    store: Store, folder: Path, options: ReadOptions, tmp_path: Path
) -> None:
    with pytest.raises(ImportFileError, match="at most 2 rows"):
        import_file(
            store, "pictures", folder, replace(options, settings=options.settings.replace(max_import_rows=2))
        )
    Image.new("RGB", (2, 2)).save(tmp_path / "secret.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ImportFileError, match="leads out"):
        import_file(store, "pictures", folder, options)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ImportFileError, match="no row at all"):
        import_file(store, "pictures", empty, options)
    assert store.worklist.count(WorkQuery()) == {}
