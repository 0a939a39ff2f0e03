"""`python -m storage users | audit`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from sayo_app.access.roles import Role
from sayo_app.settings import Settings
from storage.__main__ import main
from storage.store import Store

PASSWORD = "four words in a row"


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_an_account_from_first_to_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    type_in(monkeypatch, f"{PASSWORD}\n")
    assert main(["users", "add", "Ada", "--role", "reviewer"]) == 0
    assert main(["users", "role", "Ada", "owner"]) == 0
    type_in(monkeypatch, f"other {PASSWORD}\n")
    assert main(["users", "reset", "Ada"]) == 0
    with Store(Settings.from_environment()) as store:
        assert store.accounts.signed_in("Ada", PASSWORD) is None
        assert store.accounts.signed_in("Ada", f"other {PASSWORD}") is not None
        assert [it.role for it in store.accounts.all()] == [Role.OWNER]
    capsys.readouterr()
    assert main(["users", "list"]) == 0
    assert capsys.readouterr().out.startswith("Ada: owner, signs in by local, last 20")
    assert main(["audit", "--out", str(tmp_path / "changes.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "changes.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["who"], row["action"]) for row in rows] == [
        ("command line", "accounts.add"),
        ("command line", "accounts.role"),
        ("command line", "accounts.reset"),
    ]
    capsys.readouterr()
    assert main(["audit", "--format", "jsonl"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_short_password_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, "secret\n")
    assert main(["users", "add", "Ada"]) == 1
    assert "10 to 500 characters" in capsys.readouterr().err
