"""The row that every format is read into and written from, and the checks that all formats share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sayo_app.core.geometry.region import Region
from sayo_app.errors import ImportFileError, ImportRowError, PictureError, RegionError
from sayo_app.settings import Settings
from storage.formats.common.grids import GridRule

# Of labels that a format cuts; longer ones than the settings allow are refused.
MAX_LABEL_CHARS = 200
MAX_AUTHOR_CHARS = 200
Entry = TypeVar("Entry")
DEFAULT_QUESTION = "Where is the {label}?"
# In place of the state of a correction: there is none yet, whatever answer is known.
TODO = "todo"


@dataclass(frozen=True)
class Version:
    """What a correction said at one revision; the last one is what it says now.

    Attributes:
        state, author: None where the format has no place for them.
        comment, flagged, reward: as in `storage.base.records.CorrectionRecord`.
    """

    question: str
    regions: tuple[Region, ...]
    answer: str | None
    state: str | None = None
    author: str | None = None
    created_at: datetime | None = None
    comment: str = ""
    flagged: bool = False
    reward: float | None = None


@dataclass(frozen=True)
class Row:
    """One correction in no particular format.

    Attributes:
        number: row, line or entry of the file, from 1; the correction's id on the way out.
        picture: its file or the bytes of one, not opened yet.
        versions: oldest first, at least one; regions in pixels of the picture.
        image_wh: width and height that the file gives for the picture; None where it gives none.
        origin, family, model, answer_shown: as in `storage.base.records.CorrectionRecord`.
        trace: attention trace of the answer shown, as a file or its bytes.
        extra: what the format says beyond this; JSON-able. Kept with the import.
    """

    number: int
    picture: Path | bytes
    versions: tuple[Version, ...]
    image_wh: tuple[int, int] | None = None
    origin: str = "person"
    family: str | None = None
    model: str = ""
    answer_shown: str = ""
    trace: Path | bytes | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def now(self) -> Version:
        return self.versions[-1]


@dataclass(frozen=True)
class Skipped:
    """A row that was not taken: what it should have been, and what it was."""

    number: int
    expected: str
    got: str


@dataclass(frozen=True)
class ReadOptions:
    """What a file does not say itself.

    Attributes:
        settings: limits on bytes, rows and pixels.
        pictures: folder that picture names are relative to; None is `pictures` beside the file, or, where
            there is none, the file's own folder.
        scene_graphs: GQA's second file.
        question: asked about the regions of a format without questions; `{label}` is their label.
        grid: how image-token ids lie on a picture.
    """

    settings: Settings
    pictures: Path | None = None
    scene_graphs: Path | None = None
    question: str = DEFAULT_QUESTION
    grid: GridRule = field(default_factory=GridRule)


@dataclass(frozen=True)
class WriteOptions:
    """How to write.

    Attributes:
        grid: how image-token ids lie on a picture.
        predictions: Label Studio takes the regions as predictions to correct, not as finished annotations.
    """

    grid: GridRule = field(default_factory=GridRule)
    predictions: bool = False


def each_row(
    entries: Iterable[Entry], make: Callable[[int, Entry], Row], limit: int
) -> Iterator[Row | Skipped]:
    """The row of each entry, numbered from 1, or why it cannot be used.

    Raises:
        ImportFileError: more entries than the limit, or a file that cannot be trusted at all.
    """
    for number, entry in enumerate(entries, 1):
        yield row_or_skipped(numbered(limit, number), partial(make, number, entry))


def row_or_skipped(number: int, make: Callable[[], Row]) -> Row | Skipped:
    """The row, or why it cannot be used; a file that cannot be trusted at all still raises."""
    try:
        return make()
    except (ImportRowError, RegionError, PictureError) as error:
        return Skipped(number, error.expected, error.got)


def numbered(limit: int, number: int) -> int:
    """The number itself, as long as the file may have that many rows.

    Raises:
        ImportFileError: one row too many.
    """
    if number > limit:
        raise ImportFileError(
            expected=f"at most {limit:,} rows",
            got="more",
            remedy="Split the file, or raise SAYO_MAX_IMPORT_ROWS.",
        )
    return number


def bad(expected: str, value: object) -> ImportRowError:
    """A row's value is not what was expected."""
    return unfit(expected, shown(value))


def unfit(expected: str, got: str) -> ImportRowError:
    """The same, in words."""
    return ImportRowError(
        expected=expected, got=got, remedy="Correct the row in the file and import it again."
    )


def shown(value: object) -> str:
    """A value for a message: short, and with control characters made visible."""
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad(f"{what} as an object of named fields", value)
    return value


def listed(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise bad(f"{what} as a list", value)
    return list(value)


def text_of(fields: Mapping[str, Any], name: str, *, empty: bool = False) -> str:
    """A text field; raises ImportRowError where it is missing, of another type or, unless allowed, empty."""
    value = fields.get(name)
    if not isinstance(value, str) or not (empty or value.strip()):
        raise bad(f"{name} as text", value)
    return value


def optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else text_of(fields, name, empty=True)


def numbers_of(value: Any, count: int, what: str) -> tuple[float, ...]:
    """`count` finite numbers."""
    right = isinstance(value, list | tuple) and len(value) == count
    if not right or not all(_is_number(number) for number in value):
        raise bad(f"{what} as {count} numbers", value)
    return tuple(float(number) for number in value)


def size_of(
    fields: Mapping[str, Any], names: tuple[str, str] = ("width", "height")
) -> tuple[int, int] | None:
    """Width and height in whole pixels, or None where the row has neither."""
    values: list[Any] = [fields.get(name) for name in names]
    if values == [None, None]:
        return None
    if not all(_is_number(value) and value > 0 and value == int(value) for value in values):
        raise bad(f"{' and '.join(names)} as whole numbers of pixels", values)
    return int(values[0]), int(values[1])


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
