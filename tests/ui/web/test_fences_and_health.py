"""What Gradio would fetch or reflect by itself, and how the server says that it is well."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import Any

import gradio as gr
import pytest
from gradio import networking, processing_utils, queueing, utils
from gradio.route_utils import CustomCORSMiddleware
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from sayo_app.errors import InputError, ModelLoadError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.web import fences
from sayo_app.ui.web.health import Figures, Health
from storage.store import Store
from tests.ui.laying_out import in_own_loop

_PATCHED = (
    "ssrf_protected_download",
    "save_url_to_cache",
    "async_ssrf_protected_download",
    "async_ssrf_protected_get",
)


@pytest.fixture
def fenced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fences, taken down again after the test."""
    for name in _PATCHED:
        monkeypatch.setattr(processing_utils, name, getattr(processing_utils, name))
    monkeypatch.setattr(CustomCORSMiddleware, "is_valid_origin", CustomCORSMiddleware.is_valid_origin)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    monkeypatch.setattr(networking, "url_ok", networking.url_ok)
    for module in (utils, queueing):
        monkeypatch.setattr(module, "error_payload", module.error_payload)
    fences.put_up()


def test_a_busy_machine_may_take_its_time_to_answer_its_own_address(fenced: None) -> None:
    """Gradio gives up after three seconds, and the app would not start; nothing listens at this one."""
    assert networking.url_ok("http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("/srv/sayo/secret"), "Reload the page"),
        (None, "Reload the page"),
        (FileNotFoundError(2, "No such file", "/srv/sayo/data/studio.db"), "server&#x27;s log"),
        (InputError(expected="a file", got="/srv/sayo/data/a.png", remedy="Again."), "…/a.png. Again."),
        (gr.Error("Value: <b> is not in the list"), "Value: &lt;b&gt; is not"),
    ],
)
def test_an_error_that_nobody_put_into_words_is_told_without_paths(
    fenced: None, error: BaseException | None, words: str
) -> None:
    for module in (utils, queueing):
        told = module.error_payload(error, False)
        assert words in told["error"] and "/srv" not in told["error"] and "<b>" not in told["error"]


def test_an_address_of_the_web_is_no_file(fenced: None, tmp_path: Any) -> None:
    with pytest.raises(InputError, match="an address of the web"):
        processing_utils.save_url_to_cache("https://example.org/a.png", str(tmp_path))
    for name in _PATCHED[2:]:
        with pytest.raises(InputError, match="Nothing is fetched"):
            fetch = partial(getattr(processing_utils, name), "https://example.org/a.png")
            in_own_loop(fetch)


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://sayo.example.org", "sayo.example.org", True),
        ("http://evil.example", "sayo.example.org", False),
        ("http://evil.example", "localhost:7860", False),
        ("null", "localhost:7860", False),
    ],
)
def test_no_foreign_origin_is_reflected(fenced: None, origin: str, host: str, own: bool) -> None:
    asked = Headers({"origin": origin, "host": host})
    assert CustomCORSMiddleware(PlainTextResponse("")).is_valid_origin(asked) is own


@pytest.fixture
def studio(settings: Settings, store: Store) -> Studio:
    return Studio(settings, store)


@pytest.fixture
def settings() -> Settings:
    return Settings.from_environment()


@pytest.fixture
def store(settings: Settings, new_store: Any) -> Store:
    return new_store(settings)


def watched(studio: Studio, metrics: bool = False) -> TestClient:
    figures = Figures(studio, lambda: 3)
    figures.count(200)
    figures.count(421)
    figures.count(200)
    return TestClient(Health(PlainTextResponse("page"), figures, metrics))


def test_a_word_on_how_it_is(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = watched(studio).get("/healthz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "model": "loading", "store": "ready", "disk": "ready"},
    )
    failed: Future[Any] = Future()
    failed.set_exception(ModelLoadError(expected="a model", got="none", remedy="Name one."))
    monkeypatch.setattr(studio, "_model", failed)
    answer = watched(studio).get("/healthz")
    assert (answer.status_code, answer.json()["status"], answer.json()["model"]) == (503, "failed", "failed")


def test_figures_only_where_they_were_asked_for(studio: Studio) -> None:
    assert watched(studio).get("/metrics").text == "page"
    studio.store.runs.create(RunConfig())
    text = watched(studio, metrics=True).get("/metrics").text
    for line in (
        'sayo_answers_total{status="200"} 2',
        'sayo_answers_total{status="421"} 1',
        "sayo_queue 3",
        'sayo_runs{state="queued"} 1',
        'sayo_runs{state="running"} 0',
        "# TYPE sayo_memory_bytes gauge",
    ):
        assert line in text.splitlines()
