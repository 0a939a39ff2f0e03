"""How much one correction may hold: the same for what is drawn on the page and for what is imported."""

from __future__ import annotations

from collections.abc import Sequence

from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError, RegionError
from sayo_app.settings import Settings


def check_texts(settings: Settings, **texts: str | None) -> None:
    """Raises CorrectionError for one that is too long. Args: texts: by their names, `_` for a blank."""
    for name, text in texts.items():
        if text is not None and len(text) > settings.max_text_chars:
            raise CorrectionError(
                expected=f"the {name.replace('_', ' ')} of at most {settings.max_text_chars:,} characters",
                got=f"{len(text):,}",
                remedy="Shorten it.",
            )


def check_regions(settings: Settings, regions: Sequence[Region]) -> None:
    """Raises RegionError: too many, with too many corners, or with too long a label."""
    if len(regions) > settings.max_regions:
        raise _too_much(f"at most {settings.max_regions:,} regions", f"{len(regions):,}")
    corners = [len(region.points_xy) for region in regions]
    if max(corners, default=0) > settings.max_polygon_points:
        raise _too_much(f"polygons of at most {settings.max_polygon_points:,} points", f"{max(corners):,}")
    if sum(corners) > settings.max_points:
        raise _too_much(f"at most {settings.max_points:,} points in all polygons", f"{sum(corners):,}")
    longest = max((len(region.label) for region in regions), default=0)
    if longest > settings.max_label_chars:
        raise _too_much(f"a label of at most {settings.max_label_chars:,} characters", f"{longest:,}")


def _too_much(expected: str, got: str) -> RegionError:
    return RegionError(expected=expected, got=got, remedy="Draw fewer or simpler ones, with shorter labels.")
