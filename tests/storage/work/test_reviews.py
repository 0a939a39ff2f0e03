from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.errors import ConflictError, CorrectionError, NotFoundError
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.work_records import WorkQuery

Correct = Callable[..., CorrectionRecord]


def test_a_rejected_correction_goes_back_to_its_author_and_comes_again(
    store: Store, correct: Correct
) -> None:
    made = correct(author="Ada")
    rejected = store.reviews.judge(made.id, "reject", comment="too wide", author="Bo")
    assert (rejected.state, rejected.comment, rejected.author) == ("rejected", "too wide", "Bo")
    (entry,) = store.worklist.page(WorkQuery(states=("rejected",), annotator="Ada")).entries
    assert entry.correction_id == made.id
    again = store.corrections.revise(made.id, "Ada", regions=[Region.box(12, 5, 30, 25)])
    assert (again.state, again.comment) == ("submitted", "")
    accepted = store.reviews.judge(made.id, "accept", author="Bo")
    assert accepted.state == "accepted"
    assert [(r.author, r.state, r.comment) for r in store.corrections.history(made.id)] == [
        ("Ada", "submitted", ""),
        ("Bo", "rejected", "too wide"),
        ("Ada", "submitted", ""),
        ("Bo", "accepted", ""),
    ]
    # A flag does not undo a verdict, another answer does.
    assert store.corrections.revise(made.id, "Ada", flagged=True).state == "accepted"
    assert store.corrections.revise(made.id, "Ada", corrected_answer="fig").state == "submitted"


@pytest.mark.parametrize(("verdict", "comment"), [("reject", " "), ("accepted", "x"), ("", "")])
def test_a_verdict_is_clear_or_refused(store: Store, correct: Correct, verdict: str, comment: str) -> None:
    made = correct()
    with pytest.raises(CorrectionError):
        store.reviews.judge(made.id, verdict, comment=comment)
    assert store.corrections.get(made.id) == made


@pytest.mark.parametrize("state", ["draft", "deleted"])
def test_only_what_was_submitted_is_judged(store: Store, correct: Correct, state: str) -> None:
    made = correct(state=state)
    with pytest.raises(CorrectionError, match=state):
        store.reviews.judge(made.id, "accept")
    with pytest.raises(NotFoundError):
        store.reviews.judge(99, "accept")


def test_a_verdict_on_an_old_revision_is_told(store: Store, correct: Correct) -> None:
    made = correct(author="Ada")
    store.corrections.revise(made.id, "Ada", corrected_answer="plum")
    with pytest.raises(ConflictError, match="by Ada"):
        store.reviews.judge(made.id, "accept", author="Bo", expected_revision=1)


def test_agreement_is_of_pixels_and_answers(store: Store, correct: Correct) -> None:
    # Ada 10 x 10 and Bo 10 x 10, half over each other: 50 of 150 px. Cy drew nothing.
    ada = correct(author="Ada", regions=[Region.box(0, 0, 10, 10)], corrected_answer="Plum ")
    pixels = np.zeros((50, 100), bool)
    pixels[0:10, 5:15] = True
    far_off = Region.box(50, 0, 90, 40, look=False)
    bo = correct(author="Bo", regions=[Region.brush(pixels), far_off], corrected_answer="plum")
    cy = correct(author="Cy", regions=[], corrected_answer="fig")
    agreement = store.reviews.agreement(ada.item_id)
    assert agreement.annotators == ("Ada", "Bo", "Cy")
    assert [(p.correction_ids, p.iou, p.same_answer) for p in agreement.pairs] == [
        ((ada.id, bo.id), pytest.approx(1 / 3), True),
        ((ada.id, cy.id), 0.0, False),
        ((bo.id, cy.id), 0.0, False),
    ]
    assert agreement.mean_iou == pytest.approx(1 / 9)
    assert agreement.same_answers == pytest.approx(1 / 3)


def test_the_answer_shown_is_right_where_nobody_says_otherwise(store: Store, correct: Correct) -> None:
    one = correct(author="Ada", regions=[], corrected_answer="Pear", answer_shown="<answer>fig</answer>")
    correct(author="Bo", answer_shown="So. <answer> pear</answer>", regions=[Region.box(0, 0, 9, 9)])
    assert store.reviews.agreement(one.item_id).same_answers == 1


def test_only_the_newest_word_of_each_counts(store: Store, correct: Correct) -> None:
    correct(author="Ada", corrected_answer="fig")
    newest = correct(author="Ada", regions=[], corrected_answer="plum")
    alone = store.reviews.agreement(newest.item_id)
    assert (alone.annotators, alone.pairs, alone.mean_iou, alone.same_answers) == (("Ada",), (), None, None)
    bo = correct(author="Bo", regions=[], corrected_answer="plum")
    both = store.reviews.agreement(newest.item_id)
    assert (both.mean_iou, both.same_answers) == (None, 1.0)
    store.reviews.judge(bo.id, "reject", comment="no", author="Cy")
    assert store.reviews.agreement(newest.item_id).annotators == ("Ada",)
    with pytest.raises(NotFoundError):
        store.reviews.agreement(99)


def test_shared_items_have_two_people_whose_word_counts(store: Store, correct: Correct) -> None:
    alone = correct(author="Ada", question="Alone?")
    correct(author="Ada", question="Alone?", corrected_answer="again")
    old = correct(author="Ada", question="Old?")
    correct(author="Bo", question="Old?")
    new = correct(author="Ada", question="New?")
    correct(author="Bo", question="New?")
    draft = correct(author="Ada", question="Draft?")
    correct(author="Bo", question="Draft?", state="draft")
    sent_back = correct(author="Ada", question="Sent back?")
    wrong = correct(author="Bo", question="Sent back?")
    store.reviews.judge(wrong.id, "reject", comment="no", author="Cy")
    assert store.reviews.shared_items(9) == [new.item_id, old.item_id]
    assert alone.item_id != draft.item_id != sent_back.item_id
    # The one changed last comes first, and the limit holds.
    store.reviews.judge(old.id, "accept", author="Cy")
    assert store.reviews.shared_items(1) == [old.item_id]
    store.corrections.delete(new.id)
    assert store.reviews.shared_items(9) == [old.item_id]
    store.corrections.revise(wrong.id, "Bo", corrected_answer="fig")
    assert store.reviews.shared_items(9) == [wrong.item_id, old.item_id]
