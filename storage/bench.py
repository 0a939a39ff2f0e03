"""How long saving and listing take in a large store: `python -m storage bench`."""

from __future__ import annotations

import json
import os
import platform
import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import NullPool, create_engine, func, insert, make_url, select

from sayo_app.core.geometry.region import Region
from sayo_app.settings import Settings
from storage.base.models import Correction, CorrectionRevision, WorkEntry, WorkItem, now
from storage.store import Store
from storage.work.entries import NO_REWARD
from storage.work.work_records import WorkQuery

SERVER_VARIABLE = "SAYO_TEST_DATABASE_URL"
PAGE = "page: "
_AT_ONCE = 2000
_WORDS = (
    *("red", "blue", "green", "left", "right", "above", "below", "apple", "pear"),
    *("cup", "bicycle", "tree", "house", "cloud", "many", "which"),
)
_ANSWER = "The cup is on the left of the tree, and the tag on it is blue. " * 5 + "<answer>blue</answer>"
_STATES = ("submitted", "submitted", "accepted", "rejected", "draft", "skipped")

# What people ask of the list; each page is asked for at a random place.
QUERIES = {
    "most wrong": WorkQuery(),
    "newest": WorkQuery(sort="newest"),
    "queue": WorkQuery(states=("todo",), sort="queue"),
    "state": WorkQuery(states=("rejected",)),
    "author": WorkQuery(annotator="author 7"),
    "state, author, model": WorkQuery(states=("submitted",), annotator="author 3", model="model 2"),
    "family": WorkQuery(family="family 11", sort="newest"),
    "reward below": WorkQuery(reward_below=-0.5, states=("submitted",)),
    "flagged": WorkQuery(flagged=True, sort="newest"),
    "common word": WorkQuery(text="apple"),
    "rare words": WorkQuery(text="cloud 99999"),
    "words that are not there": WorkQuery(text="zeppelin"),
    "not yet by": WorkQuery(states=("todo",), not_by="author 7", sort="queue"),
    "rare everything": WorkQuery(annotator="author 39", family="family 19", model="model 3", flagged=True),
}


def measured(rows: int, repeats: int, server_url: str | None) -> Iterator[dict[str, Any]]:
    """Fills a throw-away SQLite store, then a schema of its own on the server, and measures both.

    Yields:
        {database, what, p50, p95} in milliseconds, each as it comes, with what it was measured on.
    """
    about = {
        "rows": rows,
        "repeats": repeats,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
    }
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        for figure in _figures(settings, rows, repeats):
            yield {"database": "sqlite"} | figure | about
        if server_url:
            with own_schema(server_url) as url:
                for figure in _figures(settings.replace(database_url=url), rows, repeats):
                    yield {"database": "postgresql"} | figure | about


def slowest_page(figures: Sequence[dict[str, Any]]) -> float:
    """The 95th percentile of the slowest query of `QUERIES`."""
    return max(figure["p95"] for figure in figures if figure["what"].startswith(PAGE))


@contextmanager
def own_schema(url: str) -> Iterator[str]:
    """The URL of a new, empty schema on a PostgreSQL server, as good as a database; dropped at the end."""
    name = f"sayo_{uuid.uuid4().hex[:12]}"
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    try:
        own = make_url(url).update_query_dict({"options": f"-csearch_path={name}"})
        yield own.render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


def _figures(settings: Settings, rows: int, repeats: int) -> Iterator[dict[str, Any]]:
    with Store(settings) as store:
        picture_id = store.pictures.add(Image.new("RGB", (640, 480), "grey")).id
        fill(store, picture_id, rows)
        chance = random.Random(0)
        item = store.items.add(picture_id=picture_id, question="The one that is drawn on?", wanted=0)
        version = iter(range(repeats))
        content = {"regions": [_REGION] * 5}
        actions: dict[str, Callable[[], object]] = {
            f"{PAGE}{name}": partial(_page, store, query, chance) for name, query in QUERIES.items()
        }
        actions["save"] = partial(_save, store, picture_id)
        actions["draft"] = lambda: store.drafts.save(item.id, content=content, version=next(version), tab="t")
        actions["count"] = lambda: store.worklist.count(WorkQuery())
        for what, action in actions.items():
            yield {"what": what} | _percentiles(action, repeats)


