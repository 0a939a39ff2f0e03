"""Export: corrections as they stand, into a file or folder that appears whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqlalchemy import select

from sayo_app.core.files import whole_file, whole_folder
from sayo_app.errors import ExportFileError
from storage.base.files import hashed_path
from storage.base.models import ImportNote
from storage.base.records import CorrectionRecord
from storage.formats.catalogue import find_format
from storage.formats.common.export_parts import Losses, require_new
from storage.formats.common.rows import Row, Version, WriteOptions
from storage.store import Store


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes:
        path: the file or folder.
        corrections: how many are in it.
        losses: what the format could not hold, each with the number of corrections it concerns.
    """

    path: Path
    corrections: int
    losses: tuple[str, ...]

    def lines(self) -> list[str]:
        """For people."""
        return [f"{self.corrections} corrections written to {self.path}", *self.losses]


def export_file(
    store: Store,
    format_name: str,
    path: Path,
    options: WriteOptions | None = None,
    states: Collection[str] = (),
    batch_id: int | None = None,
) -> ExportReport:
    """Writes corrections, oldest first.

    Args:
        path: where nothing is yet; a name ending in `.parquet` makes one file, where the format has that.
        states: only corrections in these; all but deleted ones if empty.
        batch_id: only those of this import.

    Raises:
        ImportFileError: an unknown format.
        ExportFileError: a format that is read only, a path of the wrong kind or where something is already,
            or nothing to write.
        StorageError: the disk refuses. Nothing is left behind.
    """
    chosen = find_format(format_name)
    single = path.suffix == chosen.suffix
    if chosen.write is None or not (single or chosen.file):
        raise ExportFileError(
            expected="a format that can be written" if chosen.write is None else f"a name in {chosen.suffix}",
            got=format_name if chosen.write is None else path.name,
            remedy="Choose another format or name.",
        )
    require_new(path)
    rows = _Rows(store, states, batch_id)
    with whole_file(path) if single else whole_folder(path) as made:
        losses = chosen.write(made, rows, options or WriteOptions())
        if not rows.count:
            raise ExportFileError(
                expected="corrections to write",
                got="none",
                remedy="Choose other states, or correct some.",
            )
    return ExportReport(path, rows.count, (*losses.lines(), *rows.losses.lines()))


class _Rows:
    """Stored corrections as rows, counted while they are written."""

    def __init__(self, store: Store, states: Collection[str], batch_id: int | None) -> None:
        self.count = 0
        self.losses = Losses()
        self._store, self._states, self._batch = store, states, batch_id
        # Many corrections share a picture.
        self._picture = lru_cache(store.pictures.get)
        with store.database.read() as session:
            notes = session.execute(select(ImportNote.correction_id, ImportNote.extra))
            self._notes = {row.correction_id: row.extra for row in notes}

    def __iter__(self) -> Iterator[Row]:
        for record in reversed(self._store.corrections.all(self._states, batch_id=self._batch)):
            row = self._row(record)
            if not (isinstance(row.picture, Path) and row.picture.is_file()):
                self.losses.add("corrections without their picture's file left out")
                continue
            self.losses.add("number of the adapter left out", record.adapter_id is not None)
            self.count += 1
            yield row

    def _row(self, record: CorrectionRecord) -> Row:
        picture = self._picture(record.picture_id)
        trace = None
        if record.trace_id is not None:
            trace = hashed_path(self._store.settings.traces_dir, record.trace_id, ".npz")
            if not trace.is_file():
                self.losses.add("attention traces whose file is gone left out")
                trace = None
        # Most have one revision, which is the record itself.
        history = [record] if record.revision == 1 else self._store.corrections.history(record.id)
        return Row(
            number=record.id,
            picture=picture.path,
            versions=tuple(_version(entry) for entry in history),
            image_wh=picture.image_wh,
            origin=record.origin,
            family=record.family,
            model=record.model,
            answer_shown=record.answer_shown,
            trace=trace,
            extra=self._notes.get(record.id, {}),
        )


def _version(record: CorrectionRecord) -> Version:
    return Version(
        question=record.question,
        regions=record.regions,
        answer=record.corrected_answer,
        state=record.state,
        author=record.author,
        created_at=record.updated_at,
        comment=record.comment,
        flagged=record.flagged,
        reward=record.reward,
    )
