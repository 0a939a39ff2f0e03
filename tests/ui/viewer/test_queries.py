"""What is answered to a viewer, without a browser: selections, pictures, figures of heads."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.errors import InputError, RegionError
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.viewer import queries
from tests.ui.driving import held, make_trace

BOX = Region.box(0, 0, 10, 10).to_dict()


@pytest.fixture
def two() -> Answered:
    """48 image tokens: 1 of the first picture, 47 in a row of the second; token i looks at image token i."""
    grids = (ImageGrid.regular((40, 40), (1, 1)), ImageGrid.regular((470, 10), (1, 47)))
    trace = AttentionTrace(**{**vars(make_trace()), "grids": grids})
    return Answered("a", held(Image.new("RGB", (40, 40)), Image.new("RGB", (470, 10))), "What?", trace)


def event(**fields: Any) -> Any:
    return SimpleNamespace(
        **{"id": "a", "revision": 7, "view": "raw", "picture": 1, "regions": [BOX]} | fields
    )


def test_boxes_are_measured_on_their_own_picture(two: Answered) -> None:
    numbers, figure = queries.measured(two, event())
    assert numbers is not None
    assert (numbers["id"], numbers["revision"], numbers["view"], numbers["picture"]) == ("a", 7, "raw", 1)
    # The first cell of the second picture is image token 1.
    assert int(np.argmax(numbers["token"]["energy"])) == 1
    assert len(figure.data) == 4, "with boxes the timeline has what is in them"
    numbers, figure = queries.measured(two, event(regions=[]))
    assert numbers is None and len(figure.data) == 2


@pytest.mark.parametrize("picture", [2, -1, "1", None, 1.0])
def test_pictures_that_the_question_has_not(two: Answered, picture: Any) -> None:
    with pytest.raises(InputError, match="one of 2 pictures"):
        queries.drawn(two, event(picture=picture))


def test_boxes_are_checked_against_the_servers_picture(two: Answered) -> None:
    assert queries.drawn(two, event()).regions == [Region.box(0, 0, 10, 10)]
    with pytest.raises(RegionError):
        queries.drawn(two, event(regions=[Region.box(10, 20, 30, 40).to_dict()]))


def test_columns_of_each_picture(two: Answered) -> None:
    assert queries.own_columns(two.trace, 0) == slice(0, 1)
    assert queries.own_columns(two.trace, 1) == slice(1, 48)


def test_rows_of_what_is_selected() -> None:
    trace = make_trace()  # 9 tokens, 8 rows; steps 0-4 and 5-7
    assert queries.selected(trace, {"kind": "answer", "index": 0}) == (slice(0, 8), "the whole answer")
    assert queries.selected(trace, {"kind": "step", "index": 1}) == (slice(5, 8), "step 2")
    assert queries.selected(trace, {"kind": "token", "index": 7}) == (slice(7, 8), "token 8")


@pytest.mark.parametrize(
    "selection",
    [
        None,
        3,
        {},
        {"kind": "token"},
        {"kind": "token", "index": 8},
        {"kind": "token", "index": -1},
        {"kind": "step", "index": 2},
        {"kind": "step", "index": -1},
        {"kind": "page", "index": 0},
        {"kind": "token", "index": "x"},
    ],
)
def test_what_cannot_be_selected(selection: Any) -> None:
    with pytest.raises(InputError, match="a token, a step or the answer"):
        queries.selected(make_trace(), selection)


def test_figures_of_heads_by_hand() -> None:
    """Two heads over 1 + 2 image tokens; the second picture's are (.3, .1) and (.2, .2)."""
    maps = np.array([[[0.1, 0.3, 0.1], [0.0, 0.2, 0.2]]])
    figures = queries.matrix_figures(maps, slice(1, 3), np.array([True, False]))
    assert figures["share"] == [[0.5, 0.4]]
    assert figures["energy"] == [[0.75, 0.5]]
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert figures["focus"] == [[pytest.approx(math.log(2) - entropy, abs=1e-5), 0.0]]
    assert queries.matrix_figures(maps, slice(1, 3), np.zeros(2, dtype=bool))["energy"] is None
