"""Work items: what is to be corrected, by how many, and how corrections belong to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image

from sayo_app.errors import CorrectionError, NotFoundError, QuestionError
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.work_records import WorkQuery

Correct = Callable[..., CorrectionRecord]
QUESTION = "What is left of the apple?"


def states(store: Store) -> list[str]:
    return [entry.state for entry in store.worklist.page(WorkQuery()).entries]


def test_the_same_question_on_the_same_picture_is_one_item(store: Store, picture_id: str) -> None:
    first = store.items.add(picture_id=picture_id, question=f" {QUESTION}\n", priority=3)
    again = store.items.add(picture_id=picture_id, question=QUESTION, answer="pear", family="side", wanted=2)
    assert first.id == again.id
    assert (again.question, again.answer, again.family) == (QUESTION, "pear", "side")
    # What is known is not written over.
    third = store.items.add(picture_id=picture_id, question=QUESTION, answer="plum", priority=1)
    assert (third.answer, third.priority, third.wanted) == ("pear", 3, 2)
    assert store.items.get(first.id) == third
    other = store.pictures.add(Image.new("RGB", (9, 9)))
    assert store.items.add(picture_id=other.id, question=QUESTION).id != first.id
    assert store.items.add(picture_id=picture_id, question="How many?").id != first.id


def test_an_item_needs_a_question_and_a_picture(store: Store, picture_id: str) -> None:
    with pytest.raises(QuestionError):
        store.items.add(picture_id=picture_id, question=" \0 ")
    with pytest.raises(NotFoundError):
        store.items.add(picture_id="f" * 64, question=QUESTION)
    with pytest.raises(NotFoundError):
        store.items.get(99)
    with pytest.raises(NotFoundError):
        store.corrections.of_item(99)


def test_several_people_correct_one_item(store: Store, picture_id: str, correct: Correct) -> None:
    item = store.items.add(picture_id=picture_id, question=QUESTION, wanted=2)
    ada = correct(author="Ada")
    assert sorted(states(store)) == ["submitted", "todo"]
    bo = correct(author="Bo", question="What is there, left of the apple?", item_id=item.id)
    assert states(store) == ["submitted", "submitted"]
    assert store.corrections.of_item(item.id) == [ada, bo]
    # One is taken back: the item waits again.
    store.corrections.delete(bo.id)
    assert sorted(states(store)) == ["submitted", "todo"]
    assert store.corrections.of_item(item.id) == [ada]
    assert [entry.state for entry in store.worklist.of_item(item.id)].count("deleted") == 1
    store.corrections.restore(bo.id, 1)
    assert states(store) == ["submitted", "submitted"]


def test_what_somebody_just_asked_is_not_to_do(store: Store, picture_id: str, correct: Correct) -> None:
    item = store.items.add(picture_id=picture_id, question=QUESTION, wanted=0)
    assert states(store) == []
    assert correct().item_id == item.id
    assert states(store) == ["submitted"]


def test_a_correction_stays_on_the_picture_of_its_item(store: Store, correct: Correct) -> None:
    other = store.pictures.add(Image.new("RGB", (9, 9)))
    item = store.items.add(picture_id=other.id, question=QUESTION)
    with pytest.raises(CorrectionError, match="another picture"):
        correct(item_id=item.id)
    with pytest.raises(NotFoundError):
        correct(item_id=99)


def test_a_skip_says_why_and_counts_as_seen(store: Store, picture_id: str, correct: Correct) -> None:
    item = store.items.add(picture_id=picture_id, question=QUESTION)
    with pytest.raises(CorrectionError, match="reason of a skip"):
        correct(state="skipped", regions=[])
    skipped = correct(state="skipped", regions=[], comment="too dark", author="Ada")
    assert (skipped.comment, skipped.regions, skipped.item_id) == ("too dark", (), item.id)
    assert states(store) == ["skipped"]
    assert store.corrections.revise(skipped.id, "Bo", flagged=True).state == "skipped"
    # Corrected after all, it is submitted.
    later = store.corrections.revise(skipped.id, "Bo", corrected_answer="pear")
    assert (later.state, later.comment, later.author, later.annotator) == ("submitted", "", "Bo", "Ada")


def test_a_flag_is_a_revision_like_any_other(store: Store, correct: Correct) -> None:
    made = correct()
    flagged = store.corrections.revise(made.id, "Bo", flagged=True, comment="which apple?")
    assert (flagged.flagged, flagged.comment, flagged.revision, flagged.state) == (
        True,
        "which apple?",
        2,
        "submitted",
    )
    (entry,) = store.worklist.page(WorkQuery(flagged=True)).entries
    assert entry.correction_id == made.id
    assert store.worklist.page(WorkQuery(flagged=False)).entries == ()


def test_a_draft_may_be_empty_and_a_submission_not(store: Store, correct: Correct) -> None:
    made = correct(state="draft", regions=[], flagged=True)
    with pytest.raises(CorrectionError, match="neither"):
        store.corrections.revise(made.id, state="submitted")
    assert store.corrections.get(made.id) == made
    assert store.corrections.delete(made.id).state == "deleted"
    assert store.corrections.restore(made.id, 1).state == "draft"


@pytest.mark.parametrize("field", ["question", "answer_shown", "corrected_answer", "author", "comment"])
def test_text_that_a_database_cannot_keep_is_cleaned(store: Store, correct: Correct, field: str) -> None:
    made = correct(**{field: "a\0b \ud800 ü 🍎"})
    assert getattr(store.corrections.get(made.id), field) == "ab ? ü 🍎"


def test_a_name_that_is_too_long_is_told(correct: Correct) -> None:
    with pytest.raises(CorrectionError, match="at most 200"):
        correct(author="A" * 201)
