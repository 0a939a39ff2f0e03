"""Two gigabytes that are sent where a picture belongs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.robustness.registry import Figure, Scenario, Value, none

_PIECE = bytes(1_000_000)
_PIECES = 2_000
_BEGIN = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
_KINDS = {"picture": b"\x89PNG\r\n\x1a\n", "program": b"\x7fELF\0\0\0\0", "request": b""}


def uploads(folder: Path) -> Mapping[str, Value]:
    """A picture, a file of no known kind, and a question: each as long as the server reads."""
    import httpx

    from tests.robustness.costs import memory
    from tests.robustness.visiting import served

    with served() as (url, process):
        before = memory("VmRSS", process.pid)
        read, refused, left = {}, 0, 0
        for kind, head in _KINDS.items():
            sent = 0

            def body(head: bytes = head) -> Iterator[bytes]:
                nonlocal sent
                if head:
                    yield _BEGIN + head
                for _ in range(_PIECES):
                    sent += len(_PIECE)
                    yield _PIECE

            path = "upload" if head else "queue/join"
            kind_of_body = "multipart/form-data; boundary=b" if head else "application/json"
            try:
                answer = httpx.post(
                    f"{url}/gradio_api/{path}",
                    content=body(),
                    headers={"content-type": kind_of_body},
                    timeout=120,
                )
                refused += answer.status_code == 413
            except httpx.WriteError:  # it hung up
                refused += 1
            read[kind] = sent
        time.sleep(0.5)
        data = folder / "data" / "uploads"
        left = sum(it.stat().st_size for it in data.rglob("*") if it.is_file())
        grown = memory("VmHWM", process.pid) - before
    return {
        "tried": len(_KINDS),
        "refused": refused,
        "read_mb": round(max(read.values()) / 1e6),
        "left": left,
        "peak_mb": round(grown / 1e6),
    }


SCENARIOS = (
    Scenario(
        name="uploads",
        tried="2 GB each: a picture, a file of no known kind, and a question",
        figures=(
            Figure("tried", "requests"),
            Figure("refused", "refused before their end", least=len(_KINDS)),
            Figure("read_mb", "sent until then by the longest, MB", most=100, before="2,000"),
            none("left", "bytes that are left of them in the folder of uploads"),
            Figure("peak_mb", "memory that it took, MB", most=200),
        ),
        measure=uploads,
    ),
)
