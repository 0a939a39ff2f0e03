"""Many processes that write at once, and one that does not let go of the lock."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value, none

PROCESSES, EACH = 12, 20
HELD_S, TOO_LONG_S = 8.0, 6.0


def locks(folder: Path) -> Mapping[str, Value]:
    from sayo_app.errors import StorageError
    from sayo_app.settings import Settings
    from storage.base import database
    from storage.store import Store

    settings = Settings.from_environment()
    Store(settings).close()
    context = multiprocessing.get_context("fork")
    start, said = context.Barrier(PROCESSES), context.SimpleQueue()
    writers = [context.Process(target=write, args=(settings, start, said)) for _ in range(PROCESSES)]
    for process in writers:
        process.start()
    found = [said.get() for _ in writers]
    for process in writers:
        process.join()
    with Store(settings) as store:
        lost = PROCESSES * EACH - len(store.corrections.all())

    waited = saved_behind(settings, HELD_S)
    # Half a minute is what everybody waits; nobody has to here.
    database.BUSY_TIMEOUT_S = TOO_LONG_S / 3
    told, silent = 0, 0
    try:
        saved_behind(settings, TOO_LONG_S)
    except StorageError as error:
        told += "locked" in str(error)
    except Exception:
        silent += 1
    with Store(settings) as store:
        after = save(store)
    return {
        "saves": PROCESSES * EACH,
        "lost": lost + sum(errors for errors, _ in found),
        "slowest_s": max(slowest for _, slowest in found),
        "waited_s": waited,
        "told": told,
        "silent": silent,
        "after": int(after is not None),
    }


def write(settings: Any, start: Any, said: Any) -> None:
    from storage.store import Store

    store = Store(settings)
    errors, slowest = 0, 0.0
    start.wait()
    for _ in range(EACH):
        began = time.monotonic()
        try:
            save(store)
        except Exception:
            errors += 1
        slowest = max(slowest, time.monotonic() - began)
    said.put((errors, slowest))


def save(store: Any) -> Any:
    from PIL import Image

    from tests.storage.examples import corrected

    picture = store.pictures.add(Image.new("RGB", (32, 16), "grey"))
    return corrected(
        store,
        picture_id=picture.id,
        question="Which?",
        corrected_answer="this one",
    )


def saved_behind(settings: Any, seconds: float) -> float:
    """A save while somebody else holds the lock for so long; how long it took."""
    from storage.store import Store

    holder = sqlite3.connect(settings.data_dir / "studio.db", isolation_level=None, check_same_thread=False)
    with Store(settings) as store:
        holder.execute("BEGIN IMMEDIATE")
        letting_go = threading.Timer(seconds, lambda: (holder.execute("ROLLBACK"), holder.close()))
        letting_go.start()
        began = time.monotonic()
        try:
            save(store)
            return time.monotonic() - began
        finally:
            letting_go.join()


SCENARIOS = (
    Scenario(
        name="locks",
        tried=f"{PROCESSES} processes save at once; another program holds the database's lock for "
        f"{HELD_S:g} s, and for longer than anybody waits",
        figures=(
            Figure("saves", "saves at once"),
            none("lost", "of these refused or lost", before="0"),
            Figure("slowest_s", "the slowest of them, s"),
            Figure(
                "waited_s", f"a save behind a lock of {HELD_S:g} s goes through after, s", least=1, most=30
            ),
            Figure("told", "one behind a longer lock is refused in words", least=1),
            none("silent", "or fails otherwise"),
            Figure("after", "and goes through afterwards", least=1, most=1),
        ),
        measure=locks,
    ),
)
