"""Regions of the same size somewhere else."""

from __future__ import annotations

import numpy as np
import pytest

from sayo_app.core.geometry.elsewhere import elsewhere, touches
from sayo_app.core.geometry.region import Region

IMAGE_WH = (200, 120)


def boxes_of(regions):
    return [region.box_xyxy for region in regions]


@pytest.mark.parametrize("seed", range(50))
def test_moved_regions_are_apart_from_all_others_and_as_large(seed):
    rng = np.random.default_rng(seed)
    regions = [Region.box(10, 10, 50, 40, step=1), Region.box(60, 20, 80, 60, look=False)]
    stamp = Region.box(150, 0, 200, 50)
    moved = elsewhere(regions, IMAGE_WH, rng, away_from=[stamp])
    assert moved is not None
    for before, after in zip(regions, moved, strict=True):
        (x0, y0, x1, y1), (a0, b0, a1, b1) = before.box_xyxy, after.box_xyxy
        assert (x1 - x0, y1 - y0) == (a1 - a0, b1 - b0)
        assert min(a0, b0) >= 0 and a1 <= IMAGE_WH[0] and b1 <= IMAGE_WH[1]
        assert (before.step, before.look) == (after.step, after.look)
        assert not any(touches(after.box_xyxy, box) for box in boxes_of([*regions, stamp]))
    assert not touches(*boxes_of(moved))


def test_a_polygon_keeps_its_shape_and_a_brush_becomes_its_box():
    mask = np.zeros((120, 200), dtype=bool)
    mask[100:110, 100:104] = True
    regions = [Region.polygon([(0, 0), (10, 0), (5, 8)]), Region.brush(mask)]
    moved = elsewhere(regions, IMAGE_WH, np.random.default_rng(0))
    assert moved is not None
    polygon, box = moved
    corners = np.array(polygon.points_xy)
    assert (corners - corners[0]).tolist() == [[0, 0], [10, 0], [5, 8]]
    assert box.kind == "box"
    assert (box.box_xyxy[2] - box.box_xyxy[0], box.box_xyxy[3] - box.box_xyxy[1]) == (4, 10)


def test_there_is_nothing_where_there_is_no_room():
    assert elsewhere([Region.box(0, 0, 150, 100)], IMAGE_WH, np.random.default_rng(0)) is None
    assert elsewhere([Region.box(0, 0, 300, 10)], IMAGE_WH, np.random.default_rng(0)) is None


def test_boxes_that_share_an_edge_touch():
    assert touches((0, 0, 1, 1), (1, 0, 2, 1))
    assert not touches((0, 0, 1, 1), (1.5, 0, 2, 1))
