"""Files in and out of the work list in a browser: import, its report, its undo, what is refused, export."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from storage.store import Store
from storage.work.work_records import WorkQuery
from tests.ui.worklist.working import (
    CARDS,
    HOSTILE,
    TITLE,
    choose,
    correct,
    field,
    picture,
    unfold,
    work_list,
)

OpenPage = Callable[..., Page]
TAKEN = "[data-testid=import-taken]"


def png(seed: int) -> bytes:
    data = io.BytesIO()
    picture(seed).save(data, "PNG")
    return data.getvalue()


def packed(path: Path, **files: Any) -> Path:
    """A ZIP of pictures, one a number of `pictures`, and of JSON files."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(files.pop("pictures", 0)):
            archive.writestr(f"pictures/{number}.png", png(number))
        for name, content in files.items():
            archive.writestr(f"{name}.json", json.dumps(content))
    return path


def task(number: int, question: str) -> dict[str, Any]:
    """Of Label Studio, not annotated yet."""
    return {"data": {"image": f"{number}.png", "question": question}}


def importing(page: Page, format_name: str) -> Locator:
    """The panel for imports, open; its upload."""
    if not page.locator("#import-format").is_visible():
        unfold(page, "import")
    choose(page, "import-format", format_name)
    return page.locator("#import input[type=file], input[type=file]#import-upload").last


def test_import_says_what_it_took_and_is_undone(
    work_url: str, open_page: OpenPage, work_store: Store, tmp_path: Path
) -> None:
    page = work_list(open_page, work_url)
    expect(page.locator("#corrections-gallery")).to_contain_text("import questions below")
    tasks = [task(0, HOSTILE), task(1, "Second?"), task(9, "Third?"), task(1, "Second?")]
    importing(page, "Label Studio").set_input_files(packed(tmp_path / "in.zip", pictures=2, tasks=tasks))
    expect(page.locator(TAKEN)).to_contain_text("2 open questions taken")
    skipped = page.locator("#import-report tr")
    expect(skipped).to_have_count(3)
    expect(skipped.nth(1)).to_contain_text("a picture in the folder")
    expect(skipped.nth(2)).to_contain_text("that says the same")
    expect(page.locator(CARDS)).to_have_count(2)
    expect(page.locator("#corrections-gallery")).to_contain_text(HOSTILE)
    page.locator("#import-undo").click()
    expect(page.locator(CARDS)).to_have_count(0)
    assert work_store.imports.all()[0].undone_at is not None


def test_what_is_no_such_file_is_refused_and_nothing_is_stored(
    work_url: str, open_page: OpenPage, work_store: Store, tmp_path: Path
) -> None:
    page = work_list(open_page, work_url)
    cut = packed(tmp_path / "cut.zip", pictures=1, tasks=[task(0, "What?")])
    cut.write_bytes(cut.read_bytes()[:-30])
    outside = tmp_path / "outside.zip"
    with zipfile.ZipFile(outside, "w") as archive:
        archive.writestr("../../out.json", "[]")
    broken = tmp_path / "broken.json"
    broken.write_text('[{"data": ')
    upload = importing(page, "Label Studio")
    refused = {cut: "no ZIP", outside: "stay inside", broken: "no whole JSON"}
    for path, words in refused.items():
        upload.set_input_files(path)
        expect(page.locator(".toast-body").last).to_contain_text(words)
    # Another format than the file's.
    right = packed(tmp_path / "right.zip", pictures=1, tasks=[task(0, "What?")])
    importing(page, "COCO").set_input_files(right)
    expect(page.locator(".toast-body").last).to_contain_text("no object with images")
    assert (work_store.imports.all(), work_store.worklist.count(WorkQuery())) == ([], {})
    expect(page.locator(TAKEN)).to_have_count(0)
    expect(page.locator(CARDS)).to_have_count(0)


