"""What is changed, where, and what follows from it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.geometry.region import Region, rasterise
from sayo_app.errors import RegionError
from sayo_app.ui.ask.trials import (
    Place,
    Said,
    changed,
    control,
    deciding,
    finding,
    peaks,
    percent,
    places,
    shown_map,
)
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.viewer.page_state import PageState
from tests.ui.demo import noise
from tests.ui.driving import held, make_trace

BOX = Region.box(40, 40, 120, 90)
RED = Said("red", 0.9)


def answered(count: int = 1) -> Answered:
    """About pictures of 320 x 240 px; token i looks hardest at cell i of 40 x 40 px."""
    trace = make_trace()
    if count > 1:
        attention = np.concatenate([trace.attention] * count, axis=2)
        trace = type(trace)(**{**vars(trace), "attention": attention, "grids": trace.grids * count})
    return Answered("answer-1", held(*(noise((320, 240), i) for i in range(count))), "What?", trace)


def state(*regions: dict, selection: object = None) -> PageState:
    chosen = selection or {"kind": "token", "index": 2}
    return PageState("answer-1", tuple(regions), view="raw", selection=chosen)


def drawn(region: Region, **more: object) -> dict:
    return region.to_dict() | more


def test_regions_to_look_at_are_changed_together_and_the_others_apart_from_them() -> None:
    away, second = Region.box(200, 100, 240, 140, look=False), Region.box(10, 10, 30, 30)
    found = places(answered(2), state(drawn(BOX), drawn(away, picture=1), drawn(second, picture=1)))
    assert [(it.kind, it.regions) for it in found] == [
        ("look", ((BOX,), (second,))),
        ("away", ((), (away,))),
    ]


def test_without_a_region_it_is_the_peaks_of_the_shown_map_the_strongest_first() -> None:
    one = answered()
    [peak] = places(one, state())
    assert (peak.kind, peak.name, peak.regions) == ("peak", "Peak 1", ((Region.box(80, 0, 120, 40),),))
    two = answered(2)
    values = np.zeros(96)
    values[[3, 40, 48 + 5, 48 + 30]] = 4, 3, 2, 5
    found = peaks(two, values)
    assert [tuple(map(len, it.regions)) for it in found] == [(0, 1), (1, 0), (1, 0)]
    assert found[0].regions[1] == (Region.box(240, 120, 280, 160),)  # cell 30 of 6 x 8
    with pytest.raises(RegionError, match="map with a peak"):
        flat = one.trace.attention * 0
        places(
            Answered("a", one.pictures, "What?", type(one.trace)(**{**vars(one.trace), "attention": flat})),
            state(),
        )


def test_the_shown_map_is_that_of_the_selection() -> None:
    one = answered()
    assert shown_map(one, state()).argmax() == 2
    whole = shown_map(one, state(selection={"kind": "answer", "index": 0}))
    np.testing.assert_allclose(whole, one.token_maps("raw").mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("way", ["cover", "blur", "recolour", "move"])
def test_only_the_picture_that_the_region_is_on_is_changed(way: str) -> None:
    pictures = (noise((320, 240), 0), noise((200, 100), 1))
    place = Place("Here", "look", ((BOX,), ()))
    after = changed(pictures, place, way, np.random.default_rng(0))
    assert after is not None and after[1] is pictures[1]
    before, now = (np.asarray(it[0]) for it in (pictures, after))
    inside = rasterise(BOX, (320, 240))
    differs = (before != now).any(axis=-1)
    assert differs[inside].mean() > 0.95
    if way == "move":
        # What was there is somewhere else, and nothing but both places has changed.
        assert inside.sum() < differs.sum() <= 2 * inside.sum()
        ys, xs = np.nonzero(differs & ~inside)
        there = now[ys.min() : ys.min() + 50, xs.min() : xs.min() + 80]
        np.testing.assert_array_equal(there, before[40:90, 40:120])
    else:
        assert not differs[~inside].any()


def test_what_fills_the_picture_cannot_be_moved_and_has_no_control() -> None:
    picture = noise((60, 40), 0)
    place = Place("Here", "look", ((Region.box(0, 0, 60, 40),),))
    assert changed((picture,), place, "move", np.random.default_rng(0)) is None
    assert control((picture,), place, [place], np.random.default_rng(0)) is None


def test_the_control_is_as_large_and_apart_from_every_place() -> None:
    place = Place("Here", "look", ((BOX,), ()))
    other = Place("There", "away", ((Region.box(150, 100, 300, 230, look=False),), ()))
    pictures = (Image.new("RGB", (320, 240)), Image.new("RGB", (10, 10)))
    for seed in range(20):
        there = control(pictures, place, [place, other], np.random.default_rng(seed))
        assert there is not None and there.regions[1] == ()
        mask = rasterise(there.regions[0][0], (320, 240))
        assert mask.sum() == 80 * 50
        assert not (mask & (rasterise(BOX, (320, 240)) | rasterise(other.regions[0][0], (320, 240)))).any()


@pytest.mark.parametrize(
    ("kind", "after", "elsewhere", "words", "good"),
    [
        ("look", Said("blue", 0.1), RED, "from “red” to “blue” when what is in the drawn region", True),
        ("look", Said("blue", 0.1), None, "it hangs on it.", True),
        ("look", Said("blue", 0.1), Said("green", 0.1), "but also when as much is covered somewhere", False),
        ("look", Said("A red.", 0.46), RED, "it does not hang on it.", False),
        ("look", Said("red", 0.44), RED, "falls from 90 % to 44 %: it hangs on it in part.", True),
        ("peak", Said("red", 0.9), RED, "attention is no evidence of what the answer hangs on.", False),
        ("peak", Said("blue", 0.0), RED, "when what it looked at most is covered: it hangs on it.", True),
        ("away", Said("red", 0.9), RED, "it is not swayed by it.", True),
        ("away", Said("blue", 0.1), RED, "is covered: it is swayed by it.", False),
    ],
)
def test_what_follows(kind: str, after: Said, elsewhere: Said | None, words: str, good: bool) -> None:
    found = finding(kind, RED, after, elsewhere)  # type: ignore[arg-type]
    assert words in found.text and found.good is good


def test_the_place_that_moved_the_answer_most_decides() -> None:
    spots = [Place(name, "peak", ((BOX,),)) for name in "abc"]
    tried = list(zip(spots, [Said("red", 0.2), Said("blue", 0.6), Said("green", 0.5)], strict=True))
    assert deciding(RED, tried)[0].name == "c"
    assert deciding(RED, tried[:2])[0].name == "b", "another answer, though likelier"
    assert deciding(RED, [tried[0], (spots[2], RED)])[0].name == "a"


def test_small_shares_are_not_said_to_be_nothing() -> None:
    assert [percent(it) for it in (0.0, 0.0099, 0.01, 0.126, 1.0)] == [
        "under 1 %",
        "under 1 %",
        "1 %",
        "13 %",
        "100 %",
    ]
