"""Regions of the same size somewhere else on the picture: the control for regions that mean something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sayo_app.core.geometry.raster import Box
from sayo_app.core.geometry.region import Region

_TRIES = 500


def elsewhere(
    regions: Sequence[Region],
    image_wh: tuple[int, int],
    rng: np.random.Generator,
    away_from: Sequence[Region] = (),
) -> tuple[Region, ...] | None:
    """The same regions moved to random places: wholly on the picture, and apart from where they were.

    Bounding boxes decide: a moved one touches none of those in `regions` and `away_from`, nor another moved
    one. A brush becomes the box round it, which is what is left of a shape that means nothing.

    Args:
        regions: original pixels; steps, labels and look stay.
        image_wh: of the picture.
        away_from: what else must not be touched.

    Returns:
        None where no such places were found.
    """
    taken = [region.box_xyxy for region in (*regions, *away_from)]
    moved: list[Region] = []
    for region in regions:
        box = _free_place(region.box_xyxy, image_wh, rng, taken)
        if box is None:
            return None
        taken.append(box)
        moved.append(_shifted(region, box))
    return tuple(moved)


def _free_place(
    box: Box, image_wh: tuple[int, int], rng: np.random.Generator, taken: Sequence[Box]
) -> Box | None:
    width, height = box[2] - box[0], box[3] - box[1]
    room_x, room_y = image_wh[0] - width, image_wh[1] - height
    if room_x < 0 or room_y < 0:
        return None
    for x, y in np.floor(rng.uniform((0, 0), (room_x + 1, room_y + 1), (_TRIES, 2))):
        x, y = float(min(x, room_x)), float(min(y, room_y))
        if not any(touches((x, y, x + width, y + height), other) for other in taken):
            return x, y, x + width, y + height
    return None


def touches(one: Box, other: Box) -> bool:
    """True where two boxes share a point, edges included."""
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _shifted(region: Region, box: Box) -> Region:
    if region.kind == "polygon":
        dx, dy = box[0] - region.box_xyxy[0], box[1] - region.box_xyxy[1]
        return replace(region, points_xy=tuple((x + dx, y + dy) for x, y in region.points_xy))
    return Region.box(*box, label=region.label, step=region.step, look=region.look)
