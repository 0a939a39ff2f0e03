"""A disk of a few megabytes that fills up: what is said, what is kept, and whether it goes on afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value, none

DISK = "12m"


def disk_full(folder: Path) -> Mapping[str, Value]:
    """In a mount namespace of its own, where anybody may mount a disk of memory."""
    disk, out = folder / "disk", folder / "found.json"
    disk.mkdir()
    command = f'mount -t tmpfs -o size={DISK} tmpfs "$1" && exec "$2" -m {__name__} "$1" "$3"'
    words = ["unshare", "--map-root-user", "--mount", "sh", "-c", command, "sh"]
    subprocess.run([*words, str(disk), sys.executable, str(out)], check=True)
    return json.loads(out.read_text())


def fill(disk: Path) -> dict[str, Value]:
    """Save corrections until nothing fits, try everything else that writes, make room, go on."""
    import numpy as np
    from PIL import Image

    from sayo_app.run_config import RunConfig
    from sayo_app.settings import Settings
    from storage.backup import backup
    from storage.check import check
    from storage.store import Store
    from tests.storage.examples import corrected, small_trace

    settings = Settings(data_dir=disk / "data")
    store = Store(settings)
    chance = np.random.default_rng(0)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(3_000_000))
    ends: Counter[str] = Counter()
    saved: list[tuple[int, str]] = []

    def save(wh: tuple[int, int] = (200, 150)) -> None:
        pixels = chance.integers(0, 256, (wh[1], wh[0], 3), dtype=np.uint8)
        picture = store.pictures.add(Image.fromarray(pixels))
        answer = f"answer {len(saved)}"
        record = corrected(
            store,
            picture_id=picture.id,
            question="Which?",
            corrected_answer=answer,
        )
        saved.append((record.id, answer))

    def attempt(what: Any) -> str:
        end = ended(what)
        ends[end] += 1
        return end

    while attempt(save) == "done":
        pass
    # Until not even a small row fits.
    for _ in range(40):
        attempt(lambda: save((16, 12)))
    before = len(saved)
    for _ in range(10):
        attempt(lambda: store.corrections.revise(saved[0][0], corrected_answer="x" * 40_000))
        attempt(lambda: store.traces.save(small_trace()))
        attempt(lambda: store.runs.create(RunConfig()))
        attempt(lambda: backup(store, disk / "backup.tar"))
    ballast.unlink()
    for _ in range(5):
        save()
    store.close()
    with Store(settings) as again:
        lost = sum(not there(again, *one) for one in saved)
        halves = list(disk.rglob(".part-*"))
        findings = check(again)
    return {
        "saved": before,
        "refused": ends["told"],
        "silent": sum(count for end, count in ends.items() if end not in ("done", "told")),
        "lost": lost,
        "after": len(saved) - before,
        "halves": len(halves),
        "findings": len(findings),
    }


def ended(what: Any) -> str:
    """done, told (a full disk, in words), or the error."""
    from sayo_app.errors import StorageError

    try:
        what()
    except StorageError as error:
        return "told" if "full disk" in str(error) else str(error)
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return repr(error)
    return "done"


def there(store: Any, identity: int, answer: str) -> bool:
    found = store.corrections.history(identity)[0]
    return found.corrected_answer == answer and bool(store.pictures.load(found.picture_id))


SCENARIOS = (
    Scenario(
        name="disk-full",
        tried="a disk of 12 MB fills up while corrections, traces, runs and a backup are written to it",
        figures=(
            Figure("saved", "corrections saved before", least=10),
            Figure("refused", "refused with the words that the disk is full", least=20),
            none("silent", "refused in other words, or with an error of the database"),
            none("lost", "saved corrections lost", before="0"),
            none("halves", "half-written files left"),
            none("findings", "findings of `python -m storage check`"),
            Figure("after", "saved once there is room again, of 5", least=5, most=5),
        ),
        measure=disk_full,
    ),
)

if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(fill(Path(sys.argv[1]))))
