"""GQA questions and scene graphs (arXiv 1902.09506). Read only.

Two JSON files and a folder of `<imageId>.jpg`. Questions, by their id::

    {"07333408": {"imageId": "2375429", "question": "What is on the white wall?", "answer": "pipe",
                  "fullAnswer": "The pipe is on the wall.", "semanticStr": "select: wall (722332)->...",
                  "semantic": [{"operation": "select", "argument": "wall (722332)", ...}, ...], ...}}

Scene graphs, by picture: `{"2375429": {"width", "height", "objects": {"722332": {"name", "x", "y", "w",
"h"}}}}`, (x, y) the upper left corner, in pixels of the picture.

Regions are the boxes of all objects that the question's program names in brackets, each labelled with its
name; `(-)` names an object that is not there. (The official SAYO data takes the last of them only.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sayo_app.core.geometry.region import Region
from sayo_app.errors import ImportFileError
from storage.formats.common.rows import (
    ReadOptions,
    Row,
    Skipped,
    Version,
    bad,
    each_row,
    listed,
    mapping,
    numbers_of,
    optional_text,
    size_of,
    text_of,
    unfit,
)
from storage.formats.common.sources import PictureFolder, load_json

_OBJECT_IDS = re.compile(r"\((\d+(?:,\d+)*)\)")
_EXTENSIONS = (".jpg", ".png", ".jpeg")


def read(path: Path, options: ReadOptions) -> Iterator[Row | Skipped]:
    """One row a question; `options.scene_graphs` names the second file. Raises ImportFileError."""
    if options.scene_graphs is None:
        raise ImportFileError(
            expected="GQA's questions and their scene graphs",
            got="the questions alone",
            remedy="Name the second file too (--scene-graphs train_sceneGraphs.json).",
        )
    questions = _by_id(path, options)
    graphs = _by_id(options.scene_graphs, options)
    folder = PictureFolder.beside(path, options)

    def make(number: int, entry: tuple[str, Any]) -> Row:
        return _row(number, *entry, graphs, folder)

    yield from each_row(questions.items(), make, options.settings.max_import_rows)


def _by_id(path: Path, options: ReadOptions) -> dict[str, Any]:
    return load_json(path, options.settings, dict, "object with an entry for each id")


def _row(number: int, name: str, value: Any, graphs: dict[str, Any], folder: PictureFolder) -> Row:
    fields = mapping(value, "a question")
    image_id = text_of(fields, "imageId")
    graph = mapping(graphs.get(image_id), f"a scene graph of the picture {image_id}")
    objects = mapping(graph.get("objects"), "objects")
    version = Version(
        question=text_of(fields, "question"),
        answer=optional_text(fields, "answer"),
        regions=tuple(_region(objects, identity) for identity in _named_objects(fields)),
    )
    extra = {"id": name, "imageId": image_id}
    if fields.get("fullAnswer"):
        extra["answer"] = text_of(fields, "fullAnswer")
    return Row(
        number=number,
        picture=_picture(folder, image_id),
        image_wh=size_of(graph),
        versions=(version,),
        extra=extra,
    )


def _named_objects(fields: dict[str, Any]) -> list[str]:
    """Ids of the objects in the question's program, in its order, each once."""
    if "semantic" in fields:
        steps = [mapping(step, "a step of semantic") for step in listed(fields["semantic"], "semantic")]
        program = " ".join(text_of(step, "argument", empty=True) for step in steps)
    else:
        program = text_of(fields, "semanticStr", empty=True)
    found = [identity for group in _OBJECT_IDS.findall(program) for identity in group.split(",")]
    return list(dict.fromkeys(found))


def _region(objects: dict[str, Any], identity: str) -> Region:
    if identity not in objects:
        raise unfit("every object of the question in the scene graph", f"none of id {identity[:40]}")
    fields = mapping(objects[identity], "an object of the scene graph")
    x, y, width, height = numbers_of([fields.get(side) for side in "xywh"], 4, "x, y, w, h of an object")
    return Region.box(x, y, x + width, y + height, label=text_of(fields, "name"))


def _picture(folder: PictureFolder, image_id: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", image_id):
        raise bad("imageId as letters and digits", image_id)
    for extension in _EXTENSIONS:
        if (folder.root / f"{image_id}{extension}").exists():
            return folder.find(f"{image_id}{extension}")
    raise unfit("a picture in the folder", f"no {image_id}.jpg")
