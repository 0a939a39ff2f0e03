"""`python -m storage import | export | imports | undo-import` as somebody types it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from storage.__main__ import main
from storage.formats.catalogue import FORMATS
from storage.store import Store
from tests.storage.formats.kinds.test_viscot import LINE
from tests.storage.formats.test_hostile import OFFICIAL, parquet

Save = Callable[..., Path]


def test_in_out_and_undone(
    store: Store, save: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save([LINE, LINE | {"image": "gone.jpg"}], "x.jsonl")
    assert main(["import", "viscot", str(path), "--author", "Ada"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Import 1: 1 corrections and 0 open questions taken",
        "1 skipped (row 2): expected a picture in the folder, got 'gone.jpg'",
    ]
    assert main(["export", "coco", str(tmp_path / "out"), "--state", "submitted"]) == 0
    assert capsys.readouterr().out.startswith(f"1 corrections written to {tmp_path / 'out'}\n")
    assert main(["imports"]) == 0
    assert "1: viscot 'x.jsonl', " in capsys.readouterr().out
    assert main(["undo-import", "1"]) == 0
    assert (
        capsys.readouterr().out == "Import 1 undone: its corrections are marked deleted, with their history\n"
    )
    assert store.corrections.count() == 0
    main(["imports"])
    assert capsys.readouterr().out.endswith("1 corrections, 0 questions, undone\n")


def test_the_grid_is_given_by_flags(store: Store, folder: Path, tmp_path: Path) -> None:
    path = folder / "train.parquet"
    path.write_bytes(parquet(OFFICIAL | {"focus_area": [[0, 0]]}))
    main(["import", "sayo", str(path), "--token-px", "32"])
    (made,) = store.corrections.all()
    assert made.regions[0].box_xyxy == (0, 0, 32, 32)
    assert main(["export", "sayo", str(tmp_path / "out.parquet"), "--squash", "448x448"]) == 0


@pytest.mark.parametrize(
    "words",
    [
        ["import", "viscot", "nowhere.jsonl"],
        ["import", "coco", "."],
        ["export", "viscot", "out"],
        ["export", "sayo", "out.parquet", "--squash", "448"],
        ["export", "sayo", "out.parquet", "--token-px", "0"],
        ["undo-import", "7"],
    ],
)
def test_what_goes_wrong_is_said_in_a_line(
    store: Store,
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("Expected ")


def test_formats_that_are_read_only_are_not_offered_for_export(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "gqa", "out"])
    assert "invalid choice: 'gqa'" in capsys.readouterr().err
    assert len(FORMATS) == 8
