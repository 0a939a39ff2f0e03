"""The command line, as far as no run begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from sayo_app.run_config import RunConfig
from training.__main__ import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "--run, a YAML file with --config, or options with --set"),
        ("--run 1 --set steps=3", "a stored run has its options, got --set"),
        ("--run 1 --data a --format b --model c", "got --data --format --model"),
        ("--set steps=0", "at least 1 and at most 100000, got 0"),
    ],
)
def test_a_run_is_named_in_one_way(
    words: str, message: str, capsys: pytest.CaptureFixture[str], restored_signals: None
):
    assert main(["train", *words.split()]) == 1
    assert message in capsys.readouterr().err


def test_help_lists_every_option_with_its_bounds(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for option in RunConfig.options().values():
        assert f" {option.name} {option.label}." in shown and f"[{option.values}" in shown


def test_options_are_printed_or_put_into_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    page = tmp_path / "page.md"
    page.write_text("<!-- options: begin --><!-- options: end -->", encoding="utf-8")
    assert main(["options"]) == main(["options", "--into", str(page)]) == 0
    assert capsys.readouterr().out.strip() in page.read_text(encoding="utf-8")
