"""What the page calls things, where several rooms speak of them."""

from __future__ import annotations

from pathlib import Path

from storage.base.records import AdapterRecord

BASE_LABEL = "Base model"
# Its value in dropdowns: Gradio cannot tell None from nothing chosen.
BASE_ID = 0


def model_label(name: str) -> str:
    """What a page calls a model: a folder by its name, as its path is the operator's business."""
    return Path(name).name if Path(name).is_dir() else name


def counted(number: int, noun: str) -> str:
    """`1, "picture"` -> "1 picture"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def adapter_name(record: AdapterRecord) -> str:
    return record.name or f"Adapter {record.id}"
