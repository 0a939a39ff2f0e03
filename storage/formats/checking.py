"""A row before it is stored: its picture opened, its regions fitted, everything within its limits."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.files import sync
from sayo_app.core.geometry.region import Region
from sayo_app.core.picture import open_picture
from sayo_app.core.question import check_question
from sayo_app.errors import CorrectionError, ImportRowError, QuestionError, StorageError
from sayo_app.settings import Settings
from storage.base.files import hashed_path
from storage.base.limits import check_regions, check_texts
from storage.base.pictures import pixel_hash
from storage.base.records import CORRECTION_STATES, ORIGINS
from storage.base.texts import clean
from storage.formats.common.rows import (
    MAX_AUTHOR_CHARS,
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


class _Seen(NamedTuple):
    """The picture of the row before: by its file, or by the hash of its bytes."""

    key: Path | str
    picture: Image.Image
    picture_id: str


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
        self._latest: _Seen | None = None

    def check(self, row: Row) -> Checked:
        """Raises PictureError, RegionError or ImportRowError for a row that cannot be stored."""
        if row.origin not in ORIGINS:
            raise bad(f"origin as one of {', '.join(ORIGINS)}", row.origin)
        _short("family", row.family or "", 100)
        _require_shallow(row.extra, MAX_DEPTH)
        self._check_texts(
            model=row.model, answer_shown=row.answer_shown, rest_of_the_row=json.dumps(row.extra)
        )
        for version in row.versions:
            self._check_version(version)
        seen = self._opened(row.picture)
        picture = seen.picture
        if row.image_wh not in (None, picture.size):
            raise unfit("a picture of the size that the row gives", f"{picture.width} x {picture.height} px")
        versions = tuple(_fitted(version, picture.size) for version in row.versions)
        trace_id = None if row.trace is None else self._trace(row.trace)
        self._lay_aside(seen)
        # The picture lies aside now; those of all rows together would not fit into memory.
        row = replace(row, versions=versions, picture=b"", trace=None)
        return Checked(row, seen.picture_id, picture.size, trace_id)

    def _opened(self, source: Path | bytes) -> _Seen:
        """The picture of a row. Many may be about one: it is decoded once where they follow each other."""
        key = source if isinstance(source, Path) else hashlib.sha256(source).hexdigest()
        if self._latest is None or self._latest.key != key:
            limits = self._settings
            picture = open_picture(
                source, max_bytes=limits.max_file_bytes, max_pixels=limits.max_picture_pixels
            )
            self._latest = _Seen(key, picture, pixel_hash(picture))
        return self._latest

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
        self._check_texts(answer=version.answer, comment=version.comment)
        _short("the author's name", version.author or "", MAX_AUTHOR_CHARS)
        if version.state not in CORRECTION_STATES and (version.state != TODO or version.regions):
            raise bad(f"state as one of {', '.join(CORRECTION_STATES)}", version.state)
        check_regions(self._settings, version.regions)

    def _check_texts(self, **texts: str | None) -> None:
        try:
            check_texts(self._settings, **texts)
        except CorrectionError as error:
            raise unfit(error.expected, error.got) from error

    def _lay_aside(self, seen: _Seen) -> None:
        aside = self._aside / f"{seen.picture_id}.png"
        target = hashed_path(self._settings.pictures_dir, seen.picture_id, ".png")
        self.needed.add(target)
        if aside not in self.files and not target.exists():
            seen.picture.save(aside, format="PNG", compress_level=3)
            sync(aside)
            self.files[aside] = target

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
