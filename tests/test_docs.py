"""The READMEs against the code: Space front matter, commands that parse, links and modules that exist."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sayo_app.settings import REPOSITORY_DIR
from tests.test_dependencies import ROOMS


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY_DIR, capture_output=True, text=True, check=True
    ).stdout
    return [REPOSITORY_DIR / name for name in listed.split("\0") if name]


def _name(path: Path) -> str:
    return path.relative_to(REPOSITORY_DIR).as_posix()


PAGES = {
    _name(path): path.read_text(encoding="utf-8")
    for path in _tracked()
    if path.suffix == ".md" and path.is_file() and "tests/data" not in _name(path)
}
README = PAGES["README.md"]
FRONT_MATTER = dict(line.split(": ", 1) for line in README.split("---\n")[1].strip().splitlines())
# A map of rooms in each package, its rooms first.
MAPS = {
    name: text for name, text in PAGES.items() if name.split("/")[0] in ("sayo_app", "storage", "training")
}
TOP_LEVEL = {
    "app.py",
    "assets",
    "sayo_app",
    "storage",
    "tests",
    "training",
    "requirements.txt",
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE",
    "NOTICE",
}


def _found(pattern: str) -> list[tuple[str, str]]:
    """(page, what the pattern finds), each once."""
    return sorted(
        {(name, hit) for name, text in PAGES.items() for hit in re.findall(pattern, text, re.MULTILINE)}
    )


def _commands(program: str) -> list[tuple[str, str]]:
    """(page, arguments) of every command line and of every command in backticks."""
    return _found(rf"^{program} (.+)$") + _found(rf"`{program} ([^`]+)`")


def test_front_matter_is_a_spaces() -> None:
    assert README.startswith("---\n")
    assert FRONT_MATTER["sdk"] == "gradio"
    assert f"gradio=={FRONT_MATTER['sdk_version']}" in (REPOSITORY_DIR / "requirements.txt").read_text()
    assert (REPOSITORY_DIR / FRONT_MATTER["app_file"]).is_file()
    assert FRONT_MATTER["license"] == "apache-2.0"
    # The Hub refuses a longer one.
    assert len(FRONT_MATTER["short_description"]) <= 60
    assert sys.version_info >= tuple(
        int(part) for part in FRONT_MATTER["python_version"].strip('"').split(".")
    )


def test_the_readme_is_short_and_each_package_has_a_map() -> None:
    assert len(README.splitlines()) < 150
    assert {f"{package}/README.md" for package in ROOMS} - {"sayo_app/jobs/README.md"} <= set(PAGES)


def test_the_top_level_is_what_it_should_be() -> None:
    top = {_name(path).split("/")[0] for path in _tracked()}
    assert {name for name in top if not name.startswith(".")} == TOP_LEVEL


def test_no_plain_file_is_too_large_for_the_hub() -> None:
    assert [path.name for path in _tracked() if path.is_file() and path.stat().st_size > 10_000_000] == []


@pytest.mark.parametrize(("page", "target"), _found(r"\]\((?!http)([^)]+)\)"))
def test_links_pictures_and_headings_exist(page: str, target: str) -> None:
    file, _, heading = target.partition("#")
    path = ((REPOSITORY_DIR / page).parent / file).resolve() if file else REPOSITORY_DIR / page
    assert path.is_file()
    if heading:
        headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert heading in {re.sub(r"[^\w\- ]", "", it.lower()).replace(" ", "-") for it in headings}


@pytest.mark.parametrize(("page", "words"), _commands(r"python app\.py"))
def test_app_commands_parse(page: str, words: str) -> None:
    import app

    if "--help" not in words:
        app.parse(words.split())


@pytest.mark.parametrize(("page", "words"), _commands("python -m training"))
def test_training_commands_parse(page: str, words: str) -> None:
    from training.__main__ import _parser

    named = words.replace("FILE", "file").split()
    if "--help" not in words:
        _parser(wanted=named[:1]).parse_args(named)


@pytest.mark.parametrize(("page", "words"), _commands("python -m storage"))
def test_storage_commands_parse(page: str, words: str) -> None:
    from storage.__main__ import parser

    if "--help" not in words:
        parser().parse_args(words.split())


@pytest.mark.parametrize(("page", "module"), _found(r"python -m ((?:sayo_app|tests|training|storage)[\w.]*)"))
def test_commands_name_modules_that_can_be_run(page: str, module: str) -> None:
    path = REPOSITORY_DIR.joinpath(*module.split("."))
    runnable = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    assert "__main__" in runnable.name or 'if __name__ == "__main__":' in runnable.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(MAPS))
def test_maps_name_modules_that_exist(page: str) -> None:
    """Backticked paths without a suffix: from the map's own folder or from the top."""
    here = (REPOSITORY_DIR / page).parent
    named = set(re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+)`", MAPS[page]))
    missing = [
        name
        for name in named
        if not any(
            (root / f"{name}.py").is_file() or (root / name).is_dir() for root in (here, REPOSITORY_DIR)
        )
    ]
    assert missing == []


@pytest.mark.parametrize("package", sorted(set(ROOMS) - {"sayo_app/jobs"}))
def test_maps_have_all_rooms_and_say_what_each_may_import(package: str) -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \|.*\| ?((?:`[^`]+`(?:, )?)*) ?\|$", MAPS[f"{package}/README.md"], re.MULTILINE
    )
    said = {room: set(re.findall(r"`([^`]+)`", opens)) for room, opens in rows}
    assert {room: said.get(room) for room in ROOMS[package]} == ROOMS[package]


def test_every_format_is_in_the_readme() -> None:
    from storage.formats.catalogue import FORMATS

    rows = re.findall(r"^\| `([a-z]+)`: [^|]+\| ✓ \| (✓?) ?\|", PAGES["storage/README.md"], re.MULTILINE)
    assert {name: bool(out) for name, out in rows} == {name: bool(f.write) for name, f in FORMATS.items()}


def test_requirements_are_exact_and_leave_torchvision_out() -> None:
    pins = (REPOSITORY_DIR / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in pins)
    assert not any(pin.startswith("torchvision") for pin in pins)
    assert "torch==2.13.0" in pins


def test_the_newest_change_has_the_version() -> None:
    version = tomllib.loads((REPOSITORY_DIR / "pyproject.toml").read_text())["project"]["version"]
    assert re.findall(r"^## (\d+\.\d+\.\d+)", PAGES["CHANGELOG.md"], re.MULTILINE)[0] == version
