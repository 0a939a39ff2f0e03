"""What viewers show has ids that are read as they were made, and nothing else is read as one."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayo_app.ui.viewer.view_ids import (
    AnswerKind,
    CorrectionView,
    ItemView,
    WorkView,
    new_answer,
    new_answer_to,
    new_picture,
    picture_in,
    read_view,
    scene_picture,
    without_answer,
)

NUMBERS = st.integers(min_value=0, max_value=10**18 - 1)
VIEWS = st.builds(CorrectionView, NUMBERS, NUMBERS) | st.builds(ItemView.afresh, NUMBERS)


@given(VIEWS)
def test_a_view_is_read_as_it_was_made_and_so_is_an_answer_to_it(view: WorkView) -> None:
    assert read_view(str(view)) == view
    assert read_view(new_answer_to(view)) == view


@given(VIEWS, VIEWS)
def test_two_views_have_two_names(one: WorkView, other: WorkView) -> None:
    assert (str(one) == str(other)) is (one == other)
    assert new_answer_to(one) != new_answer_to(one)


def test_names_are_those_of_drafts_that_are_kept() -> None:
    assert str(CorrectionView(12, 3)) == "correction-12-3"
    assert str(ItemView(5, "0123456789ab")) == "item-5-0123456789ab"
    first, second = ItemView.afresh(5), ItemView.afresh(5)
    assert first.item_id == second.item_id == 5 and first != second


@given(st.text() | st.none() | st.integers() | st.lists(st.text()))
def test_whatever_a_page_sends_is_no_view(sent: Any) -> None:
    assert read_view(sent) is None


@pytest.mark.parametrize(
    "sent",
    [
        "correction-1",
        "correction-1-",
        "correction--1-1",
        "correction-1-1-",
        "correction-1-1-answer",
        "correction-1-1-answer-x",
        "correction-1-1\n",
        "correction-١-1",
        f"correction-{10**18}-1",
        "item-1",
        "item-1-xyz",
        "item-x-0a",
        " item-1-0a",
        "item-1-0a-answer-",
        {"id": "item-1-0a"},
    ],
)
def test_what_only_looks_like_a_view(sent: Any) -> None:
    assert read_view(sent) is None


@given(VIEWS, st.sampled_from(get_args(AnswerKind)), st.integers(min_value=0))
def test_no_other_id_is_read_as_a_view(view: WorkView, kind: AnswerKind, seed: int) -> None:
    pictures = [new_picture(), scene_picture(seed), picture_in(view, "f" * 64)]
    for other in (new_answer(kind), without_answer(pictures), *pictures):
        assert read_view(other) is None
    assert picture_in(view, "f" * 64) != picture_in(ItemView(1, "0"), "f" * 64)
