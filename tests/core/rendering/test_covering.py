"""Regions taken out of pictures: pixels worked out by hand, and what holds for every picture and region."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from sayo_app.core.geometry.region import Region, rasterise
from sayo_app.core.rendering.covering import WAYS, Way, covered, moved, recoloured
from sayo_app.errors import RegionError

WH = (12, 8)
pictures = arrays(np.uint8, (*WH[::-1], 3))
edges = st.floats(-3, 14)
points = st.tuples(edges, edges)
# Two corners for a box, more for a polygon, or the pixels of a brush.
outlines = st.lists(points, min_size=2, max_size=5) | arrays(bool, WH[::-1])


def region_of(outline: list[tuple[float, float]] | np.ndarray) -> Region:
    if isinstance(outline, np.ndarray):
        return Region.brush(outline)
    return Region.polygon(outline) if len(outline) > 2 else Region.box(*outline[0], *outline[1])


def painted(colour: tuple[int, int, int], wh: tuple[int, int] = WH) -> Image.Image:
    return Image.new("RGB", wh, colour)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def outside(drawn: list[Region]) -> np.ndarray:
    kept = np.ones(WH[::-1], bool)
    for region in drawn:
        kept &= ~rasterise(region, WH)
    return kept


@given(pictures, st.lists(outlines, max_size=3), st.sampled_from(WAYS))
def test_only_pixels_of_the_regions_change(values: np.ndarray, outlined: list[Any], way: Way) -> None:
    drawn = [region_of(outline) for outline in outlined]
    picture, kept = Image.fromarray(values), outside(drawn)
    for changed in (covered(picture, drawn, way), recoloured(picture, drawn)):
        np.testing.assert_array_equal(pixels(changed)[kept], values[kept])
    np.testing.assert_array_equal(pixels(picture), values, "the picture was drawn into")


@given(pictures, pictures, st.lists(outlines, min_size=1, max_size=3))
def test_what_is_inpainted_says_nothing_of_what_was_there(
    values: np.ndarray, others: np.ndarray, outlined: list[Any]
) -> None:
    drawn = [region_of(outline) for outline in outlined]
    kept = outside(drawn)
    if not kept.any():
        return
    swapped = np.where(kept[..., None], values, others)
    one, two = (covered(Image.fromarray(it), drawn, "inpaint") for it in (values, swapped))
    np.testing.assert_array_equal(pixels(one), pixels(two))


def test_a_large_hole_is_inpainted_on_a_smaller_picture_and_nothing_shines_through() -> None:
    values = np.full((300, 400, 3), 40, np.uint8)
    values[:, 200:] = 90
    hole = Region.box(101.3, 50.7, 301.9, 251.2)
    inside = rasterise(hole, (400, 300))
    assert inside.sum() > 20_000
    values[inside] = 255
    filled = pixels(covered(Image.fromarray(values), [hole], "inpaint"))
    assert filled[60:240, 110:150].max() < 60 and filled[60:240, 250:290].min() > 70
    # At the edges what is next to them, and not what the hole was emptied with.
    assert np.abs(filled[60:240, 101:104] - 40).max() <= 6 and np.abs(filled[60:240, 298:302] - 90).max() <= 6
    np.testing.assert_array_equal(filled[~inside], values[~inside])
    values[inside] = 0
    np.testing.assert_array_equal(filled, pixels(covered(Image.fromarray(values), [hole], "inpaint")))


def test_the_mean_is_that_of_the_whole_picture() -> None:
    # 8 of 96 pixels are white, the others black: 255 · 8 / 96 = 21.25.
    picture = painted((0, 0, 0))
    picture.paste((255, 255, 255), (0, 0, 4, 2))
    found = pixels(covered(picture, [Region.box(3, 1, 6, 3)], "mean"))
    assert (found[1:3, 3:6] == 21).all()
    assert (found[0, :4] == 255).all() and (found[3:] == 0).all()


def test_all_regions_are_covered_whatever_they_were_drawn_with() -> None:
    mask = np.zeros(WH[::-1], bool)
    mask[7, 11] = True
    drawn = [Region.box(0, 0, 1, 1), Region.polygon([(4, 4), (8, 4), (4, 8)]), Region.brush(mask)]
    picture = painted((0, 0, 0))
    picture.paste((240, 240, 240), (6, 0, 12, 3))
    changed = (pixels(covered(picture, drawn, "mean")) != pixels(picture)).any(axis=-1)
    # Centres with x + y < 12, left of the line from (8, 4) to (4, 8): three, two and one a row.
    wanted = np.zeros(WH[::-1], bool)
    wanted[0, 0] = wanted[7, 11] = True
    wanted[4, 4:7] = wanted[5, 4:6] = wanted[6, 4] = True
    assert (wanted == ~outside(drawn)).all()
    np.testing.assert_array_equal(changed, wanted)


def test_a_letter_cannot_be_read_under_the_blur() -> None:
    """Bars of black and white, eight to the region, come out as grey that is nearly even."""
    values = np.full((200, 200, 3), 128, np.uint8)
    values[60:140, 60:140] = 0
    values[60:140, 60:140:20] = values[60:140, 65:140:20] = 255
    for x in range(60, 140, 20):
        values[60:140, x : x + 10] = 255
    found = pixels(covered(Image.fromarray(values), [Region.box(60, 60, 140, 140)], "blur"))
    inside = found[60:140, 60:140]
    assert np.ptp(inside) <= 4 and inside.mean() == pytest.approx(128, abs=3)


def test_the_blur_of_a_bright_region_lets_a_sixth_of_it_through_at_most() -> None:
    # A Gaussian of sigma = side over a square of that side, in its middle: erf(1 / 2√2)² = 0.3829² = 0.147.
    values = np.zeros((320, 320, 3), np.uint8)
    values[120:200, 120:200] = 255
    found = pixels(covered(Image.fromarray(values), [Region.box(120, 120, 200, 200)], "blur"))
    assert found[160, 160, 0] == pytest.approx(0.147 * 255, abs=2)
    # The largest region says how much: with a second one of 4 px the blur is the same.
    two = [Region.box(120, 120, 200, 200), Region.box(0, 0, 2, 2)]
    assert pixels(covered(Image.fromarray(values), two, "blur"))[160, 160, 0] == found[160, 160, 0]


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_that_is_all_region_and_one_that_is_of_one_colour(way: Way) -> None:
    whole = Region.box(0, 0, *WH)
    halves = np.zeros((*WH[::-1], 3), np.uint8)
    halves[:, 6:] = 200
    found = pixels(covered(Image.fromarray(halves), [whole], way))
    assert np.ptp(found) <= (0 if way != "blur" else 100)
    # OpenCV's Telea is a few levels off even where all is of one colour.
    even = pixels(covered(painted((10, 20, 30)), [Region.box(2, 2, 5, 5)], way))
    assert np.abs(even - (10, 20, 30)).max() <= (3 if way == "inpaint" else 0)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_drawn_changes_nothing(way: Way) -> None:
    picture = Image.fromarray(np.arange(288, dtype=np.uint8).reshape(8, 12, 3))
    assert covered(picture, [], way).tobytes() == picture.tobytes() == recoloured(picture, []).tobytes()


def test_hue_is_turned_by_half_a_circle_and_lightness_kept() -> None:
    whole = [Region.box(0, 0, *WH)]
    # M + m - v: (200, 50, 100) has M = 200, m = 50.
    assert (pixels(recoloured(painted((200, 50, 100)), whole)) == (50, 200, 150)).all()
    assert (pixels(recoloured(painted((0, 0, 255)), whole)) == (255, 255, 0)).all()


def test_greys_become_visible_and_light_stays_lighter_than_dark() -> None:
    whole = [Region.box(0, 0, *WH)]
    black, white = (pixels(recoloured(painted(it), whole))[0, 0] for it in ((0,) * 3, (255,) * 3))
    # Half of (235, 100, 20), and half of it and 255; 117.5 goes to the even 118 and 177.5 to 178.
    assert black.tolist() == [118, 50, 10] and white.tolist() == [245, 178, 138]
    for level in range(0, 256, 15):
        before = painted((level,) * 3)
        assert np.abs(pixels(recoloured(before, whole)) - pixels(before)).max() > 50


@given(pictures)
def test_strong_colours_turned_twice_are_what_they_were(values: np.ndarray) -> None:
    values[..., 0], values[..., 1] = values[..., 0] // 8, 255 - values[..., 1] // 8
    whole = [Region.box(0, 0, *WH)]
    twice = recoloured(recoloured(Image.fromarray(values), whole), whole)
    np.testing.assert_array_equal(pixels(twice), values)


def test_a_box_is_moved_and_its_hole_filled() -> None:
    picture = painted((50, 50, 50))
    picture.paste((255, 0, 0), (1, 1, 4, 3))
    picture.putpixel((1, 1), (0, 255, 0))
    region = Region.box(1, 1, 4, 3, label="stamp", look=False)
    changed, there = moved(picture, [region], (8.4, 4.6))
    assert there == (Region.box(8, 5, 11, 7, label="stamp", look=False),)
    wanted = np.full((*WH[::-1], 3), 50)
    wanted[5:7, 8:11] = (255, 0, 0)
    wanted[5, 8] = (0, 255, 0)
    np.testing.assert_array_equal(pixels(changed)[5:7, 8:11], wanted[5:7, 8:11])
    assert np.abs(pixels(changed) - wanted).max() <= 3


def test_only_the_pixels_of_a_polygon_or_a_brush_go_along() -> None:
    mask = np.zeros(WH[::-1], bool)
    mask[0, 0] = mask[1, 1] = True
    picture = painted((50, 50, 50))
    picture.paste((200, 0, 0), (0, 0, 2, 2))
    changed, (there,) = moved(picture, [Region.brush(mask, step=1)], (6, 3))
    assert there.step == 1 and there.box_xyxy == (6, 3, 8, 5)
    reds = np.argwhere(pixels(changed)[3:5, 6:8, 0] == 200).tolist()
    assert reds == [[0, 0], [1, 1]]


def test_what_lies_on_the_picture_is_moved_by_whole_pixels() -> None:
    _, (there,) = moved(painted((1, 2, 3)), [Region.box(-2, -2, 2, 2)], (4, 4))
    assert there == Region.box(4, 4, 6, 6)
    # From 0.4 to 0 is nearer to none than to one, and so is from 0.5, halves going up.
    for edge in (0.4, 0.5):
        _, (there,) = moved(painted((1, 2, 3)), [Region.box(edge, edge, 3, 3)], (0, 0))
        assert there == Region.box(edge, edge, 3, 3)


@pytest.mark.parametrize("way", WAYS)
def test_a_hole_that_leaves_next_to_nothing_can_be_filled(way: Way) -> None:
    picture = painted((0, 0, 200), (300, 300))
    picture.putpixel((150, 150), (0, 0, 100))
    mask = np.ones((300, 300), bool)
    mask[150, 150] = False
    found = pixels(covered(picture, [Region.brush(mask)], way))
    assert found[150, 150, 2] == 100 and found[..., 0].max() == 0 and found[..., 2].min() >= 97


def test_several_regions_move_as_they_lie_to_each_other() -> None:
    drawn = [Region.box(0, 0, 2, 2), Region.polygon([(4, 1), (6, 1), (6, 3)])]
    _, there = moved(painted((1, 2, 3)), drawn, (5, 4))
    assert there == (Region.box(5, 4, 7, 6), Region.polygon([(9, 5), (11, 5), (11, 7)]))


@given(pictures, outlines, st.floats(0, 1), st.floats(0, 1))
def test_what_is_moved_arrives_whole_and_nothing_else_changes(
    values: np.ndarray, outline: Any, across: float, down: float
) -> None:
    try:
        region = region_of(outline).fitted(WH)
    except RegionError:
        return
    x0, y0, x1, y1 = region.box_xyxy
    to_xy = (across * (WH[0] - (x1 - x0)), down * (WH[1] - (y1 - y0)))
    changed, (there,) = moved(Image.fromarray(values), [region], to_xy)
    old, new = rasterise(region, WH), rasterise(there, WH)
    assert old.sum() == new.sum()
    np.testing.assert_array_equal(pixels(changed)[new], values[old])
    np.testing.assert_array_equal(pixels(changed)[~old & ~new], values[~old & ~new])


@pytest.mark.parametrize("to_xy", [(-1, 0), (0, -0.1), (9.5, 0), (0, 6.5)])
def test_a_place_that_is_not_on_the_picture_is_refused(to_xy: tuple[float, float]) -> None:
    with pytest.raises(RegionError, match="Expected a place for 3 x 2 px on the picture of 12 x 8 px"):
        moved(painted((0, 0, 0)), [Region.box(1, 1, 4, 3)], to_xy)


def test_nothing_to_move_and_a_brush_of_another_picture_are_refused() -> None:
    with pytest.raises(RegionError, match="Expected a region to move, got none"):
        moved(painted((0, 0, 0)), [], (0, 0))
    with pytest.raises(RegionError, match="painted on 3 x 3 px"):
        covered(painted((0, 0, 0)), [Region.brush(np.ones((3, 3), bool))], "mean")
