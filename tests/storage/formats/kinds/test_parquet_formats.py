"""The two Parquet formats of others: the official SAYO data and ReFocus_Data."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.errors import ImportFileError
from storage.formats.common.grids import GridRule
from storage.formats.common.rows import ReadOptions, Row, Skipped, Version, WriteOptions
from storage.formats.kinds import refocus, sayo
from tests.storage.formats.conftest import taken


def png(wh: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", wh, "teal").save(out, format="PNG")
    return out.getvalue()


# What the published script makes of a 500 x 375 picture of GQA, squashed to 448 x 448, and a box from
# (100, 60) to (180, 150): columns 3 to 5 (100 * 0.896 // 28 = 3, 180 * 0.896 // 28 = 5),
# rows 2 to 6 (60 * 1.19467 // 28 = 2, 150 * 1.19467 // 28 = 6) of 16 columns.
OFFICIAL = {
    "id": "02930152",
    "type": "img",
    "question": "Is the sky dark?",
    "answer": "Yes, the sky is dark.",
    "short_answer": "yes",
    "image": png((448, 448)),
    "focus_area": [[35, 37], [51, 53], [67, 69], [83, 85], [99, 101]],
}


@pytest.fixture
def official(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: dict[str, Any], schema: pa.Schema = sayo.SCHEMA) -> Path:
        path = tmp_path / "train.parquet"
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
        return path

    return write


def test_token_ranges_become_the_box_of_their_cells(
    official: Callable[..., Path], options: ReadOptions
) -> None:
    (row,) = taken(sayo.read(official(OFFICIAL), options))
    assert row.now.regions == (Region.box(3 * 28, 2 * 28, 6 * 28, 7 * 28),)
    assert (row.now.question, row.now.answer) == ("Is the sky dark?", "yes")
    assert (row.image_wh, row.picture) == ((448, 448), OFFICIAL["image"])
    assert row.extra == {"id": "02930152", "type": "img", "answer": "Yes, the sky is dark."}


def test_rows_of_charts_have_no_short_answer(official: Callable[..., Path], options: ReadOptions) -> None:
    chart = OFFICIAL | {"type": "chart", "short_answer": None, "answer": "7"}
    (row,) = taken(sayo.read(official(chart), options))
    assert (row.now.answer, row.extra) == ("7", {"id": "02930152", "type": "chart"})


def test_boxes_at_the_edges_lose_the_cells_that_are_not_there(
    official: Callable[..., Path], options: ReadOptions
) -> None:
    # The script's ids for a box in the lower right corner: column 16 of 16 and row 16 of 16 are no cells.
    corner = OFFICIAL | {"focus_area": [[14 * 16 + 14, 14 * 16 + 16], [254, 256], [270, 272]]}
    (row,) = taken(sayo.read(official(corner), options))
    assert row.now.regions == (Region.box(14 * 28, 14 * 28, 448, 448),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"focus_area": [[1, 2, 3]]},
        {"focus_area": [[5, 3]]},
        {"focus_area": [[-1, 3]]},
        {"focus_area": None},
        {"focus_area": [None]},
        {"question": None},
        {"question": "  "},
        {"image": None},
        {"image": b"no picture"},
    ],
)
def test_a_row_that_cannot_be_used_is_skipped(
    official: Callable[..., Path], options: ReadOptions, wrong: dict[str, Any]
) -> None:
    skipped, kept = sayo.read(official(OFFICIAL | wrong, OFFICIAL), options)
    assert isinstance(skipped, Skipped)
    assert kept.number == 2


def test_columns_of_another_type_are_refused_row_by_row(
    official: Callable[..., Path], options: ReadOptions
) -> None:
    schema = pa.schema([(name, pa.string()) for name in sayo.SCHEMA.names])
    (skipped,) = sayo.read(official(dict.fromkeys(schema.names, "5"), schema=schema), options)
    assert isinstance(skipped, Skipped)


def test_a_file_without_the_columns_is_refused(official: Callable[..., Path], options: ReadOptions) -> None:
    path = official({"question": "?"}, schema=pa.schema([("question", pa.string())]))
    with pytest.raises(ImportFileError, match="without answer, image, focus_area"):
        list(sayo.read(path, options))


def test_what_is_written_has_the_official_columns(tmp_path: Path) -> None:
    version = Version("Where?", (Region.box(0, 0, 55, 55, label="x"),), "there")
    row = Row(9, png((200, 100)), (version,), image_wh=(200, 100))
    path = tmp_path / "out.parquet"
    losses = sayo.write(path, [row], WriteOptions(GridRule(token_px=32)))
    table = pq.read_table(path)
    assert table.schema.equals(sayo.SCHEMA)
    (written,) = table.to_pylist()
    with Image.open(io.BytesIO(written.pop("image"))) as picture:
        # 200 / 32 = 6.25 and 100 / 32 = 3.125, both rounded.
        assert (picture.size, picture.format) == ((192, 96), "PNG")
    # 6 columns of 33.3 px, 3 rows of 33.3 px: the box covers 1.65 cells in each direction,
    # and a cell counts from half of it on (0.65 * 0.65 is less).
    assert written == {
        "id": "9",
        "type": "img",
        "question": "Where?",
        "answer": "there",
        "short_answer": "there",
        "focus_area": [[0, 1], [6, 6]],
    }
    assert losses.lines() == [
        "labels of regions left out (1)",
        "pictures resized (1)",
        "regions written as whole cells (1)",
    ]


REFOCUS = {
    "id": "41699051005347",
    "question": "How many food items are shown in the bar graph?",
    "answer": "14",
    "image": {"bytes": png((200, 100)), "path": "41699051005347.png"},
    "thoughts": ["I will focus on the bars."],
    "focus_areas_bbox": {"x1": [0, 50.5], "y1": [10, 20], "x2": [180, 60], "y2": [90, 80]},
    "source": "chartqa_h_bar",
    "split": "train",
    "figure_bbox": {"x1": 0, "y1": 0, "x2": 200, "y2": 100},
}


@pytest.fixture
def charts(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: dict[str, Any]) -> Path:
        path = tmp_path / "charts.parquet"
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
        return path

    return write


def test_columns_of_edges_become_boxes(charts: Callable[..., Path], options: ReadOptions) -> None:
    (row,) = taken(refocus.read(charts(REFOCUS), options))
    assert row.now.regions == (Region.box(0, 10, 180, 90), Region.box(50.5, 20, 60, 80))
    assert (row.now.answer, row.picture) == ("14", REFOCUS["image"]["bytes"])  # type: ignore[index]
    assert row.extra["thoughts"] == ["I will focus on the bars."]
    assert "figure_bbox" not in row.extra


def test_a_chart_with_nothing_to_focus_on_has_no_region(
    charts: Callable[..., Path], options: ReadOptions
) -> None:
    nothing = {side: [] for side in ("x1", "y1", "x2", "y2")}
    (row, _) = taken(refocus.read(charts(REFOCUS | {"focus_areas_bbox": nothing}, REFOCUS), options))
    assert row.now.regions == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"focus_areas_bbox": {"x1": [1], "y1": [], "x2": [3], "y2": [4]}},
        {"focus_areas_bbox": {"x1": [1], "y1": [None], "x2": [3], "y2": [4]}},
        {"focus_areas_bbox": None},
        {"image": None},
        {"image": {"bytes": None, "path": "/etc/passwd"}},
    ],
)
def test_a_chart_that_cannot_be_used_is_skipped(
    charts: Callable[..., Path], options: ReadOptions, wrong: dict[str, Any]
) -> None:
    skipped, _ = refocus.read(charts(REFOCUS | wrong, REFOCUS), options)
    assert isinstance(skipped, Skipped)
