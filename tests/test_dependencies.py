"""Which package and which room may import which, and how large modules, functions and folders may grow.

A package is a row of `MAY_IMPORT`; its folders are rooms, and what they may import of each other is `ROOMS`.
Entry points (`app.py`, `__main__.py`) stand above the rooms and may use all of their package.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sayo_app.settings import REPOSITORY_DIR

EVERYBODYS = {"settings", "errors", "options", "options_text", "run_config"}
MAY_IMPORT: dict[str, set[str]] = {
    "sayo_app": set(),
    "settings": {"errors", "options"},
    "options": {"errors"},
    "run_config": {"errors", "options", "settings"},
    "options_text": {"errors", "options"},
    "errors": set(),
    "access": set(),
    "core": set(),
    "mllm": {"core"},
    "storage": {"access", "core"},
    "training": {"core", "mllm", "storage"},
    "jobs": {"core", "storage"},
    "ui": {"access", "core", "mllm", "storage", "jobs"},
    "app": {"core", "mllm", "storage", "jobs", "ui"},
}
# Rooms of a package and the rooms of it that each may import; "." is the package's own folder.
ROOMS: dict[str, dict[str, set[str]]] = {
    "sayo_app/access": {".": set()},
    "sayo_app/core": {
        ".": set(),
        "geometry": set(),
        "scenes": {"geometry"},
        "attention": {".", "geometry"},
        "rendering": {".", "geometry"},
        "bundles": {".", "geometry", "attention"},
    },
    "sayo_app/mllm": {
        "attention": set(),
        "models": {"attention"},
        "answering": {"attention", "models"},
        "analysis": {"attention", "models", "answering"},
        ".": {"models", "answering", "analysis"},
        "bench": {".", "attention", "models", "answering"},
    },
    "sayo_app/jobs": {".": set()},
    "sayo_app/ui": {
        "shared": set(),
        "viewer": {"shared"},
        "ask": {"shared", "viewer"},
        "correct": {"shared", "viewer"},
        "worklist": {"shared", "viewer"},
        "retrain": {"shared", "viewer"},
        "compare": {"shared", "viewer"},
        "people": {"shared"},
        "tour": {"shared", "viewer", "retrain"},
        "signin": {"shared"},
        "web": {"shared"},
        ".": {
            "shared",
            "signin",
            "web",
            "ask",
            "correct",
            "worklist",
            "retrain",
            "compare",
            "people",
            "tour",
        },
    },
    "storage": {
        "base": set(),
        "work": {"base"},
        "runs": {"base"},
        "people": {"base"},
        ".": {"base", "work", "runs", "people"},
        "migrations": {"base"},
        "migrations/versions": set(),
        "formats/common": set(),
        "formats/kinds": {"formats/common"},
        "formats": {".", "base", "work", "formats/common", "formats/kinds"},
    },
    "training": {
        ".": set(),
        "state": set(),
        "data": set(),
        "looks": {"data"},
        "rl": {"state", "data", "looks"},
        "run": {"state", "data", "rl"},
        "bundled": {"data", "rl"},
        "study": {"state", "data", "looks", "rl"},
        "bench": {"state", "data", "rl"},
    },
}
CORE_LIBRARIES = {"numpy", "PIL", "cv2", "jaxtyping"}
# Heavy libraries and the only packages that may name them.
ONLY_IN = {
    "torch": {"mllm", "training"},
    "transformers": {"mllm", "training"},
    "peft": {"mllm", "training"},
    "accelerate": {"training"},
    "gradio": {"ui", "app"},
    "starlette": {"ui"},
    "authlib": {"ui"},
    "pythonjsonlogger": {"ui"},
    "plotly": {"ui"},
    "pyarrow": {"storage"},
    "sqlalchemy": {"storage"},
    "argon2": {"storage"},
    "alembic": {"storage"},
}
MODULE_LINES, FUNCTION_LINES, FOLDER_MODULES = 400, 60, 15


def modules(root: Path) -> list[Path]:
    folders = ("sayo_app", "storage", "training")
    return [root / "app.py", *(path for folder in folders for path in sorted((root / folder).rglob("*.py")))]


def scripts(root: Path) -> list[Path]:
    """What we wrote of the page's JavaScript: not what was installed, and not what was made of it."""
    made = ("node_modules", "studio.js")
    return [
        path
        for path in sorted((root / "assets" / "ui").rglob("*.js"))
        if not set(path.relative_to(root).parts) & set(made)
    ]


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


def room_of(path: Path, root: Path) -> tuple[str, str] | None:
    """(package, room) of a module of ours; None for an entry point, settings, errors."""
    name = path.relative_to(root)
    for package in ROOMS:
        if name.is_relative_to(package) and name.name != "__main__.py":
            return package, name.parent.relative_to(package).as_posix()
    return None


def module_path(dotted: str, root: Path) -> Path | None:
    """The file of a module, or of the module that a name is taken from; None for somebody else's."""
    for parts in (dotted.split("."), dotted.split(".")[:-1]):
        path = root.joinpath(*parts) if parts else root / "none"
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


def crossings(path: Path, root: Path) -> Iterator[tuple[int, str, str]]:
    """(line, package, other room) of every import that leaves a module's room but not its package."""
    own = room_of(path, root)
    if own is None:
        return
    for line, name in imported(path, root):
        target = module_path(name, root)
        other = None if target is None else room_of(target, root)
        if other is not None and other[0] == own[0] and other != own:
            yield line, *other


