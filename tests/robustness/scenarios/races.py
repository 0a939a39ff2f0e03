"""An import that fails takes back its pictures, while somebody else saves the same ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from tests.robustness.registry import Figure, Scenario, Value, none

TIMINGS = 300
# Whoever has to wait for the import is given up on after this, and comes right after it.
MOMENT_S = 0.05


def races(folder: Path) -> Mapping[str, Value]:
    """Each time the save begins just as the file is to go: the worst moment that there is."""
    from PIL import Image

    import storage.formats.importer
    from sayo_app.errors import StorageError
    from sayo_app.settings import Settings
    from storage.base.pictures import pixel_hash
    from storage.check import check
    from storage.formats.common.rows import ReadOptions
    from storage.formats.importer import import_file
    from storage.store import Store

    settings = Settings.from_environment()
    store = Store(settings)
    failures = met = 0

    def fail(*_: Any) -> None:
        raise StorageError(expected="a disk", got="none", remedy="Try again.")

    with mock.patch.object(storage.formats.importer, "add_rows", fail):
        for number in range(TIMINGS):
            picture = Image.new("RGB", (40, 30), (number % 256, number // 256, 7))
            given = laid(folder / "given", picture)
            name = pixel_hash(picture)
            saving = threading.Thread(target=store.pictures.add, args=(picture,))
            with just_before(settings.pictures_dir / name[:2] / f"{name}.png", saving) as seen:
                try:
                    import_file(store, "viscot", given, ReadOptions(settings, pictures=given.parent))
                except StorageError as error:
                    failures += "a disk" in str(error)
            if not seen:
                saving.start()
            met += bool(seen)
            saving.join()
    found = check(store)
    return {
        "timings": TIMINGS,
        "met": met,
        "failed": failures,
        "gone": sum("without its file" in it.what for it in found),
        "findings": len(found),
    }


def laid(folder: Path, picture: Any) -> Path:
    folder.mkdir(exist_ok=True)
    picture.save(folder / "a.png")
    row = {"image": "a.png", "dataset": "x", "split": "train", "question": "Which?", "answer": "yes"}
    path = folder / "given.jsonl"
    path.write_text(json.dumps(row | {"bboxs": [[1, 1, 9, 9]]}))
    return path


class just_before:  # noqa: N801 (it reads as a function)
    """As that file is to be unlinked, the thread starts and is given a moment; the list says that it did."""

    def __init__(self, path: Path, thread: threading.Thread) -> None:
        self._path, self._thread, self._seen = path, thread, list[bool]()
        self._unlink = Path.unlink

    def __enter__(self) -> list[bool]:
        unlink, path, thread, seen = self._unlink, self._path, self._thread, self._seen

        def patched(self: Path, *args: Any, **fields: Any) -> None:
            if self == path and not seen:
                seen.append(True)
                thread.start()
                thread.join(MOMENT_S)
            unlink(self, *args, **fields)

        Path.unlink = patched  # type: ignore[method-assign]
        return seen

    def __exit__(self, *_: object) -> None:
        Path.unlink = self._unlink  # type: ignore[method-assign]


SCENARIOS = (
    Scenario(
        name="failed-import",
        tried="an import fails and takes back its picture just as somebody saves the same one",
        figures=(
            Figure("timings", "forced timings", least=TIMINGS),
            Figure("met", "of these the save met the removal", least=TIMINGS),
            Figure("failed", "imports that failed, as they should", least=TIMINGS),
            none("gone", "pictures lost that were saved", before="288 of 300"),
            none("findings", "findings of `python -m storage check`"),
        ),
        measure=races,
    ),
)
