"""The page's functions, asked over HTTP for what no page asks: words come back, and no path of the server."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sayo_app.settings import REPOSITORY_DIR
from tests.robustness.visiting import Visit
from tests.ui.driving import App

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Without a model: it is not there, which is soon said."""
    app = App(tmp_path_factory.mktemp("calls") / "data", "--model", "/nowhere/at-all")
    yield app
    app.stop()


@pytest.fixture(scope="module")
def visit(app: App) -> Visit:
    return Visit(app.start().rstrip("/"))


def picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "PNG")
    return buffer.getvalue()


def paths_in(text: str, app: App) -> list[str]:
    """Folders of the server that a text names."""
    folders = (app.data_dir, app.data_dir.parent, REPOSITORY_DIR, Path.home())
    return [str(it) for it in folders if f"{it}/" in text or f'"{it}"' in text]


def test_every_function_answers_nothing_in_words(app: App, visit: Visit) -> None:
    asked = [it for it in visit.config["dependencies"] if it["backend_fn"]]
    assert len(asked) > 90
    wrong = []
    for it in asked:
        for data in ([None] * len(it["inputs"]), [""] * len(it["inputs"]), [{}] * len(it["inputs"]), []):
            told = visit.call(it["id"], data)
            words = "" if told.get("success") else str((told.get("output") or {}).get("error") or "")
            if told["msg"] != "process_completed" or not (told["success"] or len(words) > 20):
                wrong.append(f"{it['id']} {it['targets']} {data}: {told}"[:300])
            if "Traceback" in str(told) or paths_in(json.dumps(told), app):
                wrong.append(f"{it['id']} {it['targets']} {data} told too much: {told}"[:600])
    assert not wrong, "\n".join(wrong)


def test_asking_about_no_picture_says_so(visit: Visit) -> None:
    alone = Visit(str(visit.http.base_url), visit.config)
    told = alone.do("ask-button", "click", [None, "What is it?"])
    assert told["success"] and "Expected a picture, got none." in " ".join(told["said"])


def test_files_are_called_by_no_path_of_the_server(app: App, visit: Visit) -> None:
    sent = picture("red")
    [file] = visit.upload(("red.png", sent))
    assert file["path"].startswith("/~uploads/") and file["path"].endswith("/red.png")
    got = visit.http.get(f"/gradio_api/file={file['path']}")
    assert (got.status_code, got.content) == (200, sent)
    told: Any = visit.do("ask-upload", "upload", [[file], None])
    assert told["success"] and not told["said"] and not paths_in(json.dumps(told), app)
    shown = told["output"]["data"][0]["pictures"]
    assert [(it["width"], it["height"]) for it in shown] == [(64, 48)]
    for path in ("../studio.db", "../../etc/passwd", "%2e%2e/studio.db"):
        assert visit.http.get(f"/gradio_api/file=/~uploads/{path}").status_code in (400, 403, 404)


def test_the_page_itself_names_no_folder(app: App, visit: Visit) -> None:
    for path in ("/", "/config", "/gradio_api/info", "/theme.css", "/healthz"):
        assert not paths_in(visit.http.get(path).text, app), path


def test_a_download_has_no_path_either(app: App, visit: Visit) -> None:
    told = visit.do("data-button", "click", ["jsonl", [], None, False])
    assert told["success"] and not paths_in(json.dumps(told), app)
