"""What a file is, by its first bytes."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import pytest
from PIL import Image

from sayo_app.core.filetype import HEAD_BYTES, kind_of


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, kind)
    return buffer.getvalue()


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_pictures_of_every_format_that_is_opened(kind: str) -> None:
    assert kind_of(encoded(kind)[:HEAD_BYTES]) == "picture"


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (archive("trace.json"), "zip"),
        (archive(), "zip"),
        (b"PAR1\x15\x04\x15\x00\x15", "table"),
        (struct.pack("<Q", 2) + b"{}", "weights"),
        (struct.pack("<Q", 70_000) + b'{"__metadata__"', "weights"),
        (json.dumps({"question": "Où?"}, ensure_ascii=False).encode(), "text"),
        ("Où est le chat?".encode()[:2], "text"),
        ("\ufeffquestion,answer".encode(), "text"),
        ("何がありますか".encode()[:HEAD_BYTES], "text"),
        (b"", "text"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", "other"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "other"),
        (bytes(16), "other"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "other"),
        (bytes(range(200, 216)), "other"),
    ],
)
def test_what_else_comes(file: bytes, kind: str) -> None:
    assert kind_of(file[:HEAD_BYTES]) == kind
