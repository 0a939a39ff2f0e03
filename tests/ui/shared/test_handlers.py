"""What people type stays, and what went wrong is said plainly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError, PictureError, QuestionError, RegionError, SayoError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from sayo_app.ui.correct.tab import save_correction
from sayo_app.ui.retrain import run_view
from sayo_app.ui.shared import handlers
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.charts import token_chart, training_chart
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.worklist.item import save_changes
from storage.base.records import RunRecord
from storage.store import Store
from tests.ui.driving import make_trace


@pytest.fixture
def studio(data_dir: Path) -> Iterator[Studio]:
    settings = Settings(data_dir=data_dir)
    with Store(settings) as store:
        yield Studio(settings, store)


@pytest.fixture
def session() -> Session:
    """As it is after an answer."""
    pixels = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    session = Session()
    session.look_at([Image.fromarray(pixels)], {})
    session.show(Answered("answer-1", session.pictures, "What is here?", make_trace()))
    return session


def boxes(*regions: dict, answer: str = "answer-1") -> PageState:
    return PageState(answer, regions)


BOX = Region.box(10, 20, 110, 120).to_dict()


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(handlers.gr, "Warning", lambda message, **_: messages.append(message))
    return messages


def test_error_becomes_a_message_and_changes_nothing(warned: list[str]) -> None:
    @handlers.guarded
    def fails() -> None:
        raise SayoError(expected="a <b>cat</b>", got="a dog", remedy="Try again.")

    assert fails() == gr.skip()
    assert warned == ["Expected a &lt;b&gt;cat&lt;/b&gt;, got a dog. Try again."]


def test_error_in_a_stream_becomes_a_message_too(warned: list[str]) -> None:
    @handlers.guarded
    def fails() -> Iterator[int]:
        yield 1
        raise SayoError(expected="a cat", got="a dog", remedy="Try again.")

    assert list(fails()) == [1, gr.skip()]
    assert len(warned) == 1


@pytest.mark.parametrize("question", ["", "   \n", None, "a" * 20_000])
def test_empty_and_overlong_questions(studio: Studio, question: str | None) -> None:
    with pytest.raises(QuestionError):
        studio.check_question(question)


def test_question_without_a_picture(studio: Studio) -> None:
    with pytest.raises(PictureError, match="Upload one"):
        next(studio.answer((), "What is here?", None))


def test_correction_is_saved_with_picture_and_trace_and_then_revised(
    studio: Studio, session: Session
) -> None:
    number, fresh = save_correction(studio, session, boxes(BOX), " red ", " Ada ")
    assert fresh
    record = studio.store.corrections.get(number)
    assert record.regions == (Region.box(10, 20, 110, 120),)
    assert (record.corrected_answer, record.author, record.question) == ("red", "Ada", "What is here?")
    answered = session.answered("answer-1")
    assert record.answer_shown == answered.trace.text
    assert np.array_equal(
        np.asarray(studio.store.pictures.load(record.picture_id)), np.asarray(session.pictures[0])
    )
    assert studio.store.traces.load(record.trace_id).tokens == answered.trace.tokens
    again, fresh = save_correction(studio, session, boxes(BOX, BOX), "", "Ada")
    assert (again, fresh) == (number, False)
    assert len(studio.store.corrections.get(number).regions) == 2
    assert studio.store.corrections.count() == 1


@pytest.mark.parametrize(
    ("box", "error"),
    [
        ((400, 10, 500, 50), RegionError),  # outside: the size is looked up here, not believed
        ((10, 10, 10, 50), RegionError),  # no area
        ((float("nan"), 10, 20, 50), RegionError),
    ],
)
def test_box_that_no_picture_has(studio: Studio, session: Session, box: tuple, error: type) -> None:
    with pytest.raises(error):
        save_correction(studio, session, boxes(BOX | {"box_xyxy": list(box)}), "red", "")
    assert studio.store.corrections.count() == 0


@pytest.mark.parametrize("sent", ["", "null", "[]", '{"id": 3, "regions": []}', '{"id": "a"}', "{"])
def test_what_no_page_of_ours_sends(sent: str) -> None:
    with pytest.raises(CorrectionError, match="Reload the page"):
        PageState.read(sent)


def test_nothing_drawn_and_nothing_typed(studio: Studio, session: Session) -> None:
    with pytest.raises(CorrectionError, match="neither"):
        save_correction(studio, session, boxes(), "  ", "Ada")


def test_answer_that_was_replaced_or_is_gone(studio: Studio, session: Session) -> None:
    with pytest.raises(CorrectionError, match="replaced"):
        save_correction(studio, session, boxes(BOX, answer="answer-0"), "red", "")
    with pytest.raises(CorrectionError, match="Ask the question again"):
        save_correction(studio, Session(), boxes(BOX), "red", "")


def test_answer_about_two_pictures_is_not_stored_as_one_about_the_first(
    studio: Studio, session: Session
) -> None:
    answered = session.answered("answer-1")
    answered.pictures = (*answered.pictures, *answered.pictures)
    with pytest.raises(CorrectionError, match="one picture"):
        save_correction(studio, session, boxes(BOX), "red", "")


def test_edit_makes_a_revision_and_wants_the_boxes_of_that_correction(
    studio: Studio, session: Session
) -> None:
    number, _ = save_correction(studio, session, boxes(BOX), "red", "")
    record = studio.store.corrections.get(number)
    sent = boxes(BOX | {"step": 1}, answer=f"correction-{number}-1")
    changed = save_changes(studio, record, sent, "blue", "Bo")
    assert (changed.revision, changed.corrected_answer, changed.regions[0].step) == (2, "blue", 1)
    with pytest.raises(CorrectionError, match="another one"):
        save_changes(studio, record, boxes(BOX, answer=f"correction-{number + 1}-1"), "blue", "Bo")


def test_charts_take_model_text_as_text() -> None:
    trace = make_trace(tokens=("<b>x", "&", "<|im_end|>"))
    figure = token_chart(trace)
    assert list(figure.data[1].customdata) == ["&lt;b>x", "&amp;", "&lt;|im_end|>"]
    assert len(figure.data[0].x) == 2
    assert len(figure.data[1].x) == 3


def test_training_chart_passes_over_what_was_not_measured() -> None:
    events = [
        {"kind": "status", "message": "loading"},
        {"kind": "evaluation", "split": "held_out", "step": 0, "accuracy": 0.5, "sayo_reward": None},
        {"kind": "step", "step": 1, "attention_reward": -0.1, "answer_accuracy": None, "kl": 0.0},
        {"kind": "step", "step": 2, "attention_reward": 0.2, "answer_accuracy": 0.5, "kl": 0.01},
    ]
    lines = {line.name: line for line in training_chart(events).data}
    assert tuple(lines["Attention reward"].y) == (-0.1, 0.2)
    assert tuple(lines["Answer accuracy"].x) == (2,)
    assert tuple(lines["Answer accuracy, held out"].y) == (0.5,)
    assert training_chart([]).layout.uirevision == "training"


def run_record(folder: Path, **fields: object) -> RunRecord:
    now = datetime.now(UTC)
    values = {
        "id": 3,
        "state": "running",
        "config": RunConfig(steps=10).to_dict(),
        "record": {},
        "notes": "",
        "device": "cpu",
        "pid": 1,
        "host": None,
        "process_started_at": 0.0,
        "error": None,
        "created_at": now,
        "started_at": now,
        "cancel_requested_at": None,
        "finished_at": None,
        "adapter_id": None,
        "folder": folder,
    }
    return RunRecord(**(values | fields))


def test_status_of_a_run(studio: Studio, tmp_path: Path) -> None:
    events = [{"kind": "step", "step": 4, "steps": 10, "remaining_s": 75.2}]
    text = run_view._status(studio, run_record(tmp_path), events)
    assert "step 4 of 10" in text
    assert "about 1 min 15 s left" in text
    assert "width:40.0%" in text
    now = datetime.now(UTC)
    failed = run_record(
        tmp_path, state="failed", error="<killed>", started_at=now - timedelta(seconds=9), finished_at=now
    )
    text = run_view._status(studio, failed, events)
    assert "&lt;killed&gt;" in text
    assert "took 9 s" in text
    assert "Being cancelled" in run_view._status(
        studio, run_record(tmp_path, cancel_requested_at=now), events
    )


def test_too_few_corrections_says_how_many(studio: Studio) -> None:
    assert "9 more" in run_view.enough_text(studio, 3, 12)
    assert "too-few" not in run_view.enough_text(studio, 12, 12)


def test_nothing_is_sent_when_nothing_changed(studio: Studio) -> None:
    view = run_view.run_view(studio, {}, 0)
    assert view is not None
    assert run_view.run_view(studio, view[0], 0) is None
