"""The work list, against a plain reading of everything in Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from sayo_app.errors import CorrectionError, NotFoundError
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.work_records import WorkEntry, WorkQuery

Correct = Callable[..., CorrectionRecord]
REWARDS = (0.5, None, -0.9, 0.0, 0.5, 0.5, None, -1.0, 1.0, 0.25, -0.9, 0.5)


@pytest.fixture
def filled(store: Store, picture_id: str, correct: Correct) -> Store:
    """Twelve corrections, one of them deleted, and three items to do, of ascending priority."""
    for number, reward in enumerate(REWARDS):
        made = correct(
            question=f"Question {number % 5}: 100% of_them?",
            corrected_answer="Äpfel" if number % 4 == 0 else None,
            author=("Ada", "Bo", "Cy")[number % 3],
            model=("bundled", "big")[number % 2],
            family=("side", "count", None)[number % 3],
            origin=("person", "generated")[number % 2],
            reward=reward,
            flagged=number in (3, 4),
            state=("submitted", "draft", "accepted")[number % 3],
        )
    store.corrections.delete(made.id)
    for number in range(3):
        store.items.add(picture_id=picture_id, question=f"To do {number}", priority=number, family="side")
    return store


def everything(store: Store) -> list[WorkEntry]:
    page = store.worklist.page(WorkQuery(sort="queue", states=("todo",)), limit=500)
    rest = store.worklist.page(WorkQuery(sort="queue"), limit=500)
    assert page.after is rest.after is None
    return list(rest.entries)


def paged(store: Store, query: WorkQuery, limit: int) -> list[WorkEntry]:
    entries: list[WorkEntry] = []
    after = None
    while True:
        page = store.worklist.page(query, after, limit)
        assert 0 < len(page.entries) <= limit or after is None
        entries += page.entries
        if page.after is None:
            return entries
        after = page.after


ORDERS: dict[str, Callable[[WorkEntry], Any]] = {
    "wrong": lambda e: (e.reward is None, e.reward or 0.0, e.id),
    "queue": lambda e: (-e.priority, e.id),
    "newest": lambda e: (-e.updated_at.timestamp(), -e.id),
}


@pytest.mark.parametrize("sort", ORDERS)
def test_pages_follow_each_other_in_order_without_gap_or_repeat(filled: Store, sort: str) -> None:
    wanted = sorted(everything(filled), key=ORDERS[sort])
    assert len(wanted) == 14
    for limit in (1, 4, 7, 14):
        assert paged(filled, WorkQuery(sort=sort), limit) == wanted


QUERIES: dict[str, tuple[WorkQuery, Callable[[WorkEntry], bool]]] = {
    "state": (WorkQuery(states=("accepted", "todo")), lambda e: e.state in ("accepted", "todo")),
    "annotator": (WorkQuery(annotator="Bo"), lambda e: e.annotator == "Bo"),
    "model": (WorkQuery(model="big"), lambda e: e.model == "big"),
    "family": (WorkQuery(family="side"), lambda e: e.family == "side"),
    "origin": (WorkQuery(origin="generated"), lambda e: e.origin == "generated"),
    "flagged": (WorkQuery(flagged=True), lambda e: e.flagged),
    "reward": (WorkQuery(reward_below=0.25), lambda e: e.reward is not None and e.reward < 0.25),
    "any reward": (WorkQuery(reward_below=9.0), lambda e: e.reward is not None),
    "text": (WorkQuery(text="QUESTION 2"), lambda e: e.question.startswith("Question 2")),
    "answer": (WorkQuery(text="äpfel"), lambda e: e.correction_id in (1, 5, 9)),
    "wildcards": (WorkQuery(text="100% of_"), lambda e: "100% of_" in e.question),
    "no wildcards": (WorkQuery(text="1%0"), lambda e: False),
    "several": (
        WorkQuery(states=("draft",), model="bundled", text="question"),
        lambda e: e.state == "draft" and e.model == "bundled",
    ),
}


@pytest.mark.parametrize("name", QUERIES)
def test_filters_let_through_what_they_say(filled: Store, name: str) -> None:
    query, meets = QUERIES[name]
    wanted = [entry for entry in everything(filled) if meets(entry)]
    assert bool(wanted) is (name != "no wildcards")
    for sort, order in ORDERS.items():
        assert paged(filled, replace(query, sort=sort), 3) == sorted(wanted, key=order)
    counts = filled.worklist.count(query)
    assert counts == {state: [e.state for e in wanted].count(state) for state in {e.state for e in wanted}}


def test_who_has_corrected_an_item_is_not_given_it_again(
    store: Store, picture_id: str, correct: Correct
) -> None:
    item = store.items.add(picture_id=picture_id, question="What is left of the apple?", wanted=3)
    made = correct(author="Ada")
    todo = WorkQuery(states=("todo",), not_by="Ada")
    assert store.worklist.page(todo).entries == ()
    assert [e.item_id for e in store.worklist.page(replace(todo, not_by="Bo")).entries] == [item.id]
    store.corrections.delete(made.id)
    assert [e.item_id for e in store.worklist.page(todo).entries] == [item.id]


@pytest.mark.parametrize("sort", ORDERS)
def test_next_and_previous_walk_the_list(filled: Store, sort: str) -> None:
    query = WorkQuery(sort=sort, family="side")
    entries = paged(filled, query, 500)
    for here, there in pairwise(entries):
        assert filled.worklist.neighbour(query, here.id) == there
        assert filled.worklist.neighbour(query, there.id, back=True) == here
    assert filled.worklist.neighbour(query, entries[-1].id) is None
    assert filled.worklist.neighbour(query, entries[0].id, back=True) is None


def test_the_next_one_is_found_from_one_that_was_just_done(filled: Store) -> None:
    query = WorkQuery(states=("submitted",))
    first, second = paged(filled, query, 500)[:2]
    assert first.correction_id is not None
    filled.corrections.revise(first.correction_id, "Bo", state="accepted")
    assert filled.worklist.neighbour(query, first.id) == second


def test_choices_are_what_occurs(filled: Store) -> None:
    assert filled.worklist.choices() == {
        "annotator": ["Ada", "Bo", "Cy"],
        "model": ["big", "bundled"],
        "family": ["count", "side"],
    }


def test_what_cannot_be_asked_is_refused(filled: Store) -> None:
    for query in (WorkQuery(sort="beauty"), WorkQuery(states=("lost",))):
        with pytest.raises(CorrectionError):
            filled.worklist.page(query)
        with pytest.raises(CorrectionError):
            filled.worklist.count(query)
    for place in ("", "[]", "[1]", '["x", 1]', "{}", "[1, null]", '["2026-01-01", 1]'):
        with pytest.raises(CorrectionError, match="first page"):
            filled.worklist.page(WorkQuery(), after=place)
    with pytest.raises(NotFoundError):
        filled.worklist.neighbour(WorkQuery(), 999)


def test_an_item_to_do_gives_way_to_its_correction(store: Store, picture_id: str, correct: Correct) -> None:
    store.items.add(picture_id=picture_id, question="What is left of the apple?", answer="pear", priority=5)
    (todo,) = store.worklist.page(WorkQuery(text="PEAR")).entries
    assert (todo.state, todo.correction_id, todo.priority, todo.annotator) == ("todo", None, 5, "")
    made = correct(author="Ada", reward=-0.5)
    (entry,) = store.worklist.page(WorkQuery()).entries
    assert (entry.correction_id, entry.priority, entry.reward, entry.annotator) == (made.id, 5, -0.5, "Ada")
    # Who judges it does not become who made it; a later priority reaches what is there already.
    store.corrections.revise(made.id, "Bo", state="accepted")
    store.items.add(picture_id=picture_id, question="What is left of the apple?", priority=8)
    (entry,) = store.worklist.page(WorkQuery(annotator="Ada")).entries
    assert (entry.state, entry.priority) == ("accepted", 8)
