"""Options in words, and that the page which lists a run's is fresh."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import pytest

from sayo_app.errors import InputError
from sayo_app.options import Options, option
from sayo_app.options_text import BEGIN, END, help_text, put_table, table
from sayo_app.run_config import OTHER_MODELS, RunConfig
from sayo_app.settings import REPOSITORY_DIR


class Tea(Options):
    subject: ClassVar[str] = "{name} of a cup of tea"

    sugar: int = option(2, "Sugar", "Cubes of it.", unit="cubes", ge=0)
    milk: bool = option(False, "Milk")
    pot: int | None = option(None, "Pot", "Which one.")
    biscuit: str = option("", "Biscuit", "Beside it.")


def test_each_option_has_a_row() -> None:
    assert table(Tea(sugar=3), {"milk": True}).splitlines() == [
        "| option | what it is | takes | default |",
        "|---|---|---|---|",
        "| `sugar` | Sugar. Cubes of it. | a whole number of at least 0, in cubes | 3 |",
        "| `milk` | Milk. | true or false | false (true for other models) |",
        "| `pot` | Pot. Which one. | a whole number, or null | null |",
        "| `biscuit` | Biscuit. Beside it. | text | empty |",
    ]


def test_help_is_wrapped_beside_the_names() -> None:
    assert help_text(Tea(), width=60).splitlines()[:3] == [
        "  sugar    Sugar. Cubes of it. [a whole number of at least",
        "           0, in cubes; default 2]",
        "  milk     Milk. [true or false; default false]",
    ]


def test_a_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Tea\n{BEGIN}\nstale\n{END}\nMore.\n", encoding="utf-8")
    for _ in range(2):
        put_table(page, "fresh")
        assert page.read_text(encoding="utf-8") == f"# Tea\n{BEGIN}\nfresh\n{END}\nMore.\n"
    page.write_text("# Tea\n", encoding="utf-8")
    with pytest.raises(InputError, match="options: begin"):
        put_table(page, "fresh")


def test_the_page_of_a_runs_options_is_fresh(tmp_path: Path) -> None:
    page = (REPOSITORY_DIR / "training" / "README.md").read_text(encoding="utf-8")
    copy = tmp_path / "README.md"
    copy.write_text(page, encoding="utf-8")
    put_table(copy, table(RunConfig(), OTHER_MODELS))
    assert copy.read_text(encoding="utf-8") == page, "python -m training options --into training/README.md"


def test_the_page_names_all_options_and_nothing_else() -> None:
    page = (REPOSITORY_DIR / "training" / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \|", page.partition(BEGIN)[2], re.MULTILINE)
    assert named == list(RunConfig().to_dict())
