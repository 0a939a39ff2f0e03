"""What the writers share: pictures copied once, and the list of what a format could not hold."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sayo_app.core.geometry.cells import looked_at
from sayo_app.core.geometry.region import Region
from sayo_app.errors import ExportFileError
from storage.formats.common.rows import Row

PICTURES = "pictures"


class Losses:
    """What was left out or changed, and in how many corrections."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, what: str, when: bool = True) -> None:
        if when:
            self._counts[what] += 1

    def lines(self) -> list[str]:
        """Plain sentences, the most frequent first."""
        return [f"{what} ({count})" for what, count in self._counts.most_common()]

    def of_row(self, row: Row, *, labels: bool, steps: bool) -> None:
        """What no format but our own has a place for; labels and steps where this one has none."""
        regions = row.now.regions
        self.add("labels of regions left out", not labels and any(region.label for region in regions))
        self.add(
            "steps of regions left out", not steps and any(region.step is not None for region in regions)
        )
        self.add("earlier revisions left out", len(row.versions) > 1)
        self.add("answer shown and model left out", bool(row.answer_shown or row.model))
        self.add("attention trace left out", row.trace is not None)
        self.add("question family left out", row.family is not None)

    def looked_at(self, row: Row, kinds: Sequence[str]) -> list[Region]:
        """The regions to look at; those of a kind that the format lacks stand for their bounding box."""
        regions = row.now.regions
        self.add('regions "do not look here" left out', any(not region.look for region in regions))
        self.add(
            "polygons and brush masks written as their bounding box",
            any(region.look and region.kind not in kinds for region in regions),
        )
        return looked_at(regions)


def image_size(row: Row) -> tuple[int, int]:
    """Width and height of a picture that comes from the store, which always knows them."""
    assert row.image_wh is not None
    return row.image_wh


def copy_picture(row: Row, folder: Path) -> str:
    """Copies the picture into the folder, once, and gives its name relative to `pictures`."""
    name = picture_name(row)
    target = folder / PICTURES / name
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        if isinstance(row.picture, bytes):
            target.write_bytes(row.picture)
        else:
            shutil.copyfile(row.picture, target)
    return name


def picture_name(row: Row) -> str:
    return row.picture.name if isinstance(row.picture, Path) else f"{row.number}.png"


def require_new(path: Path) -> None:
    """Raises ExportFileError where something is already there: an export overwrites nothing."""
    if path.exists():
        raise ExportFileError(
            expected="a path where nothing is yet",
            got=str(path),
            remedy="Choose another name, or move it away.",
        )
