from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.errors import ImportFileError
from storage.formats.common.rows import ReadOptions, Skipped
from storage.formats.kinds import gqa
from tests.storage.formats.conftest import taken

QUESTION = {
    "semantic": [
        {"operation": "select", "dependencies": [], "argument": "wall (722332)"},
        {"operation": "filter color", "dependencies": [0], "argument": "white"},
        {"operation": "relate", "dependencies": [1], "argument": "_,on,s (722335)"},
        {"operation": "query", "dependencies": [2], "argument": "name"},
    ],
    "entailed": [],
    "equivalent": ["07333408"],
    "question": "What is on the white wall?",
    "imageId": "2375429",
    "isBalanced": True,
    "groups": {"global": "", "local": "14-wall_on,s"},
    "answer": "pipe",
    "semanticStr": "select: wall (722332)->relate: _,on,s (722335) [0]->query: name [1]",
    "annotations": {"answer": {"0": "722335"}, "question": {"4:6": "722332"}, "fullAnswer": {"1": "722335"}},
    "types": {"detailed": "relS", "semantic": "rel", "structural": "query"},
    "fullAnswer": "The pipe is on the wall.",
}
GRAPH = {
    "width": 200,
    "height": 100,
    "location": "street",
    "objects": {
        "722332": {
            "name": "wall",
            "x": 0,
            "y": 10,
            "w": 180,
            "h": 80,
            "attributes": ["white"],
            "relations": [],
        },
        "722335": {"name": "pipe", "x": 50, "y": 20, "w": 10, "h": 60, "attributes": [], "relations": []},
    },
}


@pytest.fixture
def read(save: Callable[..., Path], options: ReadOptions) -> Callable[..., list[Any]]:
    def run(questions: Any, graphs: Any = None) -> list[Any]:
        second = save({"2375429": GRAPH} if graphs is None else graphs, "train_sceneGraphs.json")
        return list(gqa.read(save(questions, "questions.json"), replace(options, scene_graphs=second)))

    return run


def test_the_objects_of_the_question_are_its_regions(read: Callable[..., Any], folder: Path) -> None:
    (row,) = taken(read({"07333408": QUESTION}))
    assert row.now.regions == (
        Region.box(0, 10, 180, 90, label="wall"),
        Region.box(50, 20, 60, 80, label="pipe"),
    )
    assert (row.now.question, row.now.answer) == ("What is on the white wall?", "pipe")
    assert (row.picture, row.image_wh) == (folder / "2375429.jpg", (200, 100))
    assert row.extra == {"id": "07333408", "imageId": "2375429", "answer": "The pipe is on the wall."}


def test_objects_that_are_not_there_have_no_region(read: Callable[..., Any]) -> None:
    semantic = [{"operation": "select", "argument": "pipe (-)"}, {"operation": "exist", "argument": "?"}]
    (row,) = taken(read({"1": QUESTION | {"semantic": semantic, "answer": "no"}}))
    assert (row.now.regions, row.now.answer) == ((), "no")


def test_the_short_form_of_the_program_is_enough(read: Callable[..., Any]) -> None:
    short = {name: value for name, value in QUESTION.items() if name != "semantic"}
    (row,) = taken(read({"1": short}))
    assert [region.label for region in row.now.regions] == ["wall", "pipe"]


@pytest.mark.parametrize(
    ("question", "graph"),
    [
        (QUESTION | {"imageId": "9"}, GRAPH),
        (QUESTION | {"imageId": "../a"}, GRAPH),
        (QUESTION | {"semantic": "select"}, GRAPH),
        (QUESTION | {"semantic": [{"argument": "cat (12)"}]}, GRAPH),
        ("What?", GRAPH),
        (QUESTION, GRAPH | {"objects": []}),
        (QUESTION, GRAPH | {"objects": {"722332": {"name": "wall", "x": 0}}}),
        (QUESTION, GRAPH | {"width": "wide"}),
        (QUESTION, 5),
    ],
)
def test_what_does_not_fit_together_is_skipped(read: Callable[..., Any], question: Any, graph: Any) -> None:
    (skipped,) = read({"1": question}, {"2375429": graph, "../a": graph})
    assert isinstance(skipped, Skipped)


def test_both_files_are_needed(
    read: Callable[..., Any], save: Callable[..., Path], options: ReadOptions
) -> None:
    with pytest.raises(ImportFileError, match="--scene-graphs"):
        list(gqa.read(save({}), options))
    for questions, graphs in (([], None), ({}, [])):
        with pytest.raises(ImportFileError, match="entry for each id"):
            read(questions, graphs)
