"""Files to import that are made to do harm, by the way that an upload takes."""

from __future__ import annotations

import io
import json
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value, none

ROW = {
    "image": "a.png",
    "dataset": "x",
    "split": "train",
    "question": "Which?",
    "answer": "yes",
    "bboxs": [[1, 1, 9, 9]],
}
# Format, and how the file is written.
Hostile = tuple[str, Callable[[Path], Path]]


def imports(folder: Path) -> Mapping[str, Value]:
    from sayo_app.settings import Settings
    from storage.store import Store
    from tests.robustness.costs import cost

    tempfile.tempdir = str(folder / "tmp")
    Path(tempfile.tempdir).mkdir()
    store = Store(Settings.from_environment())
    laid = folder / "laid"
    laid.mkdir()
    small = plain("small.jsonl", json.dumps(ROW).encode())(laid)
    ends, sizes = {}, {}
    for number, (name, (kind, make)) in enumerate(hostile().items()):
        own = laid / str(number)
        own.mkdir()
        path = make(own)
        sizes[name] = path.stat().st_size
        ends[name] = cost(
            take, store, kind, path, warm=lambda: take_quietly(store, "viscot", small), limit_s=300
        )
        path.unlink()
    dear = max(ends, key=lambda name: ends[name].peak_mb)
    slow = max(ends, key=lambda name: ends[name].cpu_s)
    places = ((folder / "tmp").iterdir(), store.settings.data_dir.glob(".import-*"))
    left = [path for place in (*places, store.settings.pictures_dir.rglob("*.png")) for path in place]
    rows = store.corrections.count() + len(store.imports.all())
    return {
        "tried": len(ends),
        "sent_mb": max(sizes.values()) / 1e6,
        "taken": sum(it.value is not None for it in ends.values()),
        "broke": sum(bool(it.broke) for it in ends.values()),
        "peak_mb": ends[dear].peak_mb,
        "dear": dear,
        "cpu_s": ends[slow].cpu_s,
        "slow": slow,
        "left": len(left) + rows,
    }


def take(store: Any, kind: str, path: Path) -> int:
    from storage.formats.common.rows import ReadOptions
    from storage.formats.uploads import import_upload

    return int(import_upload(store, kind, [path], ReadOptions(store.settings)).corrections)


def take_quietly(store: Any, kind: str, path: Path) -> None:
    from sayo_app.errors import SayoError

    with suppress(SayoError):  # it has no picture, and warms what reads it
        take(store, kind, path)


def plain(name: str, data: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def zipped(members: dict[str, bytes], *, repeat: int = 1, link: bool = False) -> Callable[[Path], Path]:
    """A ZIP of these; `repeat` numbers each member so often."""

    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "sent.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                for number in range(repeat):
                    info = zipfile.ZipInfo(name if repeat == 1 else f"{number}{name}")
                    info.compress_type = zipfile.ZIP_DEFLATED
                    if link:
                        info.external_attr = (stat.S_IFLNK | 0o777) << 16
                    archive.writestr(info, data)
        return folder / "sent.zip"

    return make


def lying(folder: Path) -> Path:
    """100 MB of noughts that call themselves 1,000 bytes."""
    path = zipped({"given.jsonl": bytes(100_000_000)})(folder)
    size = struct.pack("<I", 100_000_000)
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 1_000)))
    return path


def parquet(image: bytes, rows: int) -> Callable[[Path], Path]:
    """A Parquet file in SAYO's format, of the same picture in each row, which it keeps once."""

    def make(folder: Path) -> Path:
        import pyarrow as pa
        import pyarrow.parquet as pq

        def same(value: Any) -> Any:
            return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))

        columns = {"image": same(image), "question": same("Which?"), "answer": same("yes")}
        columns["focus_area"] = pa.array([[[1, 2]]] * rows)
        pq.write_table(pa.table(columns), folder / "given.parquet", compression="zstd")
        return folder / "given.parquet"

    return make


def bomb() -> bytes:
    from tests.robustness.scenarios.pictures import png

    return png(20_000, 20_000)


def small_picture() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "grey").save(buffer, "PNG")
    return buffer.getvalue()


def rows(count: int, **more: Any) -> bytes:
    return b"\n".join([json.dumps(ROW | more).encode()] * count)


