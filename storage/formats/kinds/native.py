"""Our own format: everything that the store says about a correction, with all its revisions.

A folder with `corrections.jsonl`, `pictures/` and `traces/`, or one Parquet file with the columns `image`
(`{bytes, path}`, which the `datasets` library shows as a picture), `question`, `answer`, `trace` and
`record`, the latter being the JSON of the line. A line::

    {"format": "sayo-corrections", "version": 1, "picture": "<sha256 of the pixels>.png", "width", "height",
     "model", "answer_shown", "origin", "family", "trace": "<sha256>.npz" or null, "extra": {...},
     "revisions": [{"question", "regions": [...], "corrected_answer", "state", "author", ...}, ...]}

Regions are as `Region.to_dict` writes them. Cannot hold: the number of the adapter that gave the answer
shown, which names a row of one store only, and the number of the correction itself.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from sayo_app.core.geometry.region import Region
from sayo_app.errors import ImportFileError
from storage.formats.common.export_parts import Losses, copy_picture, image_size, picture_name
from storage.formats.common.parquet import file_bytes, parquet_rows, picture_bytes, write_parquet
from storage.formats.common.rows import (
    ReadOptions,
    Row,
    Skipped,
    Version,
    WriteOptions,
    bad,
    listed,
    mapping,
    numbers_of,
    optional_text,
    row_or_skipped,
    shown,
    size_of,
    text_of,
)
from storage.formats.common.sources import PictureFolder, json_lines, parse_json

FORMAT, VERSION = "sayo-corrections", 1
FILE, TRACES, SUFFIX = "corrections.jsonl", "traces", ".parquet"
SCHEMA = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("trace", pa.binary()),
        ("record", pa.string()),
    ]
)


@dataclass(frozen=True)
class _Files:
    """Where the pictures and traces of a row come from."""

    picture: Path | bytes
    trace: Path | bytes | None


def read(path: Path, options: ReadOptions) -> Iterator[Row | Skipped]:
    """One row a correction, from `corrections.jsonl` or from Parquet. Raises ImportFileError."""
    if path.suffix == SUFFIX:
        yield from _read_parquet(path, options)
        return
    pictures, traces = PictureFolder.beside(path, options), PictureFolder(path.parent.resolve() / TRACES)

    def files(fields: dict[str, Any]) -> _Files:
        name = fields.get("trace")
        return _Files(pictures.find(fields.get("picture")), None if name is None else traces.find(name))

    for number, fields in json_lines(path, options.settings):
        _check_version(fields, number)
        yield row_or_skipped(number, lambda: _row(number, fields, files(fields)))  # noqa: B023


def _read_parquet(path: Path, options: ReadOptions) -> Iterator[Row | Skipped]:
    for number, columns in parquet_rows(path, options.settings, ("image", "record"), ("trace",)):

        def make(number: int = number, columns: dict[str, Any] = columns) -> Row:
            try:
                fields = mapping(parse_json(columns["record"] or ""), "record")
            except (ValueError, RecursionError) as error:
                raise bad("record as JSON", columns["record"]) from error
            _check_version(fields, number)
            return _row(number, fields, _Files(picture_bytes(columns["image"]), columns.get("trace")))

        yield row_or_skipped(number, make)


def _check_version(fields: dict[str, Any], number: int) -> None:
    if fields.get("format") != FORMAT or fields.get("version") != VERSION:
        raise ImportFileError(
            expected=f"rows of the format {FORMAT}, version {VERSION}",
            got=f"{shown(fields.get('format'))}, version {shown(fields.get('version'))} in row {number}",
            remedy="Name the format that the file has, or update SAYO Studio. Nothing was imported.",
        )


def _row(number: int, fields: dict[str, Any], files: _Files) -> Row:
    versions = tuple(_version(value) for value in listed(fields.get("revisions"), "revisions"))
    if not versions:
        raise bad("at least one revision", [])
    return Row(
        number=number,
        picture=files.picture,
        image_wh=size_of(fields),
        versions=versions,
        origin=text_of(fields, "origin"),
        family=optional_text(fields, "family"),
        model=text_of(fields, "model", empty=True),
        answer_shown=text_of(fields, "answer_shown", empty=True),
        trace=files.trace,
        extra=mapping(fields.get("extra", {}), "extra"),
    )


def _version(value: Any) -> Version:
    fields = mapping(value, "a revision")
    written = text_of(fields, "created_at")
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        raise bad("created_at as a time (ISO 8601)", written) from error
    return Version(
        question=text_of(fields, "question"),
        regions=tuple(Region.from_dict(region) for region in listed(fields.get("regions"), "regions")),
        answer=optional_text(fields, "corrected_answer"),
        state=text_of(fields, "state"),
        author=text_of(fields, "author", empty=True),
        comment=optional_text(fields, "comment") or "",
        flagged=fields.get("flagged") is True,
        reward=None if fields.get("reward") is None else numbers_of([fields["reward"]], 1, "reward")[0],
        created_at=moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC),
    )


def write(path: Path, rows: Iterable[Row], options: WriteOptions) -> Losses:
    """Parquet where the path says so, else a folder (that is already there) of JSON lines and files."""
    losses = Losses()
    if path.suffix == SUFFIX:
        write_parquet(path, SCHEMA, (_columns(row) for row in rows))
        return losses
    with (path / FILE).open("w", encoding="utf-8") as file:
        for row in rows:
            copy_picture(row, path)
            if isinstance(row.trace, Path):
                (path / TRACES).mkdir(exist_ok=True)
                shutil.copyfile(row.trace, path / TRACES / row.trace.name)
            file.write(json.dumps(_line(row), ensure_ascii=False) + "\n")
    return losses


def _columns(row: Row) -> dict[str, Any]:
    return {
        "image": {"bytes": file_bytes(row), "path": picture_name(row)},
        "question": row.now.question,
        "answer": row.now.answer,
        "trace": row.trace.read_bytes() if isinstance(row.trace, Path) else row.trace,
        "record": json.dumps(_line(row), ensure_ascii=False),
    }


def _line(row: Row) -> dict[str, Any]:
    width, height = image_size(row)
    return {
        "format": FORMAT,
        "version": VERSION,
        "picture": picture_name(row),
        "width": width,
        "height": height,
        "model": row.model,
        "answer_shown": row.answer_shown,
        "origin": row.origin,
        "family": row.family,
        "trace": row.trace.name if isinstance(row.trace, Path) else None,
        "extra": row.extra,
        "revisions": [_revision(version) for version in row.versions],
    }


def _revision(version: Version) -> dict[str, Any]:
    return {
        "question": version.question,
        "regions": [region.to_dict() for region in version.regions],
        "corrected_answer": version.answer,
        "state": version.state,
        "author": version.author,
        "comment": version.comment,
        "flagged": version.flagged,
        "reward": version.reward,
        "created_at": None if version.created_at is None else version.created_at.isoformat(),
    }
