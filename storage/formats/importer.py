"""Import: everything is read and checked first, then stored in one transaction, or nothing is."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sayo_app.core.disk import require_room
from sayo_app.core.files import file_error
from sayo_app.errors import ImportFileError, ImportRowError, PictureError, RegionError, StorageError
from storage.base.files import UNDER_WAY
from storage.base.shared_files import hold_files, remove_unnamed, when_written
from storage.formats.batches import add_rows, is_stored
from storage.formats.catalogue import find_format
from storage.formats.checking import Checked, Checker
from storage.formats.common.rows import TODO, ReadOptions, Row, Skipped, Version, unfit
from storage.store import Store

_NUMBERS_SHOWN = 10
_REASONS_SHOWN = 5


@dataclass(frozen=True)
class SkipReason:
    """Rows that were not taken for the same reason.

    Attributes:
        expected: what they should have been.
        example: what the first of them was.
        count: how many there were.
        numbers: the first of them.
    """

    expected: str
    example: str
    count: int
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.numbers) else ""
        rows = ", ".join(str(number) for number in self.numbers) + more
        return f"{self.count} skipped (row {rows}): expected {self.expected}, got {self.example}"


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        import_id: `Imports.undo` takes it.
        corrections: how many were stored.
        questions: how many rows went onto the work list: those with neither region nor answer, and what was
            imported to do.
        skipped: the rest, by reason.
    """

    import_id: int
    corrections: int
    questions: int
    skipped: tuple[SkipReason, ...]

    def lines(self) -> list[str]:
        """For people."""
        taken = f"{self.corrections} corrections and {self.questions} open questions taken"
        return [f"Import {self.import_id}: {taken}", *map(str, self.skipped)]


def import_file(
    store: Store,
    format_name: str,
    path: Path,
    options: ReadOptions,
    author: str = "",
    state: str = "submitted",
) -> ImportReport:
    """Takes all rows of a file that can be used, in one transaction.

    A row that the store has already (same picture, question, regions and answer, not deleted) is skipped.

    Args:
        path: the file, or a folder that an export wrote.
        author: of rows whose format names none; the format's own name if empty.
        state: of rows whose format names none. `TODO` makes those without regions questions to do, the answer
            known, and the others drafts.

    Raises:
        ImportFileError: a file that cannot be read whole or cannot be trusted, or without a row that can be
            used. Nothing is stored.
        ReadOnlyStoreError, StorageError: the store cannot be written. Nothing is stored.
    """
    store.database.require_writable()
    require_room(store.settings, "an import", path.stat().st_size if path.is_file() else 0)
    chosen = find_format(format_name)
    if path.is_dir() and chosen.file is not None:
        path = path / chosen.file
    skipped: list[Skipped] = []
    with _aside(store.settings.data_dir) as folder:
        checker = Checker(store.settings, folder)
        rows = (
            _signed(row, author or chosen.title, state) if isinstance(row, Row) else row
            for row in chosen.read(path, options)
        )
        checked = list(_new_ones(store, _usable(rows, checker, skipped), skipped))
        reasons = _by_reason(skipped)
        if not checked:
            raise _nothing_taken(path, reasons)
        questions = sum(row.is_question for row in checked)
        summary = {
            "corrections": len(checked) - questions,
            "questions": questions,
            "skipped": [asdict(reason) | {"numbers": list(reason.numbers)} for reason in reasons],
        }
        named = {"source": path.name, "format": format_name, "author": author}
        import_id = _store(store, checked, checker, named, summary)
    return ImportReport(import_id, len(checked) - questions, questions, tuple(reasons))


@contextmanager
def _aside(data_dir: Path) -> Iterator[Path]:
    """A folder on the disk of the store, so that files can be moved from it in one step."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=UNDER_WAY, dir=data_dir)
    except OSError as error:
        raise file_error(data_dir / "import", error) from error
    with folder as name:
        yield Path(name)


def _signed(row: Row, author: str, state: str) -> Row:
    """The row with an author and a state where its format has no place for them."""
    versions = [
        replace(
            version,
            author=author if version.author is None else version.author,
            state=_state(version, state) if version.state is None else version.state,
        )
        for version in row.versions
    ]
    return replace(row, versions=tuple(versions))


def _state(version: Version, wanted: str) -> str:
    return "draft" if wanted == TODO and version.regions else wanted


def _usable(rows: Iterable[Row | Skipped], checker: Checker, skipped: list[Skipped]) -> Iterator[Checked]:
    for row in rows:
        if isinstance(row, Skipped):
            skipped.append(row)
            continue
        try:
            yield checker.check(row)
        except (PictureError, RegionError, ImportRowError) as error:
            skipped.append(Skipped(row.number, error.expected, error.got))


def _new_ones(store: Store, rows: Iterable[Checked], skipped: list[Skipped]) -> Iterator[Checked]:
    """Those that neither the store nor an earlier row of the file has."""
    seen: set[str] = set()
    for checked in rows:
        said = checked.row.now
        regions = [region.to_dict() for region in said.regions]
        key = json.dumps([checked.picture_id, said.question, regions, said.answer])
        with store.database.read() as session:
            known = key in seen or is_stored(session, checked)
        if known:
            error = unfit("a correction that is new", "one that says the same of the same picture")
            skipped.append(Skipped(checked.row.number, error.expected, error.got))
        else:
            seen.add(key)
            yield checked


def _by_reason(skipped: list[Skipped]) -> list[SkipReason]:
    """The most frequent first."""
    groups: dict[str, list[Skipped]] = {}
    for row in skipped:
        groups.setdefault(row.expected, []).append(row)
    reasons = [
        SkipReason(expected, rows[0].got, len(rows), tuple(row.number for row in rows[:_NUMBERS_SHOWN]))
        for expected, rows in groups.items()
    ]
    return sorted(reasons, key=lambda reason: -reason.count)


def _nothing_taken(path: Path, reasons: list[SkipReason]) -> ImportFileError:
    got = "; ".join(str(reason) for reason in reasons[:_REASONS_SHOWN]) or "no row at all"
    return ImportFileError(
        expected=f"at least one row of {path.name} that can be used",
        got=got,
        remedy="Check the format and the folder of pictures. Nothing was imported.",
    )


def _store(
    store: Store, rows: list[Checked], checker: Checker, named: dict[str, str], summary: dict[str, Any]
) -> int:
    """Files first, then the rows that speak of them; where the rows fail, the new files go again."""
    try:
        with store.imports.begin(**named) as importing:
            hold_files(importing.session)
            checker.place()
            add_rows(importing.session, importing.id, rows)
            importing.summary = summary
        return importing.id
    except BaseException as error:
        with suppress(StorageError):
            remove_unnamed(store.database, when_written(checker.placed))
        if isinstance(error, OSError):
            raise file_error(store.settings.pictures_dir / "import", error) from error
        raise