def hostile() -> dict[str, Hostile]:
    line = json.dumps(ROW).encode()
    deep = b"[" * 200_000
    coco = {"images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}], "categories": []}
    rle = {"size": [10**6, 10**6], "counts": [0, 10**12]}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 1, "segmentation": rle}
    with_picture = {"a.png": small_picture()}
    return {
        **{f"{kind} nested 200,000 deep": (kind, plain(f"x{end}", deep)) for kind, end in TEXTS.items()},
        "a value nested 900 deep": ("viscot", zipped({"x.jsonl": rows(1, deep=nested(900)), **with_picture})),
        "one line of 60 MB": ("viscot", plain("x.jsonl", b'"' + b"x" * 60_000_000)),
        "300,000 rows without a picture": ("viscot", plain("x.jsonl", rows(300_000))),
        "20,000 rows without a picture": ("viscot", plain("x.jsonl", rows(20_000))),
        "100,000 boxes in a row": (
            "viscot",
            zipped({"x.jsonl": rows(1, bboxs=[[1, 1, 9, 9]] * 100_000), **with_picture}),
        ),
        "a text of 10 MB": ("viscot", zipped({"x.jsonl": rows(1, answer="x" * 10_000_000), **with_picture})),
        "a picture of 400 megapixels": ("viscot", zipped({"x.jsonl": line, "a.png": bomb()})),
        "2,000 pictures of 400 megapixels": ("pictures", zipped({"a.png": bomb()}, repeat=2_000)),
        "a mask of 10^12 pixels": (
            "coco",
            zipped({"x.json": json.dumps(coco | {"annotations": [annotation]}).encode(), **with_picture}),
        ),
        "a picture out of the folder": ("viscot", plain("x.jsonl", rows(1, image="../../../etc/passwd"))),
        "a picture on the web": ("viscot", plain("x.jsonl", rows(1, image="http://127.0.0.1:1/a.png"))),
        "a ZIP that leads out": ("viscot", zipped({"../../x.jsonl": line})),
        "a ZIP with a link": ("viscot", zipped({"x.jsonl": b"/etc/passwd"}, link=True)),
        "a ZIP of 600 MB of noughts": ("viscot", zipped({"x.jsonl": bytes(600_000_000)})),
        "a ZIP that lies of its size": ("viscot", lying),
        "a ZIP of 201,000 files": ("pictures", zipped({".png": b""}, repeat=201_000)),
        "a ZIP of 20,000 empty pictures": ("pictures", zipped({".png": b""}, repeat=20_000)),
        "a ZIP in a ZIP": ("viscot", zipped({"x.zip": zip_bytes({"x.jsonl": line})})),
        "a Parquet file of 20,000 pictures of 1 MB": ("sayo", parquet(bytes(1_000_000), 20_000)),
        "a Parquet file of one picture of 400 MB": ("sayo", parquet(bytes(400_000_000), 1)),
        "a Parquet file of 300,000 rows": ("sayo", parquet(b"", 300_000)),
        "a script called JSON": ("labelstudio", plain("x.json", b"#!/bin/sh\ntouch ran\n")),
        "a pickle called JSON lines": ("jsonl", plain("x.jsonl", b"cos\nsystem\n(S'touch ran'\ntR.")),
    }


TEXTS = {"jsonl": ".jsonl", "viscot": ".jsonl", "coco": ".json", "labelstudio": ".json", "gqa": ".json"}


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def zip_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


SCENARIOS = (
    Scenario(
        name="imports",
        tried="JSON nested 200,000 deep, lines of 60 MB, 300,000 rows, ZIPs that lead out, lie and grow, "
        "masks of 10^12 pixels, Parquet that grows a million times",
        figures=(
            Figure("tried", "files", least=25),
            Figure("sent_mb", "the largest of them, MB"),
            none("taken", "taken"),
            none("broke", "ended otherwise than refused in words"),
            Figure("peak_mb", "memory of the worst, MB", most=500),
            Figure("dear", "which that is"),
            Figure("cpu_s", "CPU time of the worst, s", most=60),
            Figure("slow", "which that is"),
            none("left", "rows, pictures and temporary files left"),
        ),
        measure=imports,
        limit_s=900,
    ),
)
