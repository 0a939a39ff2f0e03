"""Drafts, and what happens when two look at the same thing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.errors import ConflictError, CorrectionError, NotFoundError
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.drafts import MAX_DRAFT_BYTES

Correct = Callable[..., CorrectionRecord]
QUESTION = "What is left of the apple?"


@pytest.fixture
def item_id(store: Store, picture_id: str) -> int:
    return store.items.add(picture_id=picture_id, question=QUESTION).id


def drawn(*boxes: int) -> dict[str, Any]:
    return {"regions": list(boxes)}


def test_every_edit_is_kept_and_comes_back(store: Store, item_id: int) -> None:
    empty = store.drafts.get(item_id, "Ada")
    assert (empty.version, empty.content, empty.updated_at) == (0, None, None)
    first = store.drafts.save(item_id, author="Ada", tab="t1", content=drawn(1), version=0)
    second = store.drafts.save(item_id, author="Ada", tab="t1", content=drawn(1, 2), version=first.version)
    assert (first.version, second.version) == (1, 2)
    assert Store(store.settings).drafts.get(item_id, "Ada") == second


def test_the_later_tab_is_told_who_and_when_and_writes_nothing(store: Store, item_id: int) -> None:
    both_saw = store.drafts.save(item_id, author="Ada", tab="t1", content=drawn(1), version=0)
    kept = store.drafts.save(item_id, author="Ada", tab="t1", content=drawn(1, 2), version=both_saw.version)
    with pytest.raises(ConflictError) as caught:
        store.drafts.save(item_id, author="Ada", tab="t2", content=drawn(9), version=both_saw.version)
    assert "by Ada in another tab at" in caught.value.got
    assert f"{kept.updated_at:%Y-%m-%d %H:%M:%S}" in caught.value.got
    assert store.drafts.get(item_id, "Ada") == kept
    # Having looked at it, the tab goes on from there; now the other one is told.
    taken = store.drafts.save(item_id, author="Ada", tab="t2", content=drawn(9), version=kept.version)
    with pytest.raises(ConflictError):
        store.drafts.save(item_id, author="Ada", tab="t1", content=drawn(1, 2, 3), version=kept.version)
    assert store.drafts.get(item_id, "Ada") == taken


def test_a_tab_whose_reply_was_lost_goes_on(store: Store, item_id: int) -> None:
    store.drafts.save(item_id, author="Ada", tab="t1", content=drawn(1), version=0)
    again = store.drafts.save(item_id, author="Ada", tab="t1", content=drawn(1, 2), version=0)
    assert (again.version, again.content) == (2, drawn(1, 2))


def test_tabs_without_a_name_are_not_taken_for_one(store: Store, item_id: int) -> None:
    store.drafts.save(item_id, content=drawn(1), version=0)
    with pytest.raises(ConflictError, match="without a name"):
        store.drafts.save(item_id, content=drawn(2), version=0)


def test_people_and_corrections_have_drafts_of_their_own(
    store: Store, item_id: int, correct: Correct
) -> None:
    made = correct()
    assert made.item_id == item_id
    drafts = [
        store.drafts.save(item_id, author="Ada", content=drawn(1), version=0),
        store.drafts.save(item_id, author="Bo", content=drawn(2), version=0),
        store.drafts.save(item_id, author="Ada", content=drawn(3), version=0, revises=made.id),
    ]
    assert [d.version for d in drafts] == [1, 1, 1]
    assert store.drafts.get(item_id, "Ada", revises=made.id) == drafts[2]
    assert store.drafts.get(item_id, "Ada") == drafts[0]


def test_saving_the_correction_closes_its_draft_and_tells_other_tabs(
    store: Store, item_id: int, correct: Correct
) -> None:
    draft = store.drafts.save(item_id, author="Ada", tab="t1", content=drawn(1), version=0)
    other = store.drafts.save(item_id, author="Bo", tab="t1", content=drawn(1), version=0)
    made = correct(author="Ada")
    closed = store.drafts.get(item_id, "Ada")
    assert (closed.content, closed.version) == (None, 2)
    for tab in ("t1", "t2"):
        with pytest.raises(ConflictError, match="saved or thrown away"):
            store.drafts.save(item_id, author="Ada", tab=tab, content=drawn(5), version=draft.version)
    assert store.drafts.get(item_id, "Bo") == other
    # A new draft on it starts from there.
    assert store.drafts.save(item_id, author="Ada", content=drawn(6), version=closed.version).version == 3

    store.drafts.save(item_id, author="Ada", content=drawn(7), version=0, revises=made.id)
    store.corrections.revise(made.id, "Ada", corrected_answer="plum")
    assert store.drafts.get(item_id, "Ada", revises=made.id).content is None
    assert store.drafts.get(item_id, "Bo") == other


def test_an_open_draft_is_found_by_what_is_asked(
    store: Store, item_id: int, picture_id: str, correct: Correct
) -> None:
    assert store.drafts.find(picture_id, QUESTION, "Ada") is None
    made = correct(author="Ada", question=QUESTION)
    store.drafts.save(item_id, author="Ada", content=drawn(1), version=0, revises=made.id)
    assert store.drafts.find(picture_id, QUESTION, "Ada") is None
    draft = store.drafts.save(item_id, author="Ada", content=drawn(2), version=0)
    assert store.drafts.find(picture_id, f" {QUESTION}\0 ", "Ada ") == draft
    assert store.drafts.find(picture_id, QUESTION) is None
    assert store.drafts.find(picture_id, "Which colour?", "Ada") is None
    assert store.drafts.find("0" * 64, QUESTION, "Ada") is None
    store.drafts.discard(item_id, "Ada")
    assert store.drafts.find(picture_id, QUESTION, "Ada") is None


def test_a_draft_can_be_thrown_away(store: Store, item_id: int) -> None:
    draft = store.drafts.save(item_id, author="Ada", content=drawn(1), version=0)
    store.drafts.discard(item_id, "Ada")
    store.drafts.discard(item_id, "Nobody")
    assert store.drafts.get(item_id, "Ada").content is None
    with pytest.raises(ConflictError):
        store.drafts.save(item_id, author="Ada", content=drawn(1), version=draft.version)


@pytest.mark.parametrize(
    "content", [{"x": math.nan}, {"x": object()}, {"x": "a" * MAX_DRAFT_BYTES}], ids=["nan", "object", "huge"]
)
def test_what_cannot_be_kept_is_refused(store: Store, item_id: int, content: dict[str, Any]) -> None:
    with pytest.raises(CorrectionError):
        store.drafts.save(item_id, content=content, version=0)
    assert store.drafts.get(item_id).version == 0


def test_a_draft_needs_its_item(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.drafts.get(99)
    with pytest.raises(NotFoundError):
        store.drafts.save(99, content={}, version=0)


def test_a_change_on_an_old_revision_is_told(store: Store, correct: Correct) -> None:
    made = correct(author="Ada")
    newer = store.corrections.revise(made.id, "Bo", corrected_answer="plum", expected_revision=1)
    with pytest.raises(ConflictError, match="revision 2 by Bo at"):
        store.corrections.revise(made.id, "Ada", regions=[Region.box(0, 0, 9, 9)], expected_revision=1)
    assert store.corrections.get(made.id) == newer
