"""Written and read again: what comes back, for each format that is written, and what is said to be lost."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sayo_app.core.geometry.cells import region_mask
from sayo_app.core.geometry.region import Region, rasterise
from sayo_app.errors import ExportFileError, ImportFileError
from sayo_app.settings import Settings
from storage.base.records import CorrectionRecord
from storage.formats.catalogue import FORMATS
from storage.formats.common.grids import GridRule
from storage.formats.common.rows import ReadOptions, Row, Version, WriteOptions
from storage.formats.exporter import export_file
from storage.formats.importer import import_file
from storage.formats.kinds import coco, label_studio, sayo, viscot
from storage.store import Store
from tests.storage.examples import small_trace
from tests.storage.formats.conftest import taken
from tests.storage.formats.test_hostile import good

Correct = Callable[..., CorrectionRecord]
OPTIONS = ReadOptions(Settings())
WIDTH, HEIGHT = 203, 97


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), "teal").save(out, format="PNG")
    return out.getvalue()


PICTURE = png()
# Millionths of a pixel: finer is not drawn.
x_edges = st.integers(0, WIDTH * 10**6).map(lambda n: n / 10**6)
y_edges = st.integers(0, HEIGHT * 10**6).map(lambda n: n / 10**6)
labels = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)
# Opposite corners, or the points of a polygon; and a label. Regions are made of them in the test: checking
# the types of one draws on chance, which a strategy may not.
points = st.tuples(x_edges, y_edges)
corners_of_boxes = st.lists(points, min_size=2, max_size=2).filter(
    lambda two: two[0][0] != two[1][0] and two[0][1] != two[1][1]
)
corners_of_polygons = st.lists(points, min_size=3, max_size=6)
boxes = st.lists(st.tuples(corners_of_boxes, labels), min_size=1, max_size=4)
shapes = st.lists(st.tuples(st.one_of(corners_of_boxes, corners_of_polygons), labels), min_size=1, max_size=4)
texts = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1).filter(str.strip)


def made(drawn: list[Any]) -> list[Region]:
    """Two corners make a box, three to four points a polygon, more a brush with a hole or a patch."""
    regions = []
    for corners, label in drawn:
        if len(corners) == 2:
            regions.append(Region.box(*corners[0], *corners[1], label=label))
        elif len(corners) < 5:
            regions.append(Region.polygon(corners, label=label))
        else:
            mask = rasterise(Region.polygon(corners), (WIDTH, HEIGHT))
            mask[40:60, 50:70] ^= True
            regions.append(Region.brush(mask, label=label))
    return regions


def row_of(drawn: list[Region], question: str = "Where?", answer: str | None = "there", **more: Any) -> Row:
    version = Version(question, tuple(drawn), answer)
    return Row(1, PICTURE, (version,), image_wh=(WIDTH, HEIGHT), **more)


def again(module: Any, rows: list[Row], options: WriteOptions | None = None) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "x.parquet" if module is sayo else folder
        module.write(path, rows, options or WriteOptions())
        file = path if module is sayo else folder / module.FILE
        return taken(module.read(file, OPTIONS))


@given(boxes, texts, st.one_of(st.none(), texts))
def test_viscot_keeps_question_answer_and_boxes(corners: Any, question: str, answer: str | None) -> None:
    drawn = made(corners)
    (row,) = again(viscot, [row_of(drawn, question, answer)])
    assert (row.now.question, row.now.answer, row.image_wh) == (question, answer, (WIDTH, HEIGHT))
    assert row.now.regions == tuple(replace(region, label="") for region in drawn)


@given(shapes, texts)
def test_coco_keeps_question_labels_and_shapes(corners: Any, question: str) -> None:
    drawn = made(corners)
    (row,) = again(coco, [row_of(drawn, question)])
    assert (row.now.question, row.now.answer) == (question, "there")
    for came, went in zip(row.now.regions, drawn, strict=True):
        assert came.label == went.label
        # Corner and size instead of two corners: a last bit may differ, but not where points are written.
        assert came == went or (came.kind == "box" and came.box_xyxy == went.box_xyxy)


@given(shapes, st.booleans(), st.one_of(st.none(), st.integers(0, 9)), st.booleans())
def test_label_studio_keeps_everything_drawn(
    corners: Any, look: bool, step: int | None, predictions: bool
) -> None:
    drawn = [replace(region, look=look, step=step) for region in made(corners)]
    (row,) = again(label_studio, [row_of(drawn)], WriteOptions(predictions=predictions))
    assert row.now.regions == tuple(drawn)
    assert (row.now.question, row.now.answer) == ("Where?", "there")


@given(shapes, st.sampled_from([28, 32]))
def test_sayo_keeps_the_cells_that_the_regions_mean(corners: Any, token_px: int) -> None:
    drawn = made(corners)
    rule = GridRule(token_px)
    (row,) = again_with_grid(row_of(drawn), rule)
    assert row.image_wh == rule.resized_wh((WIDTH, HEIGHT))
    grid = rule.grid(row.image_wh)
    expected = region_mask(drawn, rule.grid((WIDTH, HEIGHT)))
    assert np.array_equal(region_mask(row.now.regions, grid), expected)


def again_with_grid(row: Row, rule: GridRule) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.parquet"
        sayo.write(path, [row], WriteOptions(rule))
        return taken(sayo.read(path, replace(OPTIONS, grid=rule)))


@pytest.fixture
def other_store(tmp_path: Path) -> Store:
    return Store(Settings(data_dir=tmp_path / "other"))


@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_our_own_format_loses_nothing(
    store: Store, other_store: Store, correct: Correct, options: ReadOptions, tmp_path: Path, name: str
) -> None:
    polygon = Region.polygon([(1.25, 1), (9, 1), (5, 8)], label="pear", step=1, look=False)
    trace = store.traces.save(small_trace())
    first = correct(regions=[Region.box(10, 5, 30, 25), polygon], author="Ada", trace_id=trace, flagged=True)
    store.corrections.revise(first.id, "Bo", corrected_answer="plum", comment="See the leaf.")
    correct(origin="generated", family="count", regions=[], corrected_answer="2", state="draft")
    report = export_file(store, "jsonl", tmp_path / name)
    assert (report.corrections, report.losses) == (2, ())
    came = import_file(other_store, "jsonl", tmp_path / name, replace(options, settings=other_store.settings))
    assert came.corrections == 2

    def told(of: Store) -> list[list[dict[str, Any]]]:
        here = {"id": 0, "item_id": 0, "batch_id": None}
        ids = sorted(record.id for record in of.corrections.all())
        return [[vars(version) | here for version in of.corrections.history(identity)] for identity in ids]

    assert told(other_store) == told(store)
    assert np.array_equal(other_store.traces.load(trace).attention, store.traces.load(trace).attention)
    assert other_store.pictures.load(first.picture_id) == store.pictures.load(first.picture_id)
    # And once more from there: the files are the same but for the numbers of the rows.
    export_file(other_store, "jsonl", tmp_path / f"again{name[3:]}")
    if name == "out":
        both = [(tmp_path / folder / "corrections.jsonl").read_text() for folder in ("out", "again")]
        assert both[0] == both[1]


def test_what_a_format_said_beside_comes_back_in_it(
    store: Store, options: ReadOptions, tmp_path: Path
) -> None:
    path = tmp_path / "train.parquet"
    path.write_bytes(good("sayo")[1])
    import_file(store, "sayo", path, options)
    export_file(store, "sayo", tmp_path / "out.parquet")
    before, after = (taken(sayo.read(p, options))[0] for p in (path, tmp_path / "out.parquet"))
    assert (after.extra, after.now.answer, after.now.regions) == (
        before.extra,
        before.now.answer,
        before.now.regions,
    )


def test_losses_are_named_and_counted(store: Store, correct: Correct, tmp_path: Path) -> None:
    polygon = Region.polygon([(1, 1), (9, 1), (5, 8)], label="pear", step=1)
    away = Region.box(50, 5, 60, 25, look=False)
    correct(regions=[polygon, away], family="count")
    store.corrections.revise(correct(regions=[polygon]).id, corrected_answer="plum")
    losses = export_file(store, "viscot", tmp_path / "out").losses
    assert sorted(losses) == [
        "answer shown and model left out (2)",
        "earlier revisions left out (1)",
        "labels of regions left out (2)",
        "polygons and brush masks written as their bounding box (2)",
        "question family left out (1)",
        'regions "do not look here" left out (1)',
        "steps of regions left out (2)",
    ]
    (one, two) = map(json.loads, (tmp_path / "out" / "viscot.jsonl").read_text().splitlines())
    assert one["bboxs"] == two["bboxs"] == [[1, 1, 9, 8]]


def test_states_choose_what_is_written(store: Store, correct: Correct, tmp_path: Path) -> None:
    correct(state="draft")
    gone = correct(state="accepted", corrected_answer="plum")
    correct(state="accepted")
    store.corrections.delete(gone.id)
    assert export_file(store, "coco", tmp_path / "a").corrections == 2
    assert export_file(store, "coco", tmp_path / "b", states=["accepted"]).corrections == 1
    assert export_file(store, "jsonl", tmp_path / "c", states=["deleted"]).corrections == 1


def test_a_picture_is_written_once(store: Store, correct: Correct, tmp_path: Path) -> None:
    correct(), correct(corrected_answer="plum")
    export_file(store, "coco", tmp_path / "out")
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == 1
    assert len(json.loads((tmp_path / "out" / "coco.json").read_text())["images"]) == 1


def test_a_correction_whose_picture_is_gone_is_named(
    store: Store, correct: Correct, picture_id: str, tmp_path: Path
) -> None:
    correct()
    other = store.pictures.add(Image.new("RGB", (30, 30), "red"))
    correct(picture_id=other.id)
    other.path.unlink()
    report = export_file(store, "viscot", tmp_path / "out")
    assert report.corrections == 1
    assert "corrections without their picture's file left out (1)" in report.losses


def test_an_export_overwrites_nothing_and_leaves_nothing_half_done(
    store: Store, correct: Correct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "exports"
    with pytest.raises(ExportFileError, match="got none"):
        export_file(store, "jsonl", folder / "out")
    correct()
    export_file(store, "jsonl", folder / "out")
    with pytest.raises(ExportFileError, match="nothing is yet"):
        export_file(store, "jsonl", folder / "out")
    monkeypatch.setattr("storage.formats.common.export_parts.shutil.copyfile", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_file(store, "viscot", folder / "half")
    assert [path.name for path in folder.iterdir()] == ["out"]


def test_formats_and_names_that_cannot_be_written_are_refused(
    store: Store, correct: Correct, tmp_path: Path
) -> None:
    correct()
    for name, path in (("gqa", "out"), ("refocus", "out.parquet"), ("sayo", "out")):
        with pytest.raises(ExportFileError):
            export_file(store, name, tmp_path / path)
    with pytest.raises(ImportFileError):
        export_file(store, "voc", tmp_path / "out")
    assert {name for name, format in FORMATS.items() if not format.write} == {"gqa", "refocus", "pictures"}


def test_an_import_from_a_folder_finds_its_file(
    store: Store, other_store: Store, correct: Correct, options: ReadOptions, tmp_path: Path
) -> None:
    correct()
    for name in ("jsonl", "viscot", "coco", "labelstudio"):
        export_file(store, name, tmp_path / name)
        for record in other_store.corrections.all():
            other_store.corrections.delete(record.id)
        theirs = replace(options, settings=other_store.settings)
        assert import_file(other_store, name, tmp_path / name, theirs).corrections == 1
    assert [record.format for record in other_store.imports.all()][::-1] == [
        "jsonl",
        "viscot",
        "coco",
        "labelstudio",
    ]
