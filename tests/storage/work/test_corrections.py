from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError, NotFoundError, QuestionError, RegionError
from storage.base.records import CORRECTION_STATES, COUNTED_STATES, CorrectionRecord
from storage.store import Store

Correct = Callable[..., CorrectionRecord]


def test_what_is_stored_comes_back(store: Store, correct: Correct, picture_id: str) -> None:
    polygon = Region.polygon([(1, 1), (9, 1), (5, 8)], label="pear", step=1, look=False)
    made = correct(regions=[Region.box(10, 5, 30, 25), polygon], corrected_answer="plum", author="Ada")
    assert store.corrections.get(made.id) == made
    assert made.regions == (Region.box(10, 5, 30, 25), polygon)
    assert (made.picture_id, made.corrected_answer, made.author) == (picture_id, "plum", "Ada")
    assert (made.state, made.origin, made.revision) == ("submitted", "person", 1)
    assert made.created_at == made.updated_at
    assert made.created_at.tzinfo is UTC
    assert abs(datetime.now(UTC) - made.created_at) < timedelta(seconds=30)


def test_another_opening_of_the_store_sees_it(store: Store, correct: Correct) -> None:
    made = correct()
    assert Store(store.settings).corrections.all() == [made]


def test_regions_are_fitted_to_the_stored_picture(correct: Correct) -> None:
    # The picture is 100 x 50.
    assert correct(regions=[Region.box(120, 30, 90, -10)]).regions == (Region.box(90, 0, 100, 30),)


