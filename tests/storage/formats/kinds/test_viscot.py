from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from sayo_app.core.geometry.region import Region
from storage.formats.common.rows import ReadOptions, Skipped
from storage.formats.kinds import viscot
from tests.storage.formats.conftest import taken

# A line of viscot_dataset/cub_cot_train.jsonl, on our picture.
LINE = {
    "question": "Does the bird in the picture have grey forehead and grey throat?",
    "answer": "Yes",
    "image": "birds/b c.png",
    "width": 200,
    "height": 100,
    "bboxs": [[39.0, 30.0, 192.0, 94.0]],
    "dataset": "cub",
    "split": "train",
}


def test_a_line_is_read(save: Callable[..., Path], options: ReadOptions, folder: Path) -> None:
    (row,) = taken(viscot.read(save([LINE], "cub_cot_train.jsonl"), options))
    assert (row.number, row.picture, row.image_wh) == (1, folder / "birds" / "b c.png", (200, 100))
    assert (row.now.question, row.now.answer) == (LINE["question"], "Yes")
    assert row.now.regions == (Region.box(39, 30, 192, 94),)
    assert row.extra == {"dataset": "cub", "split": "train"}


def test_rows_that_cannot_be_used_are_named_by_line(save: Callable[..., Path], options: ReadOptions) -> None:
    lines = [
        LINE | {"bboxs": [[1, 2, 3]]},
        LINE | {"bboxs": "39,30,192,94"},
        LINE | {"question": 7},
        LINE | {"image": "gone.jpg"},
        LINE | {"image": "https://example.com/a.jpg"},
        LINE | {"width": -200},
        LINE | {"bboxs": [[0, 0, True, 5]]},
        LINE | {"bboxs": [[0, 0, 10**400, 5]]},
        LINE,
    ]
    *skipped, row = viscot.read(save(lines, "x.jsonl"), options)
    assert [entry.number for entry in skipped] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(isinstance(entry, Skipped) for entry in skipped)
    assert "gone.jpg" in skipped[3].got
    assert "not fetched" in skipped[4].expected
    assert row.number == 9


def test_what_is_written_is_the_format(
    save: Callable[..., Path], options: ReadOptions, tmp_path: Path
) -> None:
    from storage.formats.common.rows import WriteOptions

    out = tmp_path / "out"
    out.mkdir()
    losses = viscot.write(out, taken(viscot.read(save([LINE], "x.jsonl"), options)), WriteOptions())
    (line,) = (out / "viscot.jsonl").read_text().splitlines()
    assert json.loads(line) == LINE | {"image": "b c.png"}
    assert (out / "pictures" / "b c.png").is_file()
    assert losses.lines() == []
