"""SIGKILL at any moment: while corrections are saved and files imported, and while runs train."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value, none

KILLS, RUN_KILLS = 60, 8
LONGEST_S = 1.2
IMPORTED = 40


def kills(folder: Path) -> Mapping[str, Value]:
    """One process after another saves until it is killed; what it was told is saved must be there."""
    from sayo_app.settings import Settings
    from storage.check import check
    from storage.store import Store

    settings = Settings.from_environment()
    Store(settings).close()
    said = folder / "said"
    to_import(folder / "given")
    chance = random.Random(11)
    context = multiprocessing.get_context("fork")
    unopened = killed = 0
    for number in range(KILLS):
        work = (save, revise, import_one)[number % 3]
        process = context.Process(target=work, args=(settings, said, folder / "given", number))
        process.start()
        process.join(chance.uniform(0.02, LONGEST_S))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        try:
            Store(settings).close()
        except Exception:
            unopened += 1
    with Store(settings) as store:
        told = acknowledged(said)
        lost = sum(not kept(store, line) for line in told)
        halves = half_imports(store)
        old_files(settings.data_dir)
        left = check(store, repair=True)
        return {
            "kills": killed,
            "told": len(told),
            "lost": lost,
            "halves": halves,
            "unopened": unopened,
            "left": len(left),
            "after": len(check(store)),
        }


def save(settings: Any, said: Path, _: Path, number: int) -> None:
    from PIL import Image

    from sayo_app.core.geometry.region import Region
    from storage.store import Store
    from tests.storage.examples import corrected

    store = Store(settings)
    with said.open("a") as file:
        for count in range(10_000):
            picture = store.pictures.add(Image.new("RGB", (32, 16), (number, count % 256, count // 256)))
            record = corrected(
                store,
                picture_id=picture.id,
                question=f"Which of {number}?",
                regions=[Region.box(0, 0, 9, 9)],
                corrected_answer=f"{number}.{count}",
            )
            acknowledge(file, "saved", record.id, record.corrected_answer)


def revise(settings: Any, said: Path, _: Path, number: int) -> None:
    from storage.store import Store

    store = Store(settings)
    known = store.corrections.all()
    with said.open("a") as file:
        for count in range(10_000 if known else 0):
            chosen = known[count % len(known)]
            record = store.corrections.revise(chosen.id, corrected_answer=f"{number}.{count} anew")
            acknowledge(file, "saved", record.id, record.corrected_answer)


def import_one(settings: Any, said: Path, given: Path, number: int) -> None:
    """A file of 40 corrections, over and over: each time other ones."""
    from storage.formats.common.rows import ReadOptions
    from storage.formats.importer import import_file
    from storage.store import Store

    store = Store(settings)
    with said.open("a") as file:
        for count in range(10_000):
            path = given / f"{number}-{count}.jsonl"
            row = {"image": "a.png", "dataset": "x", "split": "train", "answer": "yes"}
            lines = [
                row | {"question": f"{number}.{count}.{one}?", "bboxs": [[1, 1, 9, 9]]}
                for one in range(IMPORTED)
            ]
            path.write_text("\n".join(map(json.dumps, lines)))
            report = import_file(store, "viscot", path, ReadOptions(settings, pictures=given))
            acknowledge(file, "imported", report.import_id, "")


def to_import(given: Path) -> None:
    from PIL import Image

    given.mkdir()
    Image.new("RGB", (64, 48), "grey").save(given / "a.png")


def acknowledge(file: io.TextIOBase, kind: str, identity: int, text: str | None) -> None:
    """In one write, which a kill of this process does not take back."""
    os.write(file.fileno(), f"{json.dumps([kind, identity, text])}\n".encode())


def acknowledged(said: Path) -> list[list[Any]]:
    found = []
    for line in said.read_text().splitlines():
        with suppress(ValueError):  # killed amid this line: nobody was told
            found.append(json.loads(line))
    return found


def kept(store: Any, line: list[Any]) -> bool:
    """Whether what was told is there, with its picture."""
    kind, identity, text = line
    if kind == "imported":
        return len(rows_of(store, identity)) == IMPORTED
    history = store.corrections.history(identity)
    return any(it.corrected_answer == text for it in history) and bool(
        store.pictures.load(history[0].picture_id)
    )


def rows_of(store: Any, import_id: int) -> list[Any]:
    from sqlalchemy import select

    from storage.base.models import Correction

    with store.database.read() as session:
        return list(session.scalars(select(Correction.id).filter_by(batch_id=import_id)))


def half_imports(store: Any) -> int:
    return sum(len(rows_of(store, it.id)) != IMPORTED for it in store.imports.all())


def old_files(data_dir: Path) -> None:
    """As if an hour had passed: younger leftovers are not looked at."""
    long_ago = time.time() - 7200
    for path in (data_dir, *data_dir.rglob("*")):
        os.utime(path, (long_ago, long_ago))


def run_kills(folder: Path) -> Mapping[str, Value]:
    """The app's own queue looks after runs whose process is killed; a person resumes them."""
    from sayo_app.jobs import keep_queue
    from sayo_app.run_config import RunConfig
    from sayo_app.settings import Settings
    from storage.store import Store
    from tests.jobs.conftest import script
    from tests.jobs.test_kills import STAND_IN, STEPS, events, kill_one, over

    settings = Settings.from_environment()
    store = Store(settings)
    chance = random.Random(5)
    runs = [store.runs.create(RunConfig(seed=seed)) for seed in range(3)]
    stop = keep_queue(store, settings, every_s=0.05, command=script(STAND_IN))
    for _ in range(RUN_KILLS):
        kill_one(store, chance.uniform(0, 1.5))
        for run in runs:
            over(store, run)
    deadline = time.monotonic() + 120
    while not all(over(store, run) for run in runs) and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    ended = store.runs.all()
    steps = [[it["step"] for it in events(run) if it["kind"] == "step"] for run in ended]
    states = Counter(run.state for run in ended)
    return {
        "kills": RUN_KILLS,
        "stuck": len(runs) - states["finished"],
        "adapters": sum(run.adapter_id is not None for run in ended),
        "skipped": sum(set(one) != set(range(1, STEPS + 1)) for one in steps),
    }


SCENARIOS = (
    Scenario(
        name="kills",
        tried="SIGKILL at random moments to processes that save, revise and import",
        figures=(
            Figure("kills", "kills", least=24),
            Figure("told", "saves and imports that were acknowledged", least=24),
            none("lost", "of these lost", before="0"),
            none("halves", "imports that are there by half"),
            none("unopened", "stores that did not open afterwards"),
            Figure("left", "leftovers that `python -m storage check --repair` found"),
            none("after", "and that it left"),
        ),
        measure=kills,
    ),
    Scenario(
        name="killed-runs",
        tried="SIGKILL at random moments to the processes of three runs, which are then resumed",
        figures=(
            Figure("kills", "kills", least=8),
            none("stuck", "runs that did not come to their end"),
            Figure("adapters", "adapters, of 3", most=3, least=3),
            none("skipped", "runs with a step left out"),
        ),
        measure=run_kills,
    ),
)
