"""What is said about an item of the work list, without a browser."""

from __future__ import annotations

import pytest

from sayo_app.access.current import acting, author_name
from sayo_app.access.roles import Person, Role
from sayo_app.core.geometry.region import Region
from sayo_app.errors import AccessError, ConflictError, CorrectionError
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.viewer.view_ids import CorrectionView, new_answer_to
from sayo_app.ui.worklist.item import flag, skip, submit
from sayo_app.ui.worklist.opened import Opened, opened_correction, opened_item
from storage.base.records import CorrectionRecord
from tests.ui.worklist.working import correct, picture

BOX = Region.box(10, 20, 110, 120).to_dict()


@pytest.fixture
def item(studio: Studio) -> Opened:
    picture_id = studio.store.pictures.add(picture(1)).id
    return opened_item(1, studio.store.items.add(picture_id=picture_id, question="Which?").id)


def boxes(opened: Opened, *regions: dict) -> PageState:
    return PageState(str(opened.view), regions)


def test_an_edit_makes_a_revision_and_wants_the_boxes_of_that_correction(studio: Studio) -> None:
    record = studio.store.corrections.get(correct(studio.store, 1, "Ada", (10, 20, 60, 70)))
    opened = opened_correction(1, record)
    changed = submit(studio, Session(), opened, boxes(opened, BOX | {"step": 1}), "blue", "Bo")
    assert (changed.revision, changed.corrected_answer, changed.regions[0].step) == (2, "blue", 1)
    for other in (CorrectionView(record.id + 1, 1), "answer-1", ""):
        with pytest.raises(CorrectionError, match="another one"):
            submit(studio, Session(), opened, PageState(str(other), (BOX,)), "blue", "Bo")
    with pytest.raises(ConflictError):
        submit(studio, Session(), opened, boxes(opened, BOX), "green", "Cy")


def test_an_item_takes_no_boxes_that_were_drawn_at_another_time(studio: Studio, item: Opened) -> None:
    before = opened_item(1, item.item_id)
    with pytest.raises(CorrectionError, match="item that is open"):
        submit(studio, Session(), item, boxes(before, BOX), "cat", "Ada")
    with pytest.raises(CorrectionError, match="still holds"):
        submit(studio, Session(), item, PageState(new_answer_to(item.view), (BOX,)), "cat", "Ada")
    assert studio.store.corrections.count() == 0
    stored = submit(studio, Session(), item, boxes(item, BOX), " cat ", " Ada ")
    assert (stored.model, stored.corrected_answer, stored.author) == ("", "cat", "Ada")
    assert stored.regions == (Region.from_dict(BOX),)


def test_who_skips_says_why_and_keeps_nothing_that_is_drawn(studio: Studio, item: Opened) -> None:
    with pytest.raises(CorrectionError):
        skip(studio, Session(), item, "  ", "Ada")
    skipped = skip(studio, Session(), item, "blurred", "Ada")
    assert (skipped.state, skipped.comment, skipped.regions) == ("skipped", "blurred", ())
    again = opened_correction(1, skipped)
    stored = submit(studio, Session(), again, boxes(again, BOX), "cat", "Ada")
    assert (stored.state, len(stored.regions)) == ("submitted", 1)
    assert skip(studio, Session(), opened_correction(1, stored), "after all", "Ada").state == "skipped"


def test_a_flag_on_an_item_to_do_begins_it_with_what_is_drawn(studio: Studio, item: Opened) -> None:
    begun = flag(studio, Session(), item, boxes(item, BOX), "cat", "Ada")
    assert (begun.state, begun.flagged, len(begun.regions)) == ("draft", True, 1)
    opened = opened_correction(1, begun)
    assert not flag(studio, Session(), opened, boxes(opened), "ignored", "Ada").flagged


def test_an_annotator_changes_their_own_corrections_and_a_reviewer_all(studio: Studio) -> None:
    ada, bob, rita = (
        Person(role, name, number)
        for number, (name, role) in enumerate(
            [("Ada", Role.ANNOTATOR), ("Bob", Role.ANNOTATOR), ("Rita", Role.REVIEWER)], start=1
        )
    )
    # Accounts, as the audit names them.
    for person in (ada, bob, rita):
        studio.store.accounts.arrived("header", person.name, person.name, person.role or Role.VISITOR)
    with acting(ada):
        record = studio.store.corrections.get(
            correct(studio.store, 1, author_name("somebody else"), (10, 20, 60, 70))
        )
    assert record.annotator == "Ada"
    box = Region.box(1, 1, 30, 30).to_dict()

    def change(person: Person) -> CorrectionRecord:
        opened = opened_correction(1, studio.store.corrections.get(record.id))
        with acting(person):
            return submit(studio, Session(), opened, boxes(opened, box), person.name, person.name)

    assert change(ada).corrected_answer == "Ada"
    for stranger in (bob, Person(Role.ANNOTATOR)):
        with pytest.raises(AccessError, match="somebody else corrected"):
            change(stranger)
        with acting(stranger), pytest.raises(AccessError, match="somebody else corrected"):
            skip(
                studio, Session(), opened_correction(1, studio.store.corrections.get(record.id)), "no", "Ada"
            )
    assert (change(rita).author, change(rita).annotator) == ("Rita", "Ada")
