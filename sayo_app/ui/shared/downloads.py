"""Files that the page hands out: made in a folder of their own, and downloaded as soon as they are there."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import gradio as gr

from sayo_app.core.disk import require_room, trim
from sayo_app.errors import StorageError
from sayo_app.settings import Settings

_KEPT_SECONDS = 3600
# Some time to download it.
_NEEDED_SECONDS = 300
_STEM_CHARS = 40


class Download:
    """A file that a button hands out, without a second button to press."""

    def __init__(self, elem_id: str) -> None:
        self.component = gr.DownloadButton(visible="hidden", elem_id=elem_id)
        self._press = f"() => document.querySelector('#{elem_id}').click()"

    def follow(self, made: Any) -> None:
        """Download the file once the event that makes it has succeeded."""
        made.success(None, None, None, js=self._press)


def export_folder(settings: Settings) -> Path:
    """A fresh folder for one file; those of an hour ago are gone then.

    Gradio hands out files of the temporary folder only, which app.py has put into the data folder.

    Raises:
        StorageError: it cannot be written, or what room there is is for corrections.
    """
    require_room(settings, "an export")
    root = Path(tempfile.gettempdir()) / "sayo-exports"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for old in root.iterdir():
            if old.is_dir() and time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        trim(root, settings.max_upload_bytes, _KEPT_SECONDS, _NEEDED_SECONDS)
        folder = root / uuid.uuid4().hex
        folder.mkdir()
        return folder
    except OSError as error:
        raise StorageError(
            expected=f"to write into {root}",
            got=str(error),
            remedy="Check that the data folder is writable and has room.",
        ) from error


def file_stem(text: str, otherwise: str) -> str:
    """`What is this?` -> `what-is-this`; `otherwise` where nothing is left of the text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_STEM_CHARS] or otherwise
