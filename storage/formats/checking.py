"""A row before it is stored: its picture opened, its regions fitted, everything within its limits."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.files import sync
from sayo_app.core.geometry.region import Region
from sayo_app.core.picture import open_picture
from sayo_app.core.question import check_question
from sayo_app.errors import ImportRowError, QuestionError, StorageError
from sayo_app.settings import Settings
from storage.base.files import hashed_path
from storage.base.pictures import pixel_hash
from storage.base.records import CORRECTION_STATES, ORIGINS
from storage.base.texts import clean
from storage.formats.common.rows import (
    MAX_AUTHOR_CHARS,
    MAX_LABEL_CHARS,
    MAX_POLYGON_POINTS,
    MAX_REGIONS,
    MAX_TEXT_CHARS,
    TODO,
    Row,
    Version,
    bad,
    unfit,
)

MAX_TRACE_BYTES = 200_000_000
# Of what a row says beyond our fields: far below what a parser takes, so that everybody can write it again.
MAX_DEPTH = 50


@dataclass(frozen=True)
class Checked:
    """A row that can be stored.

    Attributes:
        row: as it was read, with its regions fitted to the picture, its text cleaned and without its files.
        picture_id, image_wh: of the stored picture.
        trace_id: of the stored trace, if it brings one.
    """

    row: Row
    picture_id: str
    image_wh: tuple[int, int]
    trace_id: str | None

    @property
    def is_question(self) -> bool:
        """True where nobody has corrected anything yet: a question for the work list."""
        said = any(version.regions or version.answer for version in self.row.versions)
        return not said or self.row.now.state == TODO


class Checker:
    """Checks rows one after the other and lays their new files aside, to be moved into place together.

    Attributes:
        files: file laid aside -> where it belongs.
        needed: where files of the rows lie or will lie.
        placed: those of `files` that `place` has moved.
    """

    def __init__(self, settings: Settings, aside: Path) -> None:
        self.files: dict[Path, Path] = {}
        self.needed: set[Path] = set()
        self.placed: list[Path] = []
        self._settings, self._aside = settings, aside

    def check(self, row: Row) -> Checked:
        """Raises PictureError, RegionError or ImportRowError for a row that cannot be stored."""
        if row.origin not in ORIGINS:
            raise bad(f"origin as one of {', '.join(ORIGINS)}", row.origin)
        _short("family", row.family or "", 100)
        _short("model", row.model, MAX_TEXT_CHARS)
        _short("the answer shown", row.answer_shown, MAX_TEXT_CHARS)
        _require_shallow(row.extra, MAX_DEPTH)
        _short("what else the row says", json.dumps(row.extra), MAX_TEXT_CHARS)
        for version in row.versions:
            self._check_version(version)
        settings = self._settings
        picture = open_picture(
            row.picture, max_bytes=settings.max_file_bytes, max_pixels=settings.max_picture_pixels
        )
        if row.image_wh not in (None, picture.size):
            raise unfit("a picture of the size that the row gives", f"{picture.width} x {picture.height} px")
        versions = tuple(_fitted(version, picture.size) for version in row.versions)
        trace_id = None if row.trace is None else self._trace(row.trace)
        # The picture lies aside now; those of all rows together would not fit into memory.
        row = replace(row, versions=versions, picture=b"", trace=None)
        return Checked(row, self._picture(picture), picture.size, trace_id)

    def place(self) -> None:
        """Moves the files into place, within the transaction that gives them rows.

        Raises:
            OSError: they cannot be moved.
            StorageError: one that was there while the rows were checked has been removed since.
        """
        for aside, target in self.files.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            aside.replace(target)
            self.placed.append(target)
        for folder in sorted({target.parent for target in self.placed}):
            sync(folder)
        gone = next((path for path in sorted(self.needed) if not path.exists()), None)
        if gone is not None:
            raise StorageError(
                expected="the files that were there when the import began",
                got=f"{gone.name}, which somebody has removed meanwhile",
                remedy="Import it again. Nothing was imported.",
            )

    def _check_version(self, version: Version) -> None:
        _check_question(version.question, self._settings.max_question_chars)
        _short("the answer", version.answer or "", MAX_TEXT_CHARS)
        _short("the comment", version.comment, MAX_TEXT_CHARS)
        _short("the author's name", version.author or "", MAX_AUTHOR_CHARS)
        if version.state not in CORRECTION_STATES and (version.state != TODO or version.regions):
            raise bad(f"state as one of {', '.join(CORRECTION_STATES)}", version.state)
        if len(version.regions) > MAX_REGIONS:
            raise unfit(f"at most {MAX_REGIONS:,} regions", f"{len(version.regions):,}")
        for region in version.regions:
            _short("a label", region.label, MAX_LABEL_CHARS)
            if len(region.points_xy) > MAX_POLYGON_POINTS:
                raise unfit(
                    f"polygons of at most {MAX_POLYGON_POINTS:,} points", f"{len(region.points_xy):,}"
                )

    def _picture(self, picture: Image.Image) -> str:
        identity = pixel_hash(picture)
        aside = self._aside / f"{identity}.png"
        target = hashed_path(self._settings.pictures_dir, identity, ".png")
        self.needed.add(target)
        if aside not in self.files and not target.exists():
            picture.save(aside, format="PNG", compress_level=3)
            sync(aside)
            self.files[aside] = target
        return identity

    def _trace(self, source: Path | bytes) -> str:
        data = source if isinstance(source, bytes) else source.read_bytes()
        identity = hashlib.sha256(data).hexdigest()
        aside = self._aside / f"{identity}.npz"
        target = hashed_path(self._settings.traces_dir, identity, ".npz")
        self.needed.add(target)
        if aside not in self.files and not target.exists():
            aside.write_bytes(data)
            _check_trace(aside)
            sync(aside)
            self.files[aside] = target
        return identity


def _check_trace(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_TRACE_BYTES:
            raise unfit(f"a trace of at most {MAX_TRACE_BYTES / 1e6:.0f} MB", f"{unpacked / 1e6:.0f} MB")
        AttentionTrace.load(path)
    except (zipfile.BadZipFile, OSError, StorageError, MemoryError) as error:
        raise ImportRowError(
            expected="a whole attention trace", got=str(error)[:200], remedy="Export it again."
        ) from error


def _fitted(version: Version, image_wh: tuple[int, int]) -> Version:
    return replace(
        version,
        question=clean(version.question),
        answer=clean(version.answer or "").strip() or None,
        author=clean(version.author or "").strip(),
        comment=clean(version.comment).strip(),
        regions=tuple(_clean_region(region).fitted(image_wh) for region in version.regions),
    )


def _clean_region(region: Region) -> Region:
    return replace(region, label=clean(region.label))


def _require_shallow(value: Any, depth: int) -> None:
    if depth == 0:
        raise unfit(f"values nested at most {MAX_DEPTH} deep", "deeper ones")
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inside:
        _require_shallow(item, depth - 1)


def _check_question(question: str, max_chars: int) -> None:
    try:
        check_question(clean(question), max_chars)
    except QuestionError as error:
        raise unfit(error.expected, error.got) from error


def _short(what: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise unfit(f"{what} of at most {limit:,} characters", f"{len(text):,}")
