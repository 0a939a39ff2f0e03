"""Masks as regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from sayo_app.core.region import Region
from storage.formats.rows import unfit


def mask_region(mask: Bool[np.ndarray, "height width"], **fields: Any) -> Region:
    """The region of a mask's True pixels; `fields` are label, step and look.

    Raises:
        ImportRowError: regions of this kind cannot be stored yet.
    """
    raise unfit("regions as boxes or polygons", f"a mask of {int(mask.sum())} pixels")
