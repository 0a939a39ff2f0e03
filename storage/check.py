"""Do rows and files fit together? What does not is named, and put right where that loses nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sayo_app.errors import NotFoundError, SayoError
from storage.base.models import Correction, CorrectionRevision, Picture, WorkEntry, WorkItem
from storage.base.shared_files import hold_files, named_among
from storage.leftovers import OLD_S, leftovers, old, remove
from storage.store import Store
from storage.work.entries import correction_entry, newest_revision, refresh_item

ASIDE = "set-aside"


@dataclass(frozen=True)
class Finding:
    """Something that does not fit.

    Attributes:
        what: the fault, in a few words.
        where: the file or row.
        done: what was done about it; empty where nothing was, or nothing can be.
    """

    what: str
    where: str
    done: str = ""


def check(store: Store, repair: bool = False) -> list[Finding]:
    """Looks at every picture, trace and row.

    Args:
        repair: move files that nobody names, and damaged ones, to `set-aside` in the data folder; forget
            traces that are gone and pictures that are gone and not used; remove temporary files and what a
            killed process left; make the work list anew where it says something else than the corrections.
            Nothing is deleted that somebody made.

    Raises:
        ReadOnlyStoreError, StorageError: it cannot be read, or with `repair` not be written.
    """
    if repair:
        store.database.require_writable()
    found = [*_pictures(store, repair), *_traces(store, repair), *_strangers(store, repair)]
    return [*found, *_leftovers(store, repair), *_entries(store, repair)]


def _pictures(store: Store, repair: bool) -> Iterator[Finding]:
    with store.database.read() as session:
        identities = list(session.scalars(select(Picture.id)))
        used = {
            *session.scalars(select(WorkItem.picture_id)),
            *session.scalars(select(Correction.picture_id)),
        }
    for identity in identities:
        try:
            store.pictures.load(identity)
        except NotFoundError:
            done = ""
            if repair and identity not in used:
                with store.database.write() as session:
                    session.execute(delete(Picture).filter_by(id=identity))
                done = "row removed: nothing uses it"
            yield Finding("a picture without its file", f"picture {identity}", done)
        except SayoError as error:
            path = store.pictures.get(identity).path
            yield Finding(f"a damaged picture ({error.got})", str(path), _set_aside(store, path, repair))


def _traces(store: Store, repair: bool) -> Iterator[Finding]:
    with store.database.read() as session:
        named = [name for name in session.scalars(select(Correction.trace_id).distinct()) if name is not None]
    for identity in named:
        try:
            store.traces.load(identity)
        except SayoError as error:
            path = store.traces.path(identity)
            what = "a trace without its file" if not path.exists() else f"a damaged trace ({error.got})"
            done = _set_aside(store, path, repair and path.exists())
            if repair:
                with store.database.write() as session:
                    session.execute(update(Correction).filter_by(trace_id=identity).values(trace_id=None))
                done = " and ".join(filter(None, [done, "its corrections no longer name it"]))
            yield Finding(what, f"trace {identity}", done)


def _strangers(store: Store, repair: bool) -> Iterator[Finding]:
    """Files of pictures and traces that no row names, and what a killed process left half written."""
    with store.database.read() as session:
        known = {*session.scalars(select(Picture.id)), *session.scalars(select(Correction.trace_id))}
    for folder in (store.settings.pictures_dir, store.settings.traces_dir):
        for path in sorted(folder.rglob("*")):
            if _old(path) and (path.stem not in known or path.name.startswith(".")):
                yield Finding("a file that no row names", str(path), _set_stranger_aside(store, path, repair))


def _leftovers(store: Store, repair: bool) -> Iterator[Finding]:
    for what, path in leftovers(store.settings.data_dir):
        if old(path):
            if repair:
                remove(path)
            yield Finding(what, str(path), "removed" if repair else "")


def _entries(store: Store, repair: bool) -> Iterator[Finding]:
    """The work list is derived: it must say what the corrections say."""
    with store.database.read() as session:
        wrong = _wrong_items(session)
    for item_id in wrong:
        done = ""
        if repair:
            with store.database.write() as session:
                refresh_item(session, session.get_one(WorkItem, item_id))
            done = "made anew"
        yield Finding("the work list says something else than the corrections", f"item {item_id}", done)


def _wrong_items(session: Session) -> list[int]:
    rows = session.execute(
        select(WorkItem, Correction, CorrectionRevision, WorkEntry)
        .join(Correction, Correction.item_id == WorkItem.id)
        .join(CorrectionRevision, newest_revision())
        .outerjoin(WorkEntry, WorkEntry.correction_id == Correction.id)
    )
    wrong = set()
    for item, correction, revision, entry in rows:
        wanted = correction_entry(item, correction, revision)
        if entry is None or any(getattr(entry, name) != value for name, value in wanted.items()):
            wrong.add(item.id)
    return sorted(wrong)


def _set_stranger_aside(store: Store, path: Path, repair: bool) -> str:
    """`_set_aside`, unless a row has come to name it since, or it was written again."""
    if not repair:
        return ""
    with store.database.write() as session:
        hold_files(session, to_remove=True)
        half = path.name.startswith(".")
        if not _old(path) or (not half and named_among(session, [path.stem])):
            return "left: it has come to use"
        return _set_aside(store, path, repair)


def _old(path: Path) -> bool:
    """A file is written before its row: a young one may only be waiting for it."""
    return path.is_file() and time.time() - path.stat().st_mtime > OLD_S


def _set_aside(store: Store, path: Path, repair: bool) -> str:
    if not repair:
        return ""
    target = store.settings.data_dir / ASIDE / path.relative_to(store.settings.data_dir)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    return f"moved to {target}"
