"""Signatures are checked in every test, at no cost to what our modules import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from sayo_app.core.geometry.raster import Rle
from sayo_app.settings import REPOSITORY_DIR


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(TypeCheckError):
        Rle.from_mask(np.zeros((2, 3, 4), bool))


def test_only_our_modules_are_compiled_anew(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text("import library\n")
    (tmp_path / "library.py").write_text("")
    code = "from tests.shapes import check_shapes; check_shapes(['ours']); import ours"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY_DIR), str(tmp_path)])
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True)
    compiled = sorted(path.name for path in (tmp_path / "__pycache__").iterdir())
    assert len(compiled) == 2
    assert compiled[0].startswith("library.") and "jaxtyping" not in compiled[0]
    assert compiled[1].startswith("ours.") and "jaxtyping" in compiled[1]
