"""The page's script: what is committed is what its modules make, and it offers what Python names."""

from __future__ import annotations

import hashlib
import posixpath
import re
import subprocess
from collections import Counter
from graphlib import TopologicalSorter

from sayo_app.settings import REPOSITORY_DIR
from sayo_app.ui.shared.page_files import UI_DIR, script
from tests.node import SCRIPTS, node, npm_tools

NOT_OURS = {"node_modules", "build.js", "studio.js"}


def sources() -> str:
    """As assets/ui/build.js reads them."""
    paths = (path.relative_to(UI_DIR) for path in UI_DIR.rglob("*.js"))
    names = sorted(path.as_posix() for path in paths if not NOT_OURS & set(path.parts))
    return "".join(f"{name}\n{(UI_DIR / name).read_text('utf-8')}\n" for name in names)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_script_was_made_from_the_modules_as_they_are() -> None:
    head, _, text = script().partition("\n")
    said = re.match(r"/\* sources ([0-9a-f]{64}), text ([0-9a-f]{64}):", head)
    how_to = "run `npm ci && npm run build` in assets/ui"
    assert said is not None
    assert said[1] == digest(sources()), f"studio.js is stale: {how_to}"
    assert said[2] == digest(text), f"studio.js was changed by hand: {how_to}"


def test_the_script_is_what_the_modules_make() -> None:
    subprocess.run([npm_tools(), "build.js", "--check"], cwd=UI_DIR, check=True)


def test_the_modules_pass_their_own_tests() -> None:
    tests = sorted(SCRIPTS.glob("*.test.mjs"))
    assert tests
    subprocess.run([node(), "--test", *map(str, tests)], check=True)


def test_python_names_only_what_the_script_offers() -> None:
    offered = re.search(r"sayo: \{([^}]*)\}", (UI_DIR / "main.js").read_text("utf-8"))
    assert offered is not None
    names = {name.strip() for name in offered[1].split(",")}
    named = {
        found
        for path in (REPOSITORY_DIR / "sayo_app").rglob("*.py")
        for found in re.findall(r"(?<![\w.`])sayo\.(\w+)\(", path.read_text("utf-8"))
    }
    assert named and names == named | {"viewers"}


# Which rooms of assets/ui a room may import from; types are no imports.
MAY_IMPORT: dict[str, set[str]] = {
    "shared": set(),
    "maps": {"shared"},
    "regions": {"shared"},
    "drafts": {"shared"},
    "worklist": {"shared"},
    "viewer": {"shared", "maps", "regions", "drafts"},
    "": {"shared", "viewer", "worklist"},
}


def imports() -> dict[str, list[str]]:
    """By module, as main.js imports it: the modules that it imports."""
    found = {}
    for path in UI_DIR.rglob("*.js"):
        name = path.relative_to(UI_DIR)
        if not NOT_OURS & set(name.parts):
            named = re.findall(r'^(?:import|\}) .*from "(\..*)";$', path.read_text("utf-8"), re.MULTILINE)
            found[name.as_posix()] = [posixpath.normpath(f"{name.parent.as_posix()}/{it}") for it in named]
    return found


def test_rooms_import_only_what_they_may() -> None:
    wrong = [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if (own := posixpath.dirname(module)) != (room := posixpath.dirname(other))
        and room not in MAY_IMPORT[own]
    ]
    assert not wrong


def test_modules_import_each_other_in_no_circle() -> None:
    graph = imports()
    assert graph["main.js"] and all(other in graph for others in graph.values() for other in others)
    tuple(TopologicalSorter(graph).static_order())


def test_rooms_stay_small() -> None:
    rooms = Counter(posixpath.dirname(name) for name in imports())
    assert max(rooms.values()) <= 15
