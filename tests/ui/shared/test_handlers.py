"""What went wrong is said plainly, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
import pytest

from sayo_app.errors import SayoError
from sayo_app.ui.shared import handlers


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


def test_a_warning_names_no_place_on_the_server(warned: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        handlers.warn("Expected to write /srv/sayo data/pictures/ab/x.png, got one")
    assert warned == ["Expected to write …/sayo data/pictures/ab/x.png, got one"]
    assert "/srv/sayo data/" in caplog.text


def test_error_in_a_stream_becomes_a_message_too(warned: list[str]) -> None:
    @handlers.guarded
    def fails() -> Iterator[int]:
        yield 1
        raise SayoError(expected="a cat", got="a dog", remedy="Try again.")

    assert list(fails()) == [1, gr.skip()]
    assert len(warned) == 1
