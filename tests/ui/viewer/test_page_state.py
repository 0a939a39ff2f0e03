"""What a viewer says that it shows is read, and not believed."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError, RegionError
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.viewer.page_state import PageState
from tests.ui.driving import held, make_trace

BOX = Region.box(10, 20, 110, 120).to_dict()


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "null",
        "[]",
        '{"id": 3, "regions": []}',
        '{"id": "a"}',
        "{",
        '{"id": "a", "regions": [3]}',
        '{"id": "a", "regions": {}}',
        '{"id": "a", "regions": [], "strength": "much"}',
        '{"id": "a", "regions": [], "picture": []}',
        '{"id": "a", "regions": [], "view": 3}',
        '{"id": "a", "regions": [], "strength": 1e999, "picture": 1e999}',
    ],
)
def test_what_no_page_of_ours_says(sent: str) -> None:
    with pytest.raises(CorrectionError, match="Reload the page"):
        PageState.read(sent)


def test_more_than_anybody_draws_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = json.dumps({"id": "a", "regions": [BOX]})
    assert PageState.read(f"{sent:<8000000}").regions == (BOX,)
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("it was read"))
    with pytest.raises(CorrectionError, match="at most 8 MB of regions"):
        PageState.read(f"{sent:<8000001}")


def test_boxes_are_sorted_by_picture_and_checked() -> None:
    pictures = held(Image.new("RGB", (320, 240)), Image.new("RGB", (50, 50)))
    answered = Answered("a", pictures, "What?", make_trace())

    def fitted(*regions: dict) -> list[list[Region]]:
        return PageState.read(json.dumps({"id": "a", "regions": regions})).fitted(answered)

    small = BOX | {"box_xyxy": [1, 2, 40, 50], "picture": 1}
    assert fitted(BOX, small) == [[Region.from_dict(BOX)], [Region.box(1, 2, 40, 50)]]
    with pytest.raises(RegionError):
        fitted(BOX | {"box_xyxy": [60, 60, 90, 90], "picture": 1})
    for number in (2, -1, "1", None):
        with pytest.raises(CorrectionError, match="2 pictures"):
            fitted(BOX | {"picture": number})
