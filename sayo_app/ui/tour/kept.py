"""What the tour keeps in the store: how far somebody is follows from it, and all of it can be removed.

an import of the format `tour`      that the tour was begun; its corrections belong to it
an adapter marked in its summary    the model with the fault
a run on the tour's own file        and the adapter that came of it
the folder tour/ID                  files of corrections to train on and to measure on
"""

from __future__ import annotations

import io
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from sayo_app.core.files import whole_file
from sayo_app.core.geometry.region import Region
from sayo_app.errors import SettingsError
from sayo_app.jobs.control import cancel_run, reconcile, start_run
from sayo_app.run_config import RunConfig
from sayo_app.settings import ASSETS_DIR, BUNDLED
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.tour.asking import Said, ask
from sayo_app.ui.tour.scenes import Part, measured, regions_of, scene_of
from storage.base.pictures import pixel_hash
from storage.base.records import COUNTED_STATES, AdapterRecord, CorrectionRecord, RunRecord
from storage.formats.catalogue import find_format
from storage.formats.common.rows import Row, Version, WriteOptions
from storage.formats.exporter import export_file
from storage.store import Store
from storage.work.work_records import ImportRecord

SHORTCUT_DIR = ASSETS_DIR / "shortcuts" / "stamp"
SHORTCUT_NAME, REPAIRED_NAME, AUTHOR = "tour: with a shortcut", "tour: repaired", "tour"
_FORMAT, _MARK, _BEFORE = "tour", "tour", "adapter_before"
_CORRECTIONS, _MEASURED = "corrections.parquet", "measured.parquet"
_NATIVE = "jsonl"
# So many times as many pictures may be asked about as are wanted: most are answered right.
_MOST_ASKED = 10
_TURN_S = 0.3
# One tab after the other: two that begin at once would make two of everything.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Plan:
    """How large the tour is.

    Attributes:
        corrections: pictures to train on; the first `drawn` of them are those that were shown.
        lying, agreeing: how many pictures the run is measured on, by what their stamp does.
        options: of the run, beside the defaults.
    """

    corrections: int = 32
    drawn: int = 3
    lying: int = 24
    agreeing: int = 8
    options: dict[str, Any] = field(
        default_factory=lambda: {"steps": 50, "eval_every": 10, "covered_pictures": 8, "learning_rate": 3e-4}
    )


PLAN = Plan()


@dataclass(frozen=True)
class Kept:
    """A tour that was begun.

    Attributes:
        adapter: the model with the fault; None where somebody deleted it.
        corrections: oldest first.
        run: the newest.
        repaired: what came of it; None before, and where somebody deleted it.
    """

    batch: ImportRecord
    adapter: AdapterRecord | None
    corrections: tuple[CorrectionRecord, ...]
    run: RunRecord | None
    repaired: AdapterRecord | None

    @property
    def trained(self) -> bool:
        return self.run is not None and self.run.state == "finished"


def kept(store: Store) -> Kept | None:
    """How far the tour is; None where it was not begun, or was undone as the import that it is."""
    batch = next((it for it in _batches(store) if it.undone_at is None), None)
    if batch is None:
        return None
    adapters = store.adapters.all()
    run = next(_runs(store), None)
    return Kept(
        batch,
        next((it for it in adapters if _MARK in it.summary), None),
        tuple(reversed(store.corrections.all(COUNTED_STATES, batch_id=batch.id))),
        run,
        next((it for it in adapters if run is not None and it.id == run.adapter_id), None),
    )


def begin(studio: Studio) -> AdapterRecord:
    """Put the model with the fault into the registry and switch it on; beginning again finds it there.

    Raises:
        SettingsError: the app runs on another model than the bundled one.
        ReadOnlyStoreError, StorageError: the store cannot be written.
        ModelError: the model cannot be loaded.
    """
    if studio.settings.model != BUNDLED:
        raise SettingsError(
            expected="the bundled model, which the tour's shortcut was made on",
            got=studio.settings.model,
            remedy="Start the app without --model (and without SAYO_MODEL) to take the tour.",
        )
    store = studio.store
    with _ONE_AT_A_TIME:
        store.database.require_writable()
        there = kept(store)
        if there is not None and there.adapter is not None:
            return there.adapter
        if there is None:
            with store.imports.begin(source="The tour", format=_FORMAT, author=AUTHOR) as importing:
                importing.summary = {_BEFORE: studio.active_id()}
        folder = studio.settings.adapters_dir / f"tour-{uuid.uuid4().hex}"
        shutil.copytree(SHORTCUT_DIR, folder)
        adapter = store.adapters.add(
            name=SHORTCUT_NAME, path=folder, base_model=BUNDLED, summary={_MARK: "shortcut"}
        )
        studio.switch(adapter.id)
        return adapter


def correct(studio: Studio, there: Kept, said: Said, regions: Sequence[Region]) -> CorrectionRecord:
    """What a person drew on one of the tour's pictures; drawn again it is revised."""
    picture_id = pixel_hash(said.scene.picture)
    for record in there.corrections:
        if record.picture_id == picture_id:
            return studio.store.corrections.revise(record.id, regions=tuple(regions))
    return _store(studio.store, there, said, regions)