def test_a_dataset_with_answers_becomes_work_to_do(
    work_url: str, open_page: OpenPage, work_store: Store, tmp_path: Path
) -> None:
    graph = {"a": {"width": 320, "height": 240, "objects": {}}}
    question = {"imageId": "a", "question": "Is it red?", "answer": "yes", "semantic": [], "annotations": {}}
    files = {"questions.json": {"7": question}, "sceneGraphs.json": graph}
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "a.png").write_bytes(png(0))
    page = work_list(open_page, work_url)
    upload = importing(page, "GQA")
    choose(page, "import-state", "to do")
    upload.set_input_files([tmp_path / name for name in (*files, "a.png")])
    expect(page.locator(TAKEN)).to_contain_text("0 corrections and 1 open questions taken")
    expect(page.locator(CARDS)).to_contain_text("Known answer: yes")
    page.locator(CARDS).click()
    expect(page.locator(TITLE)).to_contain_text("Known answer yes")
    expect(field(page, "corrections-answer")).to_have_value("yes")


def test_pictures_alone_are_asked_one_question(
    work_url: str, open_page: OpenPage, work_store: Store, tmp_path: Path
) -> None:
    page = work_list(open_page, work_url)
    upload = importing(page, "Pictures alone")
    field(page, "import-question").fill("What is wrong here?")
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    (tmp_path / "notes.txt").write_text("not one")
    names = ("0.png", "1.png", "2.png", "notes.txt")
    upload.set_input_files([tmp_path / name for name in names])
    expect(page.locator(TAKEN)).to_contain_text("3 open questions taken")
    expect(page.locator("#import-report")).to_contain_text("notes.txt")
    expect(page.locator("#corrections-gallery .sc-title")).to_have_text(["What is wrong here?"] * 3)
    # The same once more, as a ZIP: nothing new in it.
    upload.set_input_files(packed(tmp_path / "again.zip", pictures=3))
    expect(page.locator(".toast-body").last).to_contain_text("Nothing was imported")


def test_what_was_exported_is_imported_again(
    work_url: str, open_page: OpenPage, work_store: Store, tmp_path: Path
) -> None:
    number = correct(work_store, 5, "Ada", (10, 10, 60, 60), flagged=True)
    work_store.reviews.judge(number, "reject", HOSTILE, "Cy")
    before = work_store.corrections.history(number)
    page = work_list(open_page, work_url)
    unfold(page, "data-export")
    for name, suffix in (("SAYO Studio", ".zip"), ("Visual-CoT", ".zip"), ("SAYO training data", ".parquet")):
        choose(page, "data-format", name)
        with page.expect_download() as download:
            page.locator("#data-button").click()
        saved = tmp_path / f"{name}{suffix}"
        download.value.save_as(saved)
        expect(page.locator("[data-testid=exported]")).to_contain_text("1 corrections")
    work_store.corrections.delete(number)
    importing(page, "SAYO Studio").set_input_files(tmp_path / "SAYO Studio.zip")
    expect(page.locator(TAKEN)).to_have_text("Import 1: 1 corrections and 0 open questions taken")
    again = work_store.corrections.history(work_store.corrections.all()[0].id)
    assert again[0].id != number

    def said(history: list[Any]) -> list[Any]:
        return [
            (it.regions, it.corrected_answer, it.state, it.author, it.comment, it.flagged) for it in history
        ]

    assert said(again) == said(before)
    expect(page.locator(CARDS)).to_contain_text(f"Sent back: {HOSTILE}")
    for number, name in enumerate(("Visual-CoT", "SAYO training data"), 2):
        work_store.imports.undo(work_store.imports.all()[0].id)
        suffix = ".parquet" if "training" in name else ".zip"
        importing(page, name).set_input_files(tmp_path / f"{name}{suffix}")
        taken = f"Import {number}: 1 corrections and 0 open questions taken"
        expect(page.locator(TAKEN)).to_have_text(taken)
        expect(page.locator(CARDS)).to_have_count(1)