@pytest.mark.parametrize("box", [(100, 0, 120, 20), (-5, -5, 0, 0), (5, 5, 5, 20)])
def test_a_region_off_the_picture_or_of_no_area_stores_nothing(
    store: Store, correct: Correct, box: tuple[int, int, int, int]
) -> None:
    with pytest.raises(RegionError):
        correct(regions=[Region.box(1, 1, 9, 9), Region.box(*box)])
    kept = correct()
    with pytest.raises(RegionError):
        store.corrections.revise(kept.id, regions=[Region.box(*box)])
    assert store.corrections.all() == store.corrections.history(kept.id) == [kept]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"regions": [], "corrected_answer": None}, CorrectionError),
        ({"regions": [], "corrected_answer": "  "}, CorrectionError),
        ({"question": " \n"}, QuestionError),
        ({"state": "lost"}, CorrectionError),
        ({"origin": "heaven"}, CorrectionError),
        ({"picture_id": "f" * 64}, NotFoundError),
        ({"adapter_id": 7}, NotFoundError),
        ({"trace_id": "f" * 64}, NotFoundError),
    ],
)
def test_what_cannot_be_a_correction_is_refused(
    store: Store, correct: Correct, fields: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        correct(**fields)
    assert store.corrections.count(CORRECTION_STATES) == 0


def test_an_answer_alone_or_a_region_alone_is_enough(correct: Correct) -> None:
    assert correct(regions=[], corrected_answer=" plum ").corrected_answer == "plum"
    assert correct(corrected_answer="").corrected_answer is None


def test_a_change_is_a_revision_and_the_old_one_stays(store: Store, correct: Correct) -> None:
    first = correct(author="Ada")
    second = store.corrections.revise(
        first.id, "Bo", corrected_answer="plum", regions=[Region.box(0, 0, 9, 9)]
    )
    third = store.corrections.revise(first.id, "Cy", question="What is right of the apple?")
    assert store.corrections.history(first.id) == [first, second, third]
    assert store.corrections.get(first.id) == third
    assert [r.revision for r in (first, second, third)] == [1, 2, 3]
    assert [r.author for r in (first, second, third)] == ["Ada", "Bo", "Cy"]
    # What a revision does not name stays as it was before it.
    assert (third.corrected_answer, third.regions) == ("plum", (Region.box(0, 0, 9, 9),))
    assert first.created_at == third.created_at
    assert third.updated_at >= second.updated_at >= first.updated_at


def test_no_change_is_no_revision(store: Store, correct: Correct) -> None:
    first = correct()
    assert store.corrections.revise(first.id, "Bo", regions=first.regions, question=first.question) == first
    assert store.corrections.history(first.id) == [first]


@pytest.mark.parametrize("field", ["answer_shown", "picture_id", "origin", "created_at", "nonsense"])
def test_what_was_shown_cannot_be_changed(store: Store, correct: Correct, field: str) -> None:
    with pytest.raises(CorrectionError, match=field):
        store.corrections.revise(correct().id, **{field: "other"})


def test_a_revision_may_not_leave_it_empty(store: Store, correct: Correct) -> None:
    made = correct()
    with pytest.raises(CorrectionError, match="neither"):
        store.corrections.revise(made.id, regions=[])
    assert store.corrections.get(made.id) == made


def test_deleting_hides_it_and_keeps_everything(store: Store, correct: Correct) -> None:
    kept, made = correct(), correct(corrected_answer="plum")
    gone = store.corrections.delete(made.id, "Bo")
    assert (gone.state, gone.revision, gone.author) == ("deleted", 2, "Bo")
    assert store.corrections.delete(made.id, "Cy") == gone
    assert store.corrections.all() == [kept]
    assert store.corrections.count() == 1
    assert store.corrections.all(CORRECTION_STATES) == [gone, kept]
    assert store.corrections.count(CORRECTION_STATES) == 2
    assert store.corrections.get(made.id) == gone
    assert store.corrections.history(made.id) == [made, gone]


def test_a_deleted_correction_is_restored_before_it_is_edited(store: Store, correct: Correct) -> None:
    made = correct()
    store.corrections.delete(made.id)
    with pytest.raises(CorrectionError, match="Restore it first"):
        store.corrections.revise(made.id, question="?")
    back = store.corrections.restore(made.id, 1, "Bo")
    assert (back.state, back.revision, back.author) == ("submitted", 3, "Bo")
    assert store.corrections.all() == [back]
    assert [r.state for r in store.corrections.history(made.id)] == ["submitted", "deleted", "submitted"]


def test_restoring_brings_back_content_as_a_new_revision(store: Store, correct: Correct) -> None:
    made = correct(corrected_answer="plum")
    store.corrections.revise(made.id, corrected_answer="fig", regions=[Region.box(0, 0, 9, 9)])
    back = store.corrections.restore(made.id, 1)
    assert (back.corrected_answer, back.regions, back.revision) == ("plum", made.regions, 3)
    assert store.corrections.restore(made.id, 1) == back


def test_unknown_ids_are_not_found(store: Store, correct: Correct) -> None:
    for call in (store.corrections.get, store.corrections.delete, store.corrections.history):
        with pytest.raises(NotFoundError):
            call(99)
    with pytest.raises(NotFoundError, match="revision"):
        store.corrections.restore(correct().id, 2)


def test_the_list_can_be_narrowed_to_states_and_the_count_to_an_origin_too(
    store: Store, correct: Correct
) -> None:
    mine, made_up = correct(state="draft"), correct(origin="generated", family="count")
    assert store.corrections.all() == [made_up, mine]
    assert store.corrections.all(limit=1) == [made_up]
    assert store.corrections.all(["draft", "skipped"]) == [mine]
    assert store.corrections.count(origin="generated") == store.corrections.count(COUNTED_STATES) == 1
    assert store.corrections.count(["draft"], origin="generated") == 0
    assert store.corrections.count_pictures() == store.corrections.count_pictures(["draft"]) == 1
    assert store.corrections.count_pictures(["accepted"]) == 0
    assert made_up.family == "count"


def test_pictures_that_were_corrected_are_known_even_where_it_is_deleted(
    store: Store, correct: Correct, picture_id: str
) -> None:
    assert store.corrections.picture_ids() == set()
    store.corrections.delete(correct().id)
    assert (store.corrections.picture_ids(), store.corrections.count_pictures()) == ({picture_id}, 0)


def test_several_are_got_at_once_as_they_stand(store: Store, correct: Correct) -> None:
    one, two = correct(question="One?"), correct(question="Two?")
    correct(question="Three?")
    changed = store.corrections.revise(one.id, "Ada", corrected_answer="fig")
    gone = store.corrections.delete(two.id)
    assert store.corrections.get_many([one.id, two.id, 99]) == {one.id: changed, two.id: gone}
    assert store.corrections.get_many([]) == {}
