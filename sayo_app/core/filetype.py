"""What a file really is, by how it begins: names and declared types are what somebody says."""

from __future__ import annotations

from typing import Literal

Kind = Literal["picture", "zip", "weights", "table", "text", "other"]
# So much of a file tells.
HEAD_BYTES = 16
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")


def kind_of(head: bytes) -> Kind:
    """Args: head: the first `HEAD_BYTES`, or all of a file that has fewer."""
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "picture"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"PAR1"):
        return "table"
    # safetensors: the length of its header, which is JSON.
    if head[8:9] == b"{" and head[5:8] == b"\0\0\0":
        return "weights"
    return "other" if _binary(head) else "text"


def _binary(head: bytes) -> bool:
    # A character may be cut off at the end; controls but for tab and ends of lines are no text.
    text = head.decode("utf-8", errors="ignore")
    return len(text.encode()) < len(head) - 3 or any(ord(it) < 32 and it not in "\t\r\n" for it in text)
