"""From a file into the store and out again: everything or nothing, told row by row, and undone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import storage.formats.batches
import storage.formats.checking
from sayo_app.core.geometry.region import Region
from sayo_app.errors import ImportFileError, NotFoundError, ReadOnlyStoreError, StorageError
from sayo_app.settings import Settings
from storage.base.records import CORRECTION_STATES
from storage.formats.common.rows import TODO, ReadOptions
from storage.formats.importer import import_file
from storage.store import Store
from storage.work.work_records import WorkQuery
from tests.storage.formats.kinds.test_viscot import LINE

Save = Callable[..., Path]


def everything(settings: Settings) -> list[Path]:
    """All files in the data folder but the database's own."""
    files = (path for path in settings.data_dir.rglob("*") if path.is_file())
    return sorted(path for path in files if not path.name.startswith("studio.db"))


def test_rows_become_corrections(store: Store, save: Save, options: ReadOptions) -> None:
    boxes = [[10, 10, 30, 30], [1, 1, 5, 9]]
    other = LINE | {"question": "Where is the beak?", "answer": None, "bboxs": boxes}
    report = import_file(store, "viscot", save([LINE, other], "x.jsonl"), options, author="Ada")
    second, first = store.corrections.all()
    assert (first.question, first.corrected_answer) == (LINE["question"], "Yes")
    assert first.regions == (Region.box(39, 30, 192, 94),)
    assert second.regions == (Region.box(10, 10, 30, 30), Region.box(1, 1, 5, 9))
    assert (first.author, first.state, first.origin, first.revision) == ("Ada", "submitted", "person", 1)
    assert store.pictures.load(first.picture_id).size == (200, 100)
    assert (report.corrections, report.questions, report.skipped) == (2, 0, ())
    assert first.batch_id == second.batch_id == report.import_id
    (record,) = store.imports.all()
    assert (record.id, record.format, record.source, record.author) == (1, "viscot", "x.jsonl", "Ada")
    assert record.summary["corrections"] == 2


def test_author_and_state_can_be_chosen(store: Store, save: Save, options: ReadOptions) -> None:
    import_file(store, "viscot", save([LINE], "x.jsonl"), options, state="draft")
    (made,) = store.corrections.all()
    assert (made.author, made.state) == ("Visual-CoT", "draft")


def test_what_is_imported_to_do_keeps_its_answer_and_its_regions(
    store: Store, save: Save, options: ReadOptions
) -> None:
    bare = LINE | {"question": "What is it?", "answer": "a bird", "bboxs": []}
    again = LINE | {"question": "Known already?", "answer": "yes", "bboxs": []}
    report = import_file(store, "viscot", save([LINE, bare, again], "x.jsonl"), options, state=TODO)
    assert (report.corrections, report.questions) == (1, 2)
    (drawn,) = store.corrections.all()
    assert (drawn.state, drawn.regions) == ("draft", (Region.box(39, 30, 192, 94),))
    todo = store.worklist.page(WorkQuery(states=("todo",), text="a bird")).entries
    assert [(it.question, it.known_answer) for it in todo] == [("What is it?", "a bird")]
    store.imports.undo(report.import_id)
    assert store.worklist.count(WorkQuery()) == {}
    # A question that was there by itself is given its answer, too.
    item = store.items.add(picture_id=drawn.picture_id, question="What is it?", wanted=0)
    import_file(store, "viscot", save([bare], "x.jsonl"), options, state=TODO)
    assert store.items.get(item.id).answer == "a bird"


def test_rows_that_are_not_taken_are_told_by_reason(store: Store, save: Save, options: ReadOptions) -> None:
    lines = [
        LINE,
        LINE | {"image": "gone.jpg"},
        LINE | {"image": "lost.jpg"},
        LINE | {"bboxs": [[300, 300, 400, 400]]},
        LINE | {"width": 640, "height": 480},
        LINE | {"question": "?" * 3_000},
    ]
    report = import_file(store, "viscot", save(lines, "x.jsonl"), options)
    assert store.corrections.count() == report.corrections == 1
    assert [(reason.count, reason.numbers) for reason in report.skipped] == [
        (2, (2, 3)),
        (1, (4,)),
        (1, (5,)),
        (1, (6,)),
    ]
    head, gone, off, size, long = report.lines()
    assert head == "Import 1: 1 corrections and 0 open questions taken"
    assert gone == "2 skipped (row 2, 3): expected a picture in the folder, got 'gone.jpg'"
    assert "on the picture of 200 x 100 px" in off
    assert size.endswith("expected a picture of the size that the row gives, got 200 x 100 px")
    assert "a question of at most 2,000 characters, got 3,000" in long


def test_the_same_again_is_skipped_and_a_change_is_not(
    store: Store, save: Save, options: ReadOptions
) -> None:
    path = save([LINE, LINE | {"answer": "No"}, LINE], "x.jsonl")
    report = import_file(store, "viscot", path, options)
    assert (report.corrections, report.skipped[0].numbers) == (2, (3,))
    with pytest.raises(ImportFileError, match="a correction that is new"):
        import_file(store, "viscot", path, options)
    assert store.corrections.count() == 2
    assert len(store.imports.all()) == 1