_REGION = Region.box(10, 20, 300, 400, label="cup").to_dict()


def fill(store: Store, picture_id: str, rows: int) -> None:
    """Rows as people would make them, a tenth of them items to do."""
    chance, start = random.Random(1), now() - timedelta(seconds=rows)
    with store.database.write() as session:
        for first in range(1, rows + 1, _AT_ONCE):
            made = [
                _row(chance, number, picture_id) for number in range(first, min(first + _AT_ONCE, rows + 1))
            ]
            for row in made:
                row["created_at"] = row["updated_at"] = start + timedelta(seconds=row["id"])
            done = [row for row in made if row["state"] != "todo"]
            for table, some in (
                (WorkItem, made),
                (Correction, done),
                (CorrectionRevision, done),
                (WorkEntry, made),
            ):
                names = {column.key for column in table.__table__.columns}
                session.execute(
                    insert(table), [{name: row[name] for name in row if name in names} for row in some]
                )
        if store.database.shared:
            for table in (WorkItem, Correction, CorrectionRevision, WorkEntry):
                name, top = table.__tablename__, select(func.max(table.id)).scalar_subquery()
                session.execute(select(func.setval(f"{name}_id_seq", top)))
    if store.database.shared:
        # A server does this by itself after a while.
        with store.database.write() as session:
            session.connection().exec_driver_sql("ANALYZE")


def _row(chance: random.Random, number: int, picture_id: str) -> dict[str, Any]:
    """The fields of all tables for one item and its correction, under one number."""
    todo = chance.random() < 0.1
    reward = None if todo or chance.random() < 0.1 else chance.uniform(-1, 1)
    question = f"{' '.join(chance.choices(_WORDS, k=9))} {number}?"
    return {
        "id": number,
        "item_id": number,
        "correction_id": None if todo else number,
        "picture_id": picture_id,
        "question": question,
        "question_sha256": f"{number:064d}",
        "priority": 0,
        "priority_key": -chance.randrange(5),
        "wanted": int(todo),
        "annotator": "" if todo else f"author {chance.randrange(40)}",
        "author": "author",
        "model": f"model {chance.randrange(4)}",
        "answer_shown": _ANSWER,
        "origin": "person",
        "family": f"family {chance.randrange(20)}",
        "revision": 1,
        "regions": [_REGION, _REGION],
        "corrected_answer": chance.choice(_WORDS),
        "state": "todo" if todo else chance.choice(_STATES),
        "comment": "",
        "flagged": chance.random() < 0.02,
        "reward": reward,
        "reward_key": NO_REWARD if reward is None else reward,
        "search_text": question,
    }


def _save(store: Store, picture_id: str) -> None:
    store.corrections.add(
        picture_id=picture_id,
        question=f"What is left of {uuid.uuid4().hex}?",
        model="model 1",
        adapter_id=None,
        answer_shown=_ANSWER,
        trace_id=None,
        regions=[Region.box(10, 20, 300, 400), Region.box(30, 40, 50, 60)],
        corrected_answer="blue",
        author="author 1",
        reward=0.5,
    )


def _page(store: Store, query: WorkQuery, chance: random.Random) -> None:
    """A page somewhere in the list."""
    place = {
        "wrong": lambda: [chance.uniform(-1, 1), 0],
        "queue": lambda: [-chance.randrange(5), 0],
        "newest": lambda: [(now() - timedelta(seconds=chance.uniform(0, 100_000))).isoformat(), 0],
    }[query.sort]()
    store.worklist.page(query, after=json.dumps(place) if chance.random() < 0.5 else None)


def _percentiles(action: Callable[[], object], repeats: int) -> dict[str, float]:
    """Milliseconds of one call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - start))
    return {f"p{share}": round(float(np.percentile(times, share)), 2) for share in (50, 95)}
