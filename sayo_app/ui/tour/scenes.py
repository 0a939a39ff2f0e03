"""The tour's pictures: composed scenes with a stamp, the same for everybody, on seeds of their own."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

from sayo_app.core.geometry.region import Region
from sayo_app.core.scenes.confounders import CONFOUNDED, ConfoundedScene, make_confounded, stamp

# Beyond the scenes of pretraining, of evaluation, of generated corrections and of any study.
FIRST_SEED = 7_000_000_000
_PART = 1_000_000


class Part(IntEnum):
    """What a picture is for; none is in two parts.

    `SHOWN` are met first and may be corrected, `TAUGHT` are the other corrections. In `LYING` and
    `MEASURED_LYING` the stamp shows another answer than the right one: these are never trained on. Those
    that are `MEASURED` are held out of the run.
    """

    SHOWN = 0
    LYING = 1
    TAUGHT = 2
    MEASURED_LYING = 3
    MEASURED_AGREEING = 4


@lru_cache(maxsize=128)
def scene_of(part: Part, number: int) -> ConfoundedScene:
    """The scene of that number, from 0; families of questions take turns."""
    seed = FIRST_SEED + part * _PART + number
    agrees = part not in (Part.LYING, Part.MEASURED_LYING)
    return make_confounded(seed, stamp, family=CONFOUNDED[number % len(CONFOUNDED)], agrees=agrees)


def regions_of(scene: ConfoundedScene) -> tuple[Region, Region]:
    """Where to look, and where not to: the object that is asked about, and the stamp."""
    return Region.box(*scene.look_xyxy), Region.box(*scene.away_xyxy, look=False)


def measured(lying: int, agreeing: int) -> list[ConfoundedScene]:
    """What a run is measured on; those where the stamp lies come first, where the page draws them."""
    return [
        *(scene_of(Part.MEASURED_LYING, number) for number in range(lying)),
        *(scene_of(Part.MEASURED_AGREEING, number) for number in range(agreeing)),
    ]