def test_a_row_that_says_nothing_is_a_question_for_the_work_list(
    store: Store, save: Save, options: ReadOptions
) -> None:
    empty = LINE | {"answer": None, "bboxs": []}
    path = save([empty, LINE | {"question": "And?"}], "x.jsonl")
    report = import_file(store, "viscot", path, options)
    assert (report.corrections, report.questions) == (1, 1)
    entries = store.worklist.page(WorkQuery()).entries
    assert sorted((entry.state, entry.question) for entry in entries) == [
        ("submitted", "And?"),
        ("todo", LINE["question"]),
    ]
    store.imports.undo(report.import_id)
    assert store.worklist.page(WorkQuery()).entries == ()


def test_a_question_that_somebody_answered_already_is_asked_again_only_if_it_is_not(
    store: Store, save: Save, options: ReadOptions
) -> None:
    """Question and answer in one file: the answer counts. A question that is there already is not taken."""
    empty = LINE | {"answer": None, "bboxs": []}
    import_file(store, "viscot", save([empty, LINE], "x.jsonl"), options)
    assert [entry.state for entry in store.worklist.page(WorkQuery()).entries] == ["submitted"]
    with pytest.raises(ImportFileError, match="a correction that is new"):
        import_file(store, "viscot", save([empty], "x.jsonl"), options)


def test_a_question_that_was_only_asked_goes_onto_the_list(
    store: Store, save: Save, options: ReadOptions, folder: Path
) -> None:
    picture = store.pictures.add(Image.open(folder / "birds" / "b c.png"))
    item = store.items.add(picture_id=picture.id, question=LINE["question"], wanted=0)
    report = import_file(store, "viscot", save([LINE | {"answer": None, "bboxs": []}], "x.jsonl"), options)
    assert report.questions == 1
    assert [entry.item_id for entry in store.worklist.page(WorkQuery()).entries] == [item.id]
    store.imports.undo(report.import_id)
    assert store.worklist.page(WorkQuery()).entries == ()
    assert store.items.get(item.id).wanted == 0


def test_questions_imported_again_after_an_undo_can_be_taken_off_again(
    store: Store, save: Save, options: ReadOptions
) -> None:
    path = save([LINE | {"answer": None, "bboxs": []}], "x.jsonl")
    for _ in range(2):
        report = import_file(store, "viscot", path, options)
        assert store.worklist.count(WorkQuery(batch_id=report.import_id)) == {"todo": 1}
        store.imports.undo(report.import_id)
        assert store.worklist.count(WorkQuery()) == {}


def test_undoing_reopens_what_the_import_had_answered(
    store: Store, save: Save, options: ReadOptions, folder: Path
) -> None:
    picture = store.pictures.add(Image.open(folder / "birds" / "b c.png"))
    store.items.add(picture_id=picture.id, question=LINE["question"], wanted=1)
    report = import_file(store, "viscot", save([LINE], "x.jsonl"), options)
    assert [entry.state for entry in store.worklist.page(WorkQuery()).entries] == ["submitted"]
    store.imports.undo(report.import_id)
    assert [entry.state for entry in store.worklist.page(WorkQuery()).entries] == ["todo"]


def test_an_import_is_undone_as_a_whole_and_can_be_done_again(
    store: Store, save: Save, options: ReadOptions, correct: Callable[..., Any]
) -> None:
    kept = correct()
    path = save([LINE, LINE | {"answer": "No"}], "x.jsonl")
    report = import_file(store, "viscot", path, options)
    edited = store.corrections.revise(store.corrections.all()[0].id, "Bo", corrected_answer="Perhaps")
    undone = store.imports.undo(report.import_id, "Cy")
    assert store.corrections.all() == [kept]
    assert [r.state for r in store.corrections.history(edited.id)] == ["submitted", "submitted", "deleted"]
    assert store.corrections.get(edited.id).author == "Cy"
    assert store.imports.undo(report.import_id) == undone
    assert undone.undone_at is not None
    assert store.corrections.restore(edited.id, 2).corrected_answer == "Perhaps"
    assert import_file(store, "viscot", path, options).corrections == 2


def test_an_import_that_is_not_there_cannot_be_undone(store: Store) -> None:
    with pytest.raises(NotFoundError, match="import"):
        store.imports.undo(7)


def test_a_fault_in_the_last_line_stores_nothing(
    store: Store, save: Save, options: ReadOptions, settings: Settings
) -> None:
    path = save([LINE] * 3, "x.jsonl")
    path.write_text(path.read_text()[:-5])
    with pytest.raises(ImportFileError, match="line 3"):
        import_file(store, "viscot", path, options)
    assert store.corrections.count(CORRECTION_STATES) == 0
    assert store.imports.all() == []
    assert everything(settings) == []


