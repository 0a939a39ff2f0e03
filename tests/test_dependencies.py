"""Which package may import which, and how long modules and functions may grow: DESIGN, section 2."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sayo_app.settings import REPOSITORY_DIR

EVERYBODYS = {"settings", "errors"}
MAY_IMPORT: dict[str, set[str]] = {
    "sayo_app": set(),
    "settings": {"errors"},
    "errors": set(),
    "core": set(),
    "mllm": {"core"},
    "storage": {"core"},
    "training": {"core", "mllm", "storage"},
    "jobs": {"core", "storage"},
    "ui": {"core", "mllm", "storage", "jobs"},
    "app": {"core", "mllm", "storage", "jobs", "ui"},
}
CORE_LIBRARIES = {"numpy", "PIL", "cv2", "jaxtyping"}
# Heavy libraries and the only packages that may name them.
ONLY_IN = {
    "torch": {"mllm", "training"},
    "transformers": {"mllm", "training"},
    "peft": {"mllm", "training"},
    "accelerate": {"training"},
    "gradio": {"ui", "app"},
    "plotly": {"ui"},
    "pyarrow": {"storage"},
    "sqlalchemy": {"storage"},
    "alembic": {"storage"},
}
MODULE_LINES, FUNCTION_LINES = 400, 60


def modules(root: Path) -> list[Path]:
    folders = ("sayo_app", "storage", "training")
    return [root / "app.py", *(path for folder in folders for path in sorted((root / folder).rglob("*.py")))]


def package_of(dotted: str) -> str | None:
    """The package of the table that a module belongs to; None for a module of somebody else."""
    top, _, rest = dotted.partition(".")
    if top == "sayo_app":
        return rest.partition(".")[0] or "sayo_app"
    return top if top in MAY_IMPORT else None


def imported(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, wherever it stands in the file."""
    inside = path.relative_to(root).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*inside[: -node.level]] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from sayo_app import core` names the package only after the import.
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            yield from ((node.lineno, str(name)) for name in names[:1])


def own_package(path: Path, root: Path) -> str:
    parts = [part for part in path.relative_to(root).with_suffix("").parts if part != "__init__"]
    package = package_of(".".join(parts))
    assert package in MAY_IMPORT, f"{path} belongs to no package of the design"
    return package


def forbidden(path: Path, root: Path) -> list[str]:
    own = own_package(path, root)
    found = []
    for line, name in imported(path, root):
        package, top = package_of(name), name.partition(".")[0]
        if package is not None:
            wrong = package not in MAY_IMPORT[own] | EVERYBODYS | {own}
        elif own == "core" and top not in CORE_LIBRARIES | sys.stdlib_module_names:
            wrong = True
        else:
            wrong = own not in ONLY_IN.get(top, {own})
        if wrong:
            found.append(f"{path.relative_to(root)}:{line} imports {name}, which {own} may not")
    return found


def overlong(path: Path, root: Path) -> list[str]:
    text, name = path.read_text(), path.relative_to(root)
    lines = len(text.splitlines())
    found = [f"{name} has {lines} lines"] if lines >= MODULE_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length >= FUNCTION_LINES:
                found.append(f"{name}:{node.lineno} {node.name} has {length} lines")
    return found


def test_packages_import_what_the_design_lets_them() -> None:
    found = [line for path in modules(REPOSITORY_DIR) for line in forbidden(path, REPOSITORY_DIR)]
    assert not found, "\n".join(found)


def test_modules_and_functions_stay_short() -> None:
    found = [line for path in modules(REPOSITORY_DIR) for line in overlong(path, REPOSITORY_DIR)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("file", "code", "wrong"),
    [
        ("sayo_app/core/a.py", "import torch", True),
        ("sayo_app/core/a.py", "import scipy.ndimage", True),
        ("sayo_app/core/a.py", "import json, numpy.linalg", False),
        ("sayo_app/core/a.py", "from sayo_app import mllm", True),
        ("sayo_app/core/a.py", "from ..mllm import chat", True),
        ("sayo_app/core/a.py", "from . import grid", False),
        ("sayo_app/core/a.py", "from sayo_app.errors import SayoError", False),
        ("sayo_app/ui/a.py", "def f():\n    from training import loop", True),
        ("sayo_app/ui/a.py", "import importlib\nimportlib.import_module('training.rl.loop')", True),
        ("sayo_app/ui/a.py", "import torch", True),
        ("sayo_app/ui/a.py", "import gradio as gr\nfrom storage.store import Store", False),
        ("sayo_app/jobs/a.py", "import sayo_app.mllm.answering.chat", True),
        ("sayo_app/settings.py", "import storage", True),
        ("storage/a.py", "from sayo_app.jobs import start_run", True),
        ("storage/migrations/versions/a.py", "import sqlalchemy", False),
        ("training/a.py", "import gradio", True),
        ("training/a.py", "from sayo_app.mllm import chat\nimport torch", False),
        ("app.py", "import training", True),
    ],
)
def test_the_rule_itself_tells_right_from_wrong(tmp_path: Path, file: str, code: str, wrong: bool) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    assert bool(forbidden(path, tmp_path)) is wrong


def test_the_length_rule_counts(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("def f():\n" + "    x = 1\n" * 58 + "\n" * 340)
    assert overlong(path, tmp_path) == []
    path.write_text("def f():\n" + "    x = 1\n" * 59 + "\n" * 340)
    assert overlong(path, tmp_path) == ["app.py has 400 lines", "app.py:1 f has 60 lines"]
