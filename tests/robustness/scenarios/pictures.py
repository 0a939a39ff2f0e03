"""Pictures made to do harm: each in a process of its own, where it costs what it costs."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value, none


def png(width: int, height: int, body: bytes | None = None, bits: int = 1, kind: int = 0) -> bytes:
    """A PNG of any size, of noughts where no body is given."""
    row = bytes(1 + (width * bits * (3 if kind == 2 else 1) + 7) // 8)
    if body is None:
        packer = zlib.compressobj(9)
        body = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def encoded(kind: str, **options: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.effect_noise((640, 480), 80).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()


def text_bomb() -> bytes:
    """A PNG whose compressed comment unpacks to 400 MB."""
    comment = b"Comment\0\0" + zlib.compress(bytes(400_000_000), 9)
    whole = png(8, 8)
    return whole[:33] + chunk(b"zTXt", comment) + whole[33:]


def profile_bomb() -> bytes:
    """The same as a colour profile."""
    whole = png(8, 8)
    return whole[:33] + chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(400_000_000), 9)) + whole[33:]


def hostile() -> dict[str, bytes]:
    """What nobody should have to open."""
    jpeg = encoded("JPEG")
    size = jpeg.index(b"\xff\xc0") + 5
    return {
        "400 megapixels in 49 KB": png(20_000, 20_000),
        "2,147,483,647 px wide": png(2**31 - 1, 2**31 - 1, b""),
        "no width": png(0, 100, b""),
        "a strip of 40,000 x 1 px": png(40_000, 1),
        "said to be 2,000 x 1,500, holds one row": png(2_000, 1_500, zlib.compress(bytes(251))),
        "a JPEG that says 65,500 x 65,500": jpeg[:size]
        + struct.pack(">HH", 65_500, 65_500)
        + jpeg[size + 4 :],
        "a JPEG cut in the middle": jpeg[: len(jpeg) // 2],
        "a PNG cut in the middle": encoded("PNG")[:200_000],
        "a WebP cut in the middle": encoded("WEBP")[:20_000],
        "a GIF without an end": encoded("GIF")[:-5_000],
        "a TIFF that leads to itself": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "a comment of 400 MB": text_bomb(),
        "a profile of 400 MB": profile_bomb(),
        "an SVG with a script": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "HTML called PNG": b"<!doctype html><script>alert(1)</script>",
        "EPS that runs": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n",
        "nothing": b"",
    }


def open_one(data: bytes) -> tuple[int, int]:
    from sayo_app.core.picture import open_picture

    return open_picture(data).size


def warm() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF"):
        open_one(encoded(kind))


def pictures(folder: Path) -> Mapping[str, Value]:
    from tests.robustness.costs import cost

    warm()
    ends = {name: cost(open_one, data, warm=warm) for name, data in hostile().items()}
    most = cost(open_one, png(6_300, 6_300), warm=warm)
    dear = max(ends, key=lambda name: ends[name].peak_mb)
    return {
        "tried": len(ends),
        "refused": sum(bool(it.refused) for it in ends.values()),
        "broke": sum(bool(it.broke) for it in ends.values()),
        "peak_mb": ends[dear].peak_mb,
        "dear": dear,
        "cpu_s": max(it.cpu_s for it in ends.values()),
        "most_mb": most.peak_mb,
    }


SCENARIOS = (
    Scenario(
        name="pictures",
        tried="files of up to 500 KB: 400 megapixels, sizes that lie, cut short, comments that unpack to "
        "400 MB, TIFF in a circle, scripts called PNG",
        figures=(
            Figure("tried", "files"),
            Figure("refused", "refused in words (the others are small pictures, and open)"),
            none("broke", "ended otherwise: killed, other errors, two minutes"),
            Figure("peak_mb", "memory of the worst, MB", most=50),
            Figure("dear", "which that is"),
            Figure("cpu_s", "CPU time of the worst, s", most=1),
            Figure("most_mb", "memory for the largest that is opened, 39 megapixels in 5 KB, MB", most=300),
        ),
        measure=pictures,
    ),
)
