"""Parquet files, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sayo_app.errors import ImportFileError
from sayo_app.settings import Settings
from storage.formats.common.rows import Row, bad, numbered
from storage.formats.common.sources import check_file, unreadable

BATCH_ROWS = 16
# Pictures hardly shrink; a file that grows more than this when unpacked is made to fill the memory.
MAX_GROWTH = 20


def parquet_rows(
    path: Path, settings: Settings, needed: tuple[str, ...], wanted: tuple[str, ...] = ()
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with its number from 1, of the needed columns and of those wanted ones that there are.

    Raises:
        ImportFileError: no Parquet, cut short, over a limit, or without a needed column.
    """
    check_file(path, settings)
    try:
        with pq.ParquetFile(path) as file:
            names = set(file.schema_arrow.names)
            missing = [name for name in needed if name not in names]
            if missing:
                raise ImportFileError(
                    expected=f"the columns {', '.join(needed)}",
                    got=f"a file without {', '.join(missing)}",
                    remedy="Check the format that was named. Nothing was imported.",
                )
            _check_size(path, file.metadata, settings)
            columns = [*needed, *(name for name in wanted if name in names)]
            number = 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns, use_threads=False):
                for row in batch.to_pylist():
                    number = numbered(settings.max_import_rows, number + 1)
                    yield number, row
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError, OverflowError) as error:
        raise unreadable(path, f"no whole Parquet file ({str(error)[:200]})") from error


def write_parquet(path: Path, schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> None:
    """One row at a time, so that the pictures are never in memory together."""
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        waiting: list[dict[str, Any]] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == BATCH_ROWS:
                writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_pylist(waiting, schema=schema))


def picture_bytes(value: Any) -> bytes:
    """The bytes of a picture column: plain binary, or `{bytes, path}` as the `datasets` library writes it.

    Raises:
        ImportRowError: neither; a path alone is not followed.
    """
    data = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(data, bytes):
        raise bad("the picture's bytes in the row", value)
    return data


def file_bytes(row: Row) -> bytes:
    return row.picture if isinstance(row.picture, bytes) else row.picture.read_bytes()


def _check_size(path: Path, metadata: pq.FileMetaData, settings: Settings) -> None:
    numbered(settings.max_import_rows, metadata.num_rows)
    unpacked = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if unpacked > MAX_GROWTH * max(path.stat().st_size, 1_000_000):
        raise ImportFileError(
            expected=f"a file that grows at most {MAX_GROWTH} times when unpacked",
            got=f"one that grows to {unpacked / 1e6:.0f} MB",
            remedy="Do not trust this file, or write it anew without compression.",
        )