def test_a_database_that_fails_midway_keeps_nothing(
    store: Store, save: Save, options: ReadOptions, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (200, 100), "red").save(save([], "x.json").parent / "red.png")
    correction_entry, calls = storage.formats.batches.correction_entry, []

    def fail_later(*args: Any, **fields: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise StorageError(expected="a disk", got="none", remedy="Try again.")
        return correction_entry(*args, **fields)

    monkeypatch.setattr(storage.formats.batches, "correction_entry", fail_later)
    stored = store.pictures.add(Image.open(save([], "x.json").parent / "a.jpg"))
    path = save([LINE, LINE | {"image": "red.png"}], "x.jsonl")
    with pytest.raises(StorageError, match="a disk"):
        import_file(store, "viscot", path, options)
    assert store.corrections.count(CORRECTION_STATES) == 0
    assert store.imports.all() == []
    # The picture that was there before stays.
    assert everything(settings) == [stored.path]


def test_a_picture_of_many_rows_is_decoded_once(
    store: Store, save: Save, options: ReadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8,000 labels on one picture of a megapixel took two minutes, a decoding each."""
    opened, open_picture = [], storage.formats.checking.open_picture
    monkeypatch.setattr(
        storage.formats.checking, "open_picture", lambda *a, **b: opened.append(a) or open_picture(*a, **b)
    )
    lines = [LINE | {"question": f"Question {number}?"} for number in range(20)]
    other = {"image": "a.jpg"}
    report = import_file(store, "viscot", save([*lines, lines[0] | other, lines[1]], "x.jsonl"), options)
    assert (report.corrections, len(opened)) == (21, 3)


def test_a_picture_that_somebody_stored_meanwhile_stays(
    store: Store, save: Save, options: ReadOptions, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save([LINE], "x.jsonl")

    def fail(*_: Any, **__: Any) -> Any:
        store.pictures.add(Image.open(path.parent / "birds" / "b c.png"))
        raise StorageError(expected="a disk", got="none", remedy="Try again.")

    monkeypatch.setattr(store.imports, "begin", fail)
    with pytest.raises(StorageError, match="a disk"):
        import_file(store, "viscot", path, options)
    assert len(everything(settings)) == 1


def test_a_store_that_can_only_be_read_takes_nothing(store: Store, save: Save, options: ReadOptions) -> None:
    store.database.read_only = True
    with pytest.raises(ReadOnlyStoreError):
        import_file(store, "viscot", save([LINE], "x.jsonl"), options)


@pytest.mark.parametrize(
    ("limit", "match"),
    [
        ({"max_import_bytes": 100}, "SAYO_MAX_IMPORT_BYTES"),
        ({"max_import_rows": 1}, "SAYO_MAX_IMPORT_ROWS"),
        ({"max_picture_pixels": 1_000}, "megapixels"),
        ({"max_file_bytes": 100}, "a picture file of at most"),
    ],
)
def test_limits_hold(
    store: Store, save: Save, options: ReadOptions, limit: dict[str, int], match: str
) -> None:
    strict = store.settings.replace(**limit)  # type: ignore[arg-type]
    store.database.settings = strict
    with pytest.raises(ImportFileError, match=match):
        import_file(store, "viscot", save([LINE] * 2, "x.jsonl"), replace(options, settings=strict))
    assert store.corrections.count(CORRECTION_STATES) == 0


def test_polygons_of_many_points_are_taken_or_refused_in_words(
    store: Store, save: Save, options: ReadOptions
) -> None:
    def ring(count: int) -> list[float]:
        turns = (2 * math.pi * i / count for i in range(count))
        return [part for turn in turns for part in (100 + 90 * math.cos(turn), 50 + 40 * math.sin(turn))]

    def coco(*rings: list[float]) -> Path:
        entries = [{"id": i, "image_id": i, "segmentation": [ring]} for i, ring in enumerate(rings)]
        images = [{"id": i, "file_name": name} for i, name in enumerate(["a.jpg", "birds/b c.png"])]
        return save({"images": images, "annotations": entries})

    report = import_file(store, "coco", coco(ring(5_000), ring(5_001)), options)
    assert report.corrections == 1
    assert "at most 5,000 points, got 5,001" in str(report.skipped[0])
    assert len(store.corrections.all()[0].regions[0].points_xy) == 5_000


def test_script_in_text_stays_text(store: Store, save: Save, options: ReadOptions) -> None:
    script = "<img src=x onerror=alert(1)>${alert(2)}{{value}}"
    data = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": script}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]}],
    }
    import_file(store, "coco", save(data), options)
    (made,) = store.corrections.all()
    assert made.regions[0].label == script
    assert made.question == f"Where is the {script}?"


def test_halves_of_characters_do_not_reach_the_database(
    store: Store, save: Save, options: ReadOptions
) -> None:
    path = save([LINE | {"question": "a\ud800b\u0000c", "dataset": "\ud800"}], "x.jsonl")
    import_file(store, "viscot", path, options)
    assert store.corrections.all()[0].question == "a?bc"


def test_an_unknown_format_is_refused(store: Store, folder: Path, options: ReadOptions) -> None:
    with pytest.raises(ImportFileError, match="jsonl, viscot, coco"):
        import_file(store, "voc", folder / "a.jpg", options)
