"""Files that several rows may name: nobody removes one that a row is just being given to.

Whoever adds a row that names a file looks whether the file is there, and whoever removes a file looks
whether a row names it, both within a transaction that holds the files. SQLite has one writer at a time
anyway; PostgreSQL has a lock for it, which those who add rows share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from storage.base.database import AT_ONCE, Database
from storage.base.models import Correction, Picture

_POSTGRES_LOCK = 5_241_602_083  # any number that only this app locks


def hold_files(session: Session, *, to_remove: bool = False) -> None:
    """Until the end of the transaction: no file is removed, or with `to_remove` no row is given to one."""
    if session.get_bind().dialect.name == "postgresql":
        name = "pg_advisory_xact_lock" if to_remove else "pg_advisory_xact_lock_shared"
        session.execute(text(f"SELECT {name}({_POSTGRES_LOCK})"))


def when_written(paths: Iterable[Path]) -> dict[Path, int | None]:
    """What `remove_unnamed` takes: when each file was written; None where there is none."""
    return {path: path.stat().st_mtime_ns if path.exists() else None for path in paths}


def remove_unnamed(database: Database, written: Mapping[Path, int | None]) -> None:
    """Deletes those files of pictures and traces that no row names.

    Args:
        written: when each was written, as it was found to be in nobody's use. One that has been written
            since stays: a trace is there before its row.
    """
    paths = list(written)
    for start in range(0, len(paths), AT_ONCE):
        some = paths[start : start + AT_ONCE]
        with database.write() as session:
            hold_files(session, to_remove=True)
            named = named_among(session, [path.stem for path in some])
            for path in some:
                if path.stem not in named and path.exists() and path.stat().st_mtime_ns == written[path]:
                    path.unlink()


def named_among(session: Session, identities: list[str]) -> set[str]:
    """Those that a picture or a correction's trace is called."""
    pictures = session.scalars(select(Picture.id).where(Picture.id.in_(identities)))
    traces = session.scalars(select(Correction.trace_id).where(Correction.trace_id.in_(identities)))
    return {*pictures, *(name for name in traces if name is not None)}