def through_walls(path: Path, root: Path) -> list[str]:
    """Imports of rooms that the table does not open to this one; a room that it does not know."""
    own = room_of(path, root)
    if own is None:
        return []
    package, room = own
    if room not in ROOMS[package]:
        return [f"{path.relative_to(root)} lies in a room that the table of {package} does not have"]
    return [
        f"{path.relative_to(root)}:{line} imports the room {other}, which {room} may not"
        for line, _, other in crossings(path, root)
        if other not in ROOMS[package][room]
    ]


def circle(rooms: dict[str, set[str]]) -> list[str]:
    """Rooms that can reach themselves; empty where there is an order from the bottom up."""
    left = {room: set(opens) for room, opens in rooms.items()}
    while done := [room for room, opens in left.items() if not opens & set(left)]:
        left = {room: opens for room, opens in left.items() if room not in done}
    return sorted(left)


def uses(files: list[Path], root: Path) -> dict[str, set[str]]:
    """Module by module, the modules of ours that it imports anywhere in its file, packages left out."""
    found: dict[str, set[str]] = {}
    for path in files:
        targets = {module_path(name, root) for _, name in imported(path, root)}
        known = {it for it in targets if it is not None and it.name != "__init__.py"} - {path}
        found[path.relative_to(root).as_posix()] = {it.relative_to(root).as_posix() for it in known}
    return found


def crowded(files: list[Path], root: Path) -> list[str]:
    counts = Counter(path.parent for path in files if path.name != "__init__.py")
    return [
        f"{folder.relative_to(root)} has {count} modules"
        for folder, count in sorted(counts.items())
        if count > FOLDER_MODULES
    ]


def overlong(path: Path, root: Path) -> list[str]:
    text, name = path.read_text(encoding="utf-8"), path.relative_to(root)
    lines = len(text.splitlines())
    found = [f"{name} has {lines} lines"] if lines >= MODULE_LINES else []
    if path.suffix != ".py":
        return found
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length >= FUNCTION_LINES:
                found.append(f"{name}:{node.lineno} {node.name} has {length} lines")
    return found


def test_packages_import_what_the_design_lets_them() -> None:
    found = [line for path in modules(REPOSITORY_DIR) for line in forbidden(path, REPOSITORY_DIR)]
    assert not found, "\n".join(found)


def test_rooms_import_what_the_table_lets_them() -> None:
    found = [line for path in modules(REPOSITORY_DIR) for line in through_walls(path, REPOSITORY_DIR)]
    assert not found, "\n".join(found)


def test_the_table_of_rooms_opens_no_door_that_nobody_uses() -> None:
    used = {
        (package, room_of(path, REPOSITORY_DIR)[1], other)  # type: ignore[index]
        for path in modules(REPOSITORY_DIR)
        for _, package, other in crossings(path, REPOSITORY_DIR)
    }
    allowed = {
        (package, room, other) for package, rooms in ROOMS.items() for room in rooms for other in rooms[room]
    }
    assert allowed <= used, f"nobody uses {sorted(allowed - used)}"


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_rooms_stand_on_one_another_without_a_circle(package: str) -> None:
    rooms = ROOMS[package]
    assert {other for opens in rooms.values() for other in opens} <= set(rooms)
    assert circle(rooms) == []
    there = {(REPOSITORY_DIR / package / room).is_dir() for room in rooms}
    assert there == {True}


def test_no_module_reaches_itself() -> None:
    files = modules(REPOSITORY_DIR)
    known = uses(files, REPOSITORY_DIR)
    assert sum(map(len, known.values())) > len(files), "imports are not found any more"
    assert circle(known) == []


def test_modules_and_functions_stay_short() -> None:
    found = [
        line
        for path in (*modules(REPOSITORY_DIR), *scripts(REPOSITORY_DIR))
        for line in overlong(path, REPOSITORY_DIR)
    ]
    assert not found, "\n".join(found)


def test_folders_stay_small() -> None:
    assert crowded(modules(REPOSITORY_DIR), REPOSITORY_DIR) == []


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


@pytest.mark.parametrize(
    ("file", "code", "wrong"),
    [
        ("sayo_app/mllm/attention/a.py", "from sayo_app.mllm.models import there", True),
        ("sayo_app/mllm/attention/a.py", "def f():\n    from sayo_app.mllm.models.there import name", True),
        ("sayo_app/mllm/models/there.py", "from sayo_app.mllm.attention import here", False),
        ("sayo_app/mllm/models/there.py", "from . import beside", False),
        ("sayo_app/mllm/models/there.py", "from ..answering import chat", True),
        ("sayo_app/mllm/cellar/a.py", "import json", True),
        ("sayo_app/ui/ask/a.py", "import sayo_app.mllm.models.there", False),
        ("storage/__main__.py", "from storage.formats import commands", False),
        ("storage/a.py", "from storage.formats import commands", True),
        ("storage/formats/kinds/a.py", "from storage.formats import commands", True),
    ],
)
def test_the_rule_of_rooms_tells_right_from_wrong(tmp_path: Path, file: str, code: str, wrong: bool) -> None:
    known = ("mllm/attention/here", "mllm/models/there", "mllm/models/beside", "mllm/answering/chat")
    others = [*(f"sayo_app/{name}.py" for name in known), "storage/formats/commands.py"]
    for name in (*others, file):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / file).write_text(code)
    assert bool(through_walls(tmp_path / file, tmp_path)) is wrong


def test_a_circle_is_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_a_crowd_is_counted(tmp_path: Path) -> None:
    files = [tmp_path / "room" / f"m{number}.py" for number in range(16)]
    assert crowded([*files[:15], tmp_path / "room" / "__init__.py"], tmp_path) == []
    assert crowded(files, tmp_path) == ["room has 16 modules"]
