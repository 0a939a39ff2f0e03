"""What the work list calls the states of its items, and what is drawn on them."""

from __future__ import annotations

from sayo_app.core.geometry.region import Region

STATES = {
    "todo": "to do",
    "draft": "begun",
    "submitted": "to review",
    "accepted": "accepted",
    "rejected": "sent back",
    "skipped": "skipped",
    "deleted": "deleted",
}


def label_of(regions: tuple[Region, ...]) -> str:
    """How many regions, in a word or two."""
    return f"{len(regions)} {'region' if len(regions) == 1 else 'regions'}" if regions else "no region"
