"""What the tour leaves in the store at each step, that the step follows from it, and that all can go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select

from sayo_app.core.geometry.region import Region
from sayo_app.errors import AdapterError, SettingsError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.tour import kept
from sayo_app.ui.tour.kept import Plan, add_generated, begin, correct, remove, start
from sayo_app.ui.tour.scenes import Part, regions_of, scene_of
from sayo_app.ui.tour.watching import step_of, store_view
from storage.base.models import Base
from storage.base.pictures import pixel_hash
from storage.base.records import RunRecord
from storage.formats.catalogue import find_format
from storage.formats.common.rows import ReadOptions
from storage.store import Store
from tests.storage.examples import corrected
from tests.ui.tour.test_asking import said

PLAN = Plan(corrections=5, lying=2, agreeing=1)
SHOWN = [scene_of(Part.SHOWN, number) for number in range(4)]
MET = [said(scene) for scene in SHOWN]
# Rows that say which model was in use stay, as those of deleted adapters do.
HISTORY = {"adapters", "adapter_switches", "audit_entries"}


@pytest.fixture
def studio(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """On the bundled model by name: it is neither loaded nor trained here."""
    settings = Settings(data_dir=data_dir, device="cpu")
    with Store(settings) as store:
        studio = Studio(settings, store)
        monkeypatch.setattr(studio, "switch", store.adapters.set_active)
        monkeypatch.setattr(kept, "start_run", lambda store, settings, config: store.runs.create(config))
        monkeypatch.setattr(kept, "ask", lambda studio, scene, adapter_id: said(scene))
        yield studio


def rows(store: Store) -> dict[str, int]:
    with store.database.read() as session:
        counts = {
            table.name: session.scalar(select(func.count()).select_from(table))
            for table in Base.metadata.sorted_tables
        }
    return {name: count for name, count in counts.items() if count and name not in HISTORY}


def files(store: Store) -> list[Path]:
    found = (path for path in store.settings.data_dir.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.name.startswith("studio.db"))


def there(studio: Studio) -> kept.Kept:
    found = kept.kept(studio.store)
    assert found is not None
    return found


def taught(studio: Studio) -> kept.Kept:
    begin(studio)
    add_generated(studio, MET, PLAN)
    return there(studio)


def finished(studio: Studio) -> RunRecord:
    """A run of the tour with the adapter that came of it."""
    run = start(studio, taught(studio), PLAN)
    folder = studio.settings.adapters_dir / f"run-{run.id}"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"")
    adapter = studio.store.adapters.add(
        name="tour: repaired", path=folder, base_model="bundled", run_id=run.id, summary={"step": 3}
    )
    return studio.store.runs.update(run.id, state="finished", adapter_id=adapter.id)


def own_correction(studio: Studio, picture: Image.Image, **fields: Any) -> int:
    given = {
        "picture_id": studio.store.pictures.add(picture).id,
        "question": "Mine?",
        "regions": (Region.box(0, 0, 9, 9),),
        "corrected_answer": "red",
    }
    return corrected(studio.store, **given | fields).id


def test_the_step_follows_from_the_store(studio: Studio) -> None:
    assert kept.kept(studio.store) is None and step_of(None, PLAN) == 1
    adapter = begin(studio)
    assert studio.active_id() == adapter.id and (adapter.path / "adapter_model.safetensors").exists()
    assert step_of(there(studio), PLAN) == 2
    add_generated(studio, MET, PLAN)
    assert step_of(there(studio), PLAN) == 3 and there(studio).run is None
    run = finished(studio)
    assert step_of(there(studio), PLAN) == 4
    assert there(studio).repaired is not None and there(studio).run == run
    # As another app on the same store sees it.
    with Store(studio.settings) as store:
        assert kept.kept(store) == there(studio)


def test_beginning_twice_finds_what_is_there(studio: Studio) -> None:
    with ThreadPoolExecutor(2) as two:
        first, second = two.map(lambda _: begin(studio), range(2))
    assert first == second
    assert len(studio.store.adapters.all()) == len(studio.store.imports.all()) == 1


def test_a_shortcut_that_was_deleted_by_hand_is_made_again(studio: Studio) -> None:
    first = begin(studio)
    studio.store.adapters.set_active(None)
    studio.store.adapters.delete(first.id)
    assert there(studio).adapter is None
    assert begin(studio).id != first.id and len(studio.store.imports.all()) == 1


def test_another_model_has_no_tour(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio, "settings", studio.settings.replace(model="some/other"))
    with pytest.raises(SettingsError, match="Start the app without --model"):
        begin(studio)
    assert rows(studio.store) == {} and files(studio.store) == []


def test_what_a_person_draws_is_theirs_and_the_rest_is_marked_as_generated(studio: Studio) -> None:
    begin(studio)
    record = correct(studio, there(studio), MET[0], [*regions_of(SHOWN[0])])
    again = correct(studio, there(studio), MET[0], [regions_of(SHOWN[0])[0]])
    assert (again.id, again.revision, len(again.regions)) == (record.id, 2, 1)
    assert record.trace_id is not None and record.adapter_id == there(studio).adapter.id
    assert add_generated(studio, MET, PLAN) == 4
    assert add_generated(studio, MET, PLAN) == 0
    records = there(studio).corrections
    assert [it.origin for it in records] == ["person", *["generated"] * 4]
    assert [it.picture_id for it in records[:3]] == [pixel_hash(scene.picture) for scene in SHOWN[:3]]
    assert all({region.look for region in it.regions} == {True, False} for it in records[1:])


def test_the_run_sees_the_tours_corrections_alone_and_never_a_stamp_that_lies(studio: Studio) -> None:
    mine = own_correction(studio, Image.new("RGB", (40, 40)))
    run = start(studio, taught(studio), PLAN)
    config = run.run_config
    assert (config.base_adapter_id, config.name) == (there(studio).adapter.id, "tour: repaired")
    options = ReadOptions(studio.settings)
    chosen = find_format(config.data_format)
    training, measured = (
        list(chosen.read(Path(path), options)) for path in (config.data, config.held_out_data)
    )
    assert (len(training), len(measured)) == (5, 3)
    lying = {
        pixel_hash(scene_of(part, n).picture) for part in (Part.LYING, Part.MEASURED_LYING) for n in range(8)
    }
    assert mine and {row.now.question for row in training} == {
        it.question for it in there(studio).corrections
    }
    from sayo_app.core.picture import open_picture

    def pixels(row: Any) -> str:
        return pixel_hash(open_picture(row.picture, max_bytes=10**7, max_pixels=10**7))

    assert not lying & {pixels(row) for row in training}
    assert [pixels(row) in lying for row in measured] == [True, True, False]
    answers = [
        scene_of(Part.MEASURED_LYING, 0).question.answer,
        scene_of(Part.MEASURED_LYING, 1).question.answer,
    ]
    assert [row.now.answer for row in measured[:2]] == answers


@pytest.mark.parametrize("reached", ["nothing", "begun", "taught", "queued", "finished"])
def test_all_of_it_can_be_removed_at_any_step_and_again(studio: Studio, reached: str) -> None:
    reach: dict[str, Any] = {
        "nothing": lambda: None,
        "begun": lambda: begin(studio),
        "taught": lambda: taught(studio),
        "queued": lambda: start(studio, taught(studio), PLAN),
        "finished": lambda: finished(studio),
    }
    reach[reached]()
    if reached == "finished":
        correct(studio, there(studio), MET[3], [*regions_of(SHOWN[3])])
    for _ in range(2):
        list(remove(studio))
        assert rows(studio.store) == {} and files(studio.store) == []
        assert studio.store.adapters.all() == [] and studio.active_id() is None
        assert kept.kept(studio.store) is None


def test_nothing_of_the_persons_own_goes(studio: Studio) -> None:
    folder = studio.settings.adapters_dir / "mine"
    folder.mkdir(parents=True)
    mine = studio.store.adapters.add(name="mine", path=folder, base_model="bundled")
    studio.store.adapters.set_active(mine.id)
    run = studio.store.runs.create(RunConfig(name="mine"))
    studio.store.runs.update(run.id, state="finished", adapter_id=mine.id)
    finished(studio)
    # On one of the tour's pictures, with its model, beside its correction.
    correction = own_correction(studio, SHOWN[0].picture, adapter_id=there(studio).adapter.id)
    list(remove(studio))
    assert [it.id for it in studio.store.corrections.all()] == [correction]
    studio.store.pictures.load(studio.store.corrections.get(correction).picture_id)
    assert [it.id for it in studio.store.adapters.all()] == [mine.id] and folder.exists()
    assert [it.id for it in studio.store.runs.all()] == [run.id]
    # What was used before the tour is used again.
    assert studio.active_id() == mine.id


def test_an_adapter_of_a_deleted_run_whose_number_the_tour_got_is_not_the_tours(studio: Studio) -> None:
    run = studio.store.runs.create(RunConfig())
    mine = studio.store.adapters.add(name="mine", path=Path("a"), base_model="bundled", run_id=run.id)
    studio.store.runs.update(run.id, state="finished", adapter_id=mine.id)
    studio.store.runs.delete(run.id)
    assert finished(studio).id == run.id
    list(remove(studio))
    assert [it.id for it in studio.store.adapters.all()] == [mine.id]


def test_a_run_of_the_persons_own_on_the_tours_model_is_in_the_way(studio: Studio) -> None:
    adapter = begin(studio)
    studio.store.runs.create(RunConfig(base_adapter_id=adapter.id))
    with pytest.raises(AdapterError, match="Cancel the run first"):
        list(remove(studio))
    assert there(studio).adapter == adapter


def test_a_tour_that_was_undone_as_an_import_begins_anew_and_leaves_nothing(studio: Studio) -> None:
    studio.store.imports.undo(taught(studio).batch.id)
    assert kept.kept(studio.store) is None
    assert len(taught(studio).corrections) == 5
    list(remove(studio))
    assert rows(studio.store) == {} and files(studio.store) == []


def test_the_panel_is_told_what_has_changed(studio: Studio) -> None:
    first = store_view(studio, True, {}, PLAN)
    assert first[0]["way"] == "False False"
    begin(studio)
    second = store_view(studio, True, first[0], PLAN)
    assert (second[0]["way"], second[0]["step"]) == ("True True", "True 2")
    third = store_view(studio, True, second[0], PLAN)
    assert len(first) == len(second) == len(third)
    assert all(it == third[0] for it in third)
    run = finished(studio)
    (run.folder / "progress.jsonl").write_text(json.dumps({"kind": "step", "step": 3, "steps": 3}) + "\n")
    shown = store_view(studio, True, second[0], replace(PLAN, lying=2))
    assert "All corrections are there" in str(shown[10].value)


def test_pictures_that_it_answers_wrong_are_passed_over(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = scene_of(Part.TAUGHT, 1)
    monkeypatch.setattr(
        kept, "ask", lambda studio, scene, adapter_id: said(scene, "neither" if scene is wrong else None)
    )
    records = taught(studio).corrections
    assert len(records) == 5 and pixel_hash(wrong.picture) not in {it.picture_id for it in records}
    assert {it.corrected_answer for it in records} == {None}


def test_it_can_be_removed_where_the_model_cannot_be_loaded(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(studio)

    def refused(adapter_id: int | None) -> None:
        raise AssertionError("it needs the model")

    monkeypatch.setattr(studio, "switch", refused)
    monkeypatch.setattr(Studio, "model_state", ("failed", "No model."))
    list(remove(studio))
    assert studio.store.adapters.all() == [] and studio.active_id() is None
