"""The README against the code: Space front matter, commands that exist, pictures that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sayo_app.settings import REPOSITORY_DIR
from storage.__main__ import _parser as storage_parser
from storage.formats.catalogue import FORMATS
from training.__main__ import _parser as training_parser

README = (REPOSITORY_DIR / "README.md").read_text()
FRONT_MATTER = dict(line.split(": ", 1) for line in README.split("---\n")[1].strip().splitlines())


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY_DIR, capture_output=True, text=True, check=True
    ).stdout
    return [REPOSITORY_DIR / name for name in listed.split("\0") if name]


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


def test_no_plain_file_is_too_large_for_the_hub() -> None:
    assert [path.name for path in _tracked() if path.stat().st_size > 10_000_000] == []


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_links_and_pictures_exist(target: str) -> None:
    assert (REPOSITORY_DIR / target).is_file()


@pytest.mark.parametrize("command", re.findall(r"^python (app\.py .+)$", README, re.MULTILINE))
def test_app_commands_parse(command: str) -> None:
    import app

    app.parse(command.split()[1:])


@pytest.mark.parametrize("command", re.findall(r"^python -m training (.+)$", README, re.MULTILINE))
def test_training_commands_parse(command: str) -> None:
    words = command.split()
    training_parser(wanted=words[:1]).parse_args(words)


@pytest.mark.parametrize("command", re.findall(r"^python -m storage (.+)$", README, re.MULTILINE))
def test_storage_commands_parse(command: str) -> None:
    storage_parser().parse_args(command.split())


def test_every_format_is_in_the_readme() -> None:
    rows = re.findall(r"^\| `([a-z]+)`: [^|]+\| ✓ \| (✓?) ?\|", README, re.MULTILINE)
    assert {name: bool(out) for name, out in rows} == {name: bool(f.write) for name, f in FORMATS.items()}


def test_requirements_are_exact_and_leave_torchvision_out() -> None:
    pins = (REPOSITORY_DIR / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in pins)
    assert not any(pin.startswith("torchvision") for pin in pins)
    assert "torch==2.13.0" in pins
