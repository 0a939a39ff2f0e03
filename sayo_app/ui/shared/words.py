"""What the page calls things, where several rooms speak of them."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from sayo_app.settings import REPOSITORY_DIR
from storage.base.records import AdapterRecord

TITLE = "SAYO Studio"
BASE_LABEL = "Base model"
# A path from the root, of two names at least: not the end of a word, a fraction or an address of the web.
_ABSOLUTE = re.compile(r"(?<![\w.:/…])/(?:[^\s/'\"]+/)+([^\s/'\"]+)")
# Its value in dropdowns: Gradio cannot tell None from nothing chosen.
BASE_ID = 0


def model_label(name: str) -> str:
    """What a page calls a model: a folder by its name, as its path is the operator's business."""
    return Path(name).name if Path(name).is_dir() else name


def without_paths(text: str) -> str:
    """A message with files by their names: where they lie is the operator's business, and in the log."""
    folders = (tempfile.gettempdir(), str(REPOSITORY_DIR), str(Path.home()))
    for folder in sorted(folders, key=len, reverse=True):
        if len(folder) > 1:
            text = text.replace(f"{folder}/", "…/")
    return _ABSOLUTE.sub(r"…/\1", text)


def counted(number: int, noun: str) -> str:
    """`1, "picture"` -> "1 picture"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def adapter_name(record: AdapterRecord) -> str:
    return record.name or f"Adapter {record.id}"