def add_generated(studio: Studio, shown: Sequence[Said], plan: Plan) -> int:
    """The corrections that are still missing, with the true boxes and marked as generated; how many came.

    They are on pictures that the model with the fault answers right, so none of them tells it an answer.

    Args:
        shown: the pictures that were met first, of which the plan's first are corrected.
    """
    store, added = studio.store, 0
    there = kept(store)
    if there is None or there.adapter is None:
        return 0
    done = {record.picture_id for record in there.corrections}
    taught = (scene_of(Part.TAUGHT, number) for number in range(_MOST_ASKED * plan.corrections))
    for scene in chain((said.scene for said in shown[: plan.drawn]), taught):
        if len(done) >= plan.corrections:
            break
        if pixel_hash(scene.picture) in done:
            continue
        said = ask(studio, scene, there.adapter.id)
        if said.right:
            record = _store(store, there, said, regions_of(scene), author=AUTHOR, origin="generated")
            done.add(record.picture_id)
            added += 1
    return added


def _store(
    store: Store, there: Kept, said: Said, regions: Sequence[Region], **fields: Any
) -> CorrectionRecord:
    return store.corrections.add(
        picture_id=store.pictures.add(said.scene.picture).id,
        question=said.scene.question.question,
        model=BUNDLED,
        adapter_id=None if there.adapter is None else there.adapter.id,
        answer_shown=said.trace.text,
        trace_id=store.traces.save(said.trace),
        regions=tuple(regions),
        corrected_answer=None,
        family=said.scene.question.family,
        batch_id=there.batch.id,
        **fields,
    )


def start(studio: Studio, there: Kept, plan: Plan) -> RunRecord:
    """Queue the run on the tour's corrections alone, measured on pictures that nobody has corrected.

    Raises:
        RunActiveError: it is queued or running already.
        JobError, StorageError: it cannot be started, or its files not be written.
    """
    adapter = begin(studio)
    folder = _folder(studio, there.batch)
    folder.mkdir(parents=True, exist_ok=True)
    with _ONE_AT_A_TIME:
        (folder / _CORRECTIONS).unlink(missing_ok=True)
        export_file(
            studio.store, _NATIVE, folder / _CORRECTIONS, states=COUNTED_STATES, batch_id=there.batch.id
        )
        _write_measured(folder / _MEASURED, plan)
        config = RunConfig(
            name=REPAIRED_NAME,
            base_adapter_id=adapter.id,
            data=str(folder / _CORRECTIONS),
            data_format=_NATIVE,
            held_out_data=str(folder / _MEASURED),
            **plan.options,
        )
        return start_run(studio.store, studio.settings, config)


def _write_measured(path: Path, plan: Plan) -> None:
    moment = datetime.now(UTC)
    rows = []
    for number, scene in enumerate(measured(plan.lying, plan.agreeing), 1):
        data, question = io.BytesIO(), scene.question
        scene.picture.save(data, "PNG")
        version = Version(
            question.question,
            regions_of(scene),
            question.answer,
            state="submitted",
            author=AUTHOR,
            created_at=moment,
        )
        rows.append(
            Row(
                number,
                data.getvalue(),
                (version,),
                image_wh=scene.picture.size,
                origin="generated",
                family=question.family,
                model=BUNDLED,
            )
        )
    write = find_format(_NATIVE).write
    assert write is not None
    with whole_file(path) as made:
        write(made, rows, WriteOptions())


def remove(studio: Studio) -> Iterator[str]:
    """Take all of the tour out of the store, whatever step it is at; says what it waits for.

    Nothing of the person's own goes with it. Removing twice changes nothing.

    Raises:
        AdapterError: a run of the person's own, which is going on, starts from one of the tour's adapters.
    """
    store = studio.store
    for run in [it for it in _runs(store) if it.active]:
        cancel_run(store, run.id)
    while any(it.active for it in _runs(store)):
        yield "Waiting for the run to stop …"
        reconcile(store)
        time.sleep(_TURN_S)
    with _ONE_AT_A_TIME:
        batches = _batches(store)
        adapters = _adapters(store)
        _switch_back(studio, batches, {it.id for it in adapters})
        for adapter in adapters:
            store.adapters.delete(adapter.id)
        for run in _runs(store):
            store.runs.delete(run.id)
        for batch in batches:
            store.imports.remove(batch.id)
            shutil.rmtree(_folder(studio, batch), ignore_errors=True)


def _switch_back(studio: Studio, batches: list[ImportRecord], leaving: set[int]) -> None:
    """To what was used before the tour, if one of its adapters is in use."""
    store = studio.store
    active = store.adapters.active()
    if active is None or active.id not in leaving:
        return
    known = {it.id for it in store.adapters.all()} - leaving
    before = next((it.summary.get(_BEFORE) for it in reversed(batches)), None)
    before = before if before in known else None
    if studio.settings.model != BUNDLED or studio.model_state[0] == "failed":
        store.adapters.set_active(before)
    else:
        studio.switch(before)


def _batches(store: Store) -> list[ImportRecord]:
    """Newest first, those undone by hand too."""
    return [it for it in store.imports.all() if it.format == _FORMAT]


def _runs(store: Store) -> Iterator[RunRecord]:
    """Those of the tour, newest first: told by their file, wherever the data folder lies now."""
    for run in store.runs.all():
        parts = Path(str(run.config.get("data", ""))).parts
        if parts[-3:-2] == (_FORMAT,) and parts[-1:] == (_CORRECTIONS,):
            yield run


def _adapters(store: Store) -> list[AdapterRecord]:
    """The one with the fault, and those that came of the tour's runs.

    A run's number may have belonged to a deleted one before: its adapter is older than the run.
    """
    runs = {run.id: run for run in _runs(store)}
    return [
        it
        for it in store.adapters.all()
        if _MARK in it.summary
        or (it.run_id is not None and it.run_id in runs and it.created_at >= runs[it.run_id].created_at)
    ]


def _folder(studio: Studio, batch: ImportRecord) -> Path:
    return studio.settings.data_dir / "tour" / str(batch.id)
