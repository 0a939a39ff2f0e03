"""Four times as many regions or rows cost four times as much to read, in instructions of Python.

Instructions are counted, as seconds depend on the machine. What is done within one instruction, such as a
search through a list, does not show.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.ui.viewer.autosave import checked
from sayo_app.ui.viewer.page_state import PageState, fitted
from storage.formats.catalogue import find_format
from storage.formats.common.rows import ReadOptions
from tests.storage.formats.conftest import taken
from tests.storage.formats.kinds.test_coco import BOTTLE, CATEGORIES, IMAGES
from tests.storage.formats.kinds.test_gqa import GRAPH, QUESTION
from tests.storage.formats.kinds.test_label_studio import RECTANGLE, task
from tests.storage.formats.kinds.test_viscot import LINE
from tests.storage.formats.test_hostile import NATIVE

FEW, TIMES = 100, 4
BOX = Region.box(1, 2, 30, 40).to_dict()


def instructions(function: Callable[[], Any]) -> int:
    """Of Python, that a call takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def growth(run: Callable[[int], Callable[[], Any]]) -> float:
    """How much more the larger one costs, each beyond what nothing costs."""
    run(1)()  # what is made once
    base, few, many = (instructions(run(count)) for count in (1, FEW, TIMES * FEW))
    return (many - base) / (few - base)


def revised(**fields: Any) -> dict[str, Any]:
    return NATIVE | {"revisions": [NATIVE["revisions"][0] | fields]}


def annotated(count: int) -> dict[str, Any]:
    annotations = [BOTTLE | {"id": number} for number in range(count)]
    return {"images": IMAGES, "categories": CATEGORIES, "annotations": annotations}


def pictured(count: int) -> dict[str, Any]:
    images = [IMAGES[0] | {"id": number} for number in range(count)]
    annotations = [BOTTLE | {"id": number, "image_id": number} for number in range(count)]
    return {"images": images, "categories": CATEGORIES, "annotations": annotations}


FILES: dict[str, tuple[str, Callable[[int], Any]]] = {
    "regions of jsonl": ("jsonl", lambda count: [revised(regions=[BOX] * count)]),
    "rows of jsonl": ("jsonl", lambda count: [NATIVE] * count),
    "regions of viscot": ("viscot", lambda count: [LINE | {"bboxs": LINE["bboxs"] * count}]),
    "rows of viscot": ("viscot", lambda count: [LINE] * count),
    "regions of coco": ("coco", annotated),
    "rows of coco": ("coco", pictured),
    "regions of labelstudio": (
        "labelstudio",
        lambda count: [task(*(RECTANGLE | {"id": str(number)} for number in range(count)))],
    ),
    "rows of labelstudio": ("labelstudio", lambda count: [task(RECTANGLE)] * count),
    "rows of gqa": ("gqa", lambda count: {str(number): QUESTION for number in range(count)}),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_in_linear_time(
    save: Callable[..., Path], options: ReadOptions, folder: Path, name: str
) -> None:
    kind, content = FILES[name]
    chosen = replace(options, scene_graphs=save({"2375429": GRAPH}, "graphs.json"))

    def run(count: int) -> Callable[[], Any]:
        path = save(content(count), f"given-{count}.{'jsonl' if kind in ('jsonl', 'viscot') else 'json'}")
        return lambda: taken(find_format(kind).read(path, chosen))

    assert growth(run) == pytest.approx(TIMES, rel=0.15)


def said(count: int) -> Callable[[], Any]:
    return partial(PageState.read, json.dumps({"id": "a", "regions": [BOX] * count}))


def drawn(count: int) -> Callable[[], Any]:
    return partial(fitted, [BOX] * count, (200, 100))


def cornered(count: int) -> Callable[[], Any]:
    points = [[0, 0], [0, 90], *([number % 190 + 1, number % 50] for number in range(count))]
    return partial(fitted, [{"kind": "polygon", "points_xy": points}], (200, 100))


def drafted(count: int) -> Callable[[], Any]:
    draft = {"regions": [BOX] * count, "earlier": [BOX] * count, "answer": ""}
    return partial(checked, draft, (200, 100))


@pytest.mark.parametrize("run", [said, drawn, cornered, drafted])
def test_what_a_page_sends_is_read_in_linear_time(run: Callable[[int], Callable[[], Any]]) -> None:
    assert growth(run) < TIMES * 1.15


def test_the_measure_tells_a_square_from_a_line() -> None:
    def pairs(count: int) -> Callable[[], int]:
        return lambda: sum(1 for a in range(count) for b in range(count) if a == b)

    assert growth(pairs) > 3 * TIMES
