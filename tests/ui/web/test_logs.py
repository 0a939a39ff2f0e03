"""What the server says of itself, as lines and as JSON."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from sayo_app.access.current import acting
from sayo_app.access.roles import Person, Role
from sayo_app.settings import REPOSITORY_DIR, Settings
from sayo_app.ui.web import logs

ADA = Person(Role.ANNOTATOR, "Åda\n2026 ERROR forged", 7)


@pytest.fixture
def start() -> Iterator[Callable[..., None]]:
    """`logs.start` with these settings, as if nothing had been set up; pytest's own handlers come back."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]

    def started(**settings: str) -> None:
        handlers[:] = root.handlers
        root.handlers.clear()
        logs.start(Settings(**settings))

    yield started
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    os.environ.pop("TQDM_DISABLE", None)


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_object_a_line_says_when_where_what_and_for_whom(
    capsys: pytest.CaptureFixture[str], start: Callable[..., None]
) -> None:
    start(log_format="json")
    log = logging.getLogger("sayo_app.test")
    with acting(ADA):
        log.warning("%d of %s", 3, "two\nlines")
    log.info("nobody's")
    first, second = told(capsys)
    assert datetime.fromisoformat(first.pop("time")).utcoffset() is not None
    assert first == {
        "level": "WARNING",
        "logger": "sayo_app.test",
        "message": "3 of two\nlines",
        "who": ADA.name,
        "role": "annotator",
    }
    assert second["message"] == "nobody's" and "who" not in second and "role" not in second


def test_a_trace_and_a_warning_are_objects_too(
    capsys: pytest.CaptureFixture[str], start: Callable[..., None]
) -> None:
    start(log_format="json")
    try:
        raise ZeroDivisionError("by\nnought")
    except ZeroDivisionError:
        logging.getLogger("sayo_app.test").exception("failed")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    failed, old = told(capsys)
    assert "ZeroDivisionError: by\nnought" in failed["exc_info"]
    assert (old["logger"], old["level"]) == ("py.warnings", "WARNING") and "old" in old["message"]


def test_lines_for_people_are_as_ever(capsys: pytest.CaptureFixture[str], start: Callable[..., None]) -> None:
    start()
    logging.getLogger("sayo_app.test").info("ready")
    logging.getLogger("httpx").info("each request")
    logging.getLogger("alembic.runtime.plugins").info("setup plugin")
    assert capsys.readouterr().err.endswith(" INFO sayo_app.test: ready\n")


def test_what_the_libraries_say_goes_the_same_way(
    capsys: pytest.CaptureFixture[str], start: Callable[..., None]
) -> None:
    start(log_format="json")
    server = logging.getLogger("uvicorn")
    server.addHandler(logging.StreamHandler())
    server.propagate = False
    logs.take_over()
    logging.getLogger("uvicorn.error").error("broken pipe")
    [said] = told(capsys)
    assert (said["logger"], said["message"]) == ("uvicorn.error", "broken pipe")


def test_the_app_says_nothing_else(tmp_path: Path) -> None:
    """From its start until the model is there; the address is for whoever started it."""
    environment = os.environ | {"SAYO_LOG_FORMAT": "json", "SAYO_DATA_DIR": str(tmp_path / "data")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", "0"],
            cwd=REPOSITORY_DIR,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            assert process.stdout is not None
            address = re.search(rb"SAYO Studio is at http://([\d.]+):(\d+)", process.stdout.readline())
            assert address is not None
            with socket.create_connection((address[1], int(address[2])), 60) as plain:
                plain.sendall(b"no request\r\n\r\n")
                assert b"400" in plain.recv(100)
            while b" ready after " not in (tmp_path / "log").read_bytes():
                assert process.poll() is None
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines()]
    assert {"time", "level", "logger", "message"} <= set(lines[0])
    assert any(line["message"].startswith("model bundled ready") for line in lines)
    assert [line["level"] for line in lines if line["logger"] == "uvicorn.error"] == ["WARNING"]
