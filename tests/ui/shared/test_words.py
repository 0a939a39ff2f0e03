"""What is said on the page names files, and never where they lie."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from sayo_app.settings import REPOSITORY_DIR
from sayo_app.ui.shared.words import without_paths


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to write /data/sayo/pictures/ab/x.png, got", "to write …/x.png, got"),
        ("'/data/a/b' and \"/c/d\"", "'…/b' and \"…/d\""),
        (f"in {REPOSITORY_DIR}/app.py", "in …/app.py"),
        (f"{tempfile.gettempdir()}/a b/c", "…/a b/c"),
        (f"{Path.home()}/models/mine", "…/models/mine"),
        ("at https://host/a/b or 3/4, and/or", "at https://host/a/b or 3/4, and/or"),
        ("Expected a/b/c, got </b>", "Expected a/b/c, got </b>"),
        ("", ""),
    ],
)
def test_places_are_left_out_and_the_rest_stays(text: str, shown: str) -> None:
    assert without_paths(text) == shown
