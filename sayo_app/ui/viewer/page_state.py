"""What a viewer of the page says that it shows, read at the moment of a click and not believed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError, RegionError
from sayo_app.settings import DEFAULTS
from sayo_app.ui.shared.answers import Answered

# For a handler's js: what the viewer shows now, not as of its last event, as the first input.
READ_STATE = "(state, ...rest) => [sayo.regionsOf('{viewer}'), ...rest]"


# More than hands draw, and as much as is answered at once; a file may bring more.
MOST_REGIONS, MOST_CORNERS = DEFAULTS.max_regions, DEFAULTS.max_points
# Four times what so many corners take; read as JSON it is ten times as large.
_MOST_CHARS = 8_000_000


@dataclass(frozen=True)
class PageState:
    """As `sayo.regionsOf` in viewer/mount.js gives it.

    Attributes:
        id: of the answer or picture.
        regions: as they came, each with its picture's number where that is not 0.
        view: the map that is shown.
        selection: {kind, index}.
        strength: opacity of the overlay, from 0 to 1.
        picture: the picture that is shown large.
    """

    id: str
    regions: tuple[dict[str, Any], ...] = ()
    view: str = ""
    selection: Any = None
    strength: float = 1.0
    picture: int = 0

    @classmethod
    def read(cls, text: str) -> PageState:
        """From what the page sent.

        Raises:
            CorrectionError: the page sent something else, or more than anybody draws.
        """
        if isinstance(text, str) and len(text) > _MOST_CHARS:
            raise CorrectionError(
                expected=f"at most {_MOST_CHARS / 1e6:g} MB of regions",
                got=f"{len(text) / 1e6:.1f} MB",
                remedy="Delete some, or shorten their labels.",
            )
        try:
            sent = json.loads(text)
            regions = sent.get("all", sent["regions"])
            state = cls(
                id=sent["id"],
                regions=tuple(regions),
                view=sent.get("view", ""),
                selection=sent.get("selection"),
                strength=min(max(float(sent.get("strength", 1.0)), 0.0), 1.0),
                picture=int(sent.get("picture", 0)),
            )
            if (
                isinstance(state.id, str)
                and isinstance(state.view, str)
                and isinstance(regions, list)
                and all(isinstance(region, dict) for region in regions)
            ):
                return state
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError, RecursionError):
            pass
        raise CorrectionError(
            expected="boxes from the page", got=repr(text)[:80], remedy="Reload the page and draw them again."
        )

    def fitted(self, answered: Answered) -> list[list[Region]]:
        """The regions picture by picture, checked against the server's own pictures.

        Raises:
            RegionError: not a region, or outside its picture.
            CorrectionError: a picture that the question does not have.
        """
        sorted_out: list[list[dict[str, Any]]] = [[] for _ in answered.pictures]
        for region in self.regions:
            number = region.get("picture", 0)
            if not isinstance(number, int) or not 0 <= number < len(sorted_out):
                raise CorrectionError(
                    expected=f"boxes on {len(sorted_out)} pictures",
                    got=f"one on picture {number!r}"[:80],
                    remedy="Reload the page and draw them again.",
                )
            sorted_out[number].append({key: value for key, value in region.items() if key != "picture"})
        return [fitted(own, picture.size) for own, picture in zip(sorted_out, answered.pictures, strict=True)]


def fitted(regions: Any, size: tuple[int, int]) -> list[Region]:
    """Regions as they came from the browser, checked against the server's own picture.

    Args:
        size: of that picture, (width, height).

    Raises:
        RegionError: not a region, outside the picture or without area, or more than a page draws.
    """
    if not isinstance(regions, list | tuple):
        raise RegionError(expected="a list of regions", got=type(regions).__name__, remedy="Reload the page.")
    corners = sum(_corners(region) for region in regions)
    for what, count, most in (("regions", len(regions), MOST_REGIONS), ("corners", corners, MOST_CORNERS)):
        if count > most:
            raise RegionError(
                expected=f"at most {most:,} {what} on a page",
                got=f"{count:,}",
                remedy="Delete some; more can be imported.",
            )
    return [Region.from_dict(region).fitted(size) for region in regions]


def _corners(region: Any) -> int:
    points = region.get("points_xy") if isinstance(region, dict) else None
    return len(points) if isinstance(points, list) else 0
