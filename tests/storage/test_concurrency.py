"""Twenty processes save at once, on a store that none of them has opened before: nothing is lost."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from typing import Any

import pytest
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.errors import ConflictError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.store import Store
from storage.work.work_records import WorkQuery
from tests.storage.examples import corrected

PROCESSES, EACH = 20, 3
QUESTION = "How many?"
TOGETHER_S = 300


def save(name: str, settings: Settings, start: Any, said: Any) -> None:
    """What one process does: opens, adds, revises what all revise, drafts what all draft, starts a run."""
    try:
        start.wait(TOGETHER_S)
        store = Store(settings)
        picture = store.pictures.add(Image.new("RGB", (100, 50), "grey"))
        common = {
            "picture_id": picture.id,
            "author": name,
        }
        for number in range(EACH):
            box = Region.box(0, 0, 9, 9 + number)
            corrected(store, question=QUESTION, regions=[box], comment=name, **common)
            store.corrections.revise(1, name, question=f"{name} revised {number}")
        store.runs.create(RunConfig())
        outcome = "waits" if store.runs.take_next() is None else "started"
        item = store.worklist.of_item(1)[0].item_id
        try:
            store.drafts.save(item, author="shared", tab=name, content={"by": name}, version=0)
            outcome += " drafted"
        except ConflictError:
            outcome += " told"
        store.close()
        said.put(outcome)
    except BaseException:
        said.put(traceback.format_exc())


@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_processes_that_open_a_new_store_and_save_at_once_lose_nothing(settings: Settings) -> None:
    context = multiprocessing.get_context("fork")
    start, said = context.Barrier(PROCESSES), context.SimpleQueue()
    names = [f"p{number}" for number in range(PROCESSES)]
    processes = [context.Process(target=save, args=(name, settings, start, said)) for name in names]
    for process in processes:
        process.start()
    outcomes = [said.get() for _ in processes]
    for process in processes:
        process.join(TOGETHER_S)

    first_words, last_words = zip(*(outcome.rsplit(" ", 1) for outcome in outcomes), strict=True)
    assert sorted(first_words) == ["started"] + ["waits"] * (PROCESSES - 1), outcomes
    assert sorted(last_words) == ["drafted"] + ["told"] * (PROCESSES - 1), outcomes
    store = Store(settings)
    saved = store.corrections.all()
    assert sorted(c.annotator for c in saved) == sorted(names * EACH)
    assert {c.item_id for c in saved} == {1}
    history = store.corrections.history(1)
    assert [c.revision for c in history] == list(range(1, PROCESSES * EACH + 2))
    assert {c.question for c in history[1:]} == {f"{n} revised {i}" for n in names for i in range(EACH)}
    assert store.worklist.count(WorkQuery()) == {"submitted": PROCESSES * EACH}
    assert len(list(settings.pictures_dir.rglob("*.*"))) == 1
