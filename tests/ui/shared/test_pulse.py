"""One mark for all pages: it changes with what they show by themselves, and is measured once for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from sayo_app.errors import StorageError
from sayo_app.run_config import RunConfig
from sayo_app.ui.shared.pulse import PATH, Beats, Pulse, mark_of
from sayo_app.ui.shared.studio import Studio
from tests.ui.laying_out import in_own_loop


def counting(marks: list[str]) -> tuple[Callable[[], str], list[str]]:
    """Each measurement takes the next mark, the last one for ever."""
    measured: list[str] = []

    def measure() -> str:
        measured.append(marks[min(len(measured), len(marks) - 1)])
        return measured[-1]

    return measure, measured


def test_all_who_wait_are_told_by_one_measurement() -> None:
    measure, measured = counting(["a", "b"])
    pulse = Pulse(measure, every_s=0.01, longest_s=60, told_at_once=50)

    async def waiting() -> list[str]:
        return await asyncio.gather(*(pulse.after("a") for _ in range(50)))

    assert in_own_loop(waiting) == ["b"] * 50
    assert measured == ["a", "b"]


def test_only_so_many_are_told_between_two_measurements() -> None:
    measure, _ = counting([str(number) for number in range(100)])
    pulse = Pulse(measure, every_s=0.01, longest_s=60, told_at_once=2)

    async def waiting() -> list[str]:
        return await asyncio.gather(*(pulse.after("none") for _ in range(6)))

    assert in_own_loop(waiting) == ["0", "0", "1", "1", "2", "2"]
    assert pulse.waiting == 0


def test_who_knows_nothing_is_told_at_once_and_in_the_end_so_is_everybody() -> None:
    measure, measured = counting(["a"])
    assert in_own_loop(lambda: Pulse(measure, every_s=60, longest_s=60).after("")) == "a"
    assert in_own_loop(lambda: Pulse(measure, every_s=0.01, longest_s=0.02).after("a")) == "a"
    assert len(measured) > 1


def test_only_its_own_path_is_answered() -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    client = TestClient(Beats(page, Pulse(lambda: "m")))
    answer = client.get(f"{PATH}?seen=another")
    assert answer.json() == {"mark": "m"} and answer.headers["cache-control"] == "no-store"
    assert client.get("/other").status_code == client.post(PATH).status_code == 418


def test_whoever_is_gone_is_not_waited_for_and_a_server_that_ends_lets_go() -> None:
    pulse = Pulse(lambda: "same", every_s=60, longest_s=60)
    answers: list[Message] = []

    async def asked(*, leaves: bool, stop: asyncio.Event) -> None:
        messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
        messages += [{"type": "http.disconnect"}] if leaves else []

        async def receive() -> Message:
            return messages.pop(0) if messages else await asyncio.Event().wait() and {}

        async def send(message: Message) -> None:
            answers.append(message)

        app = SimpleNamespace(stop_event=stop)
        scope = {"type": "http", "method": "GET", "path": PATH, "query_string": b"seen=same", "app": app}
        await Beats(_never, pulse)(scope, receive, send)

    async def story() -> None:
        stop = asyncio.Event()
        await asked(leaves=True, stop=stop)
        assert pulse.waiting == 0
        answers.clear()
        waiting = asyncio.create_task(asked(leaves=False, stop=stop))
        while not pulse.waiting:
            await asyncio.sleep(0)
        stop.set()
        await waiting

    in_own_loop(story)
    assert answers[-1]["body"] == b'{"mark":"same"}' and pulse.waiting == 0


async def _never(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError(scope["path"])


def test_the_mark_is_another_one_with_what_is_seen(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = [mark_of(studio), mark_of(studio)]
    assert marks[0] == marks[1]
    run = studio.store.runs.create(RunConfig())
    marks.append(mark_of(studio))
    run.progress_path.parent.mkdir(parents=True, exist_ok=True)
    for path in (run.progress_path, run.log_path):
        path.write_text("one more line")
        marks.append(mark_of(studio))
    studio.store.runs.note(run.id, "a note")
    marks.append(mark_of(studio))
    studio.store.audit.note("roles", "somebody")
    marks.append(mark_of(studio))
    assert len(set(marks)) == len(marks) - 1

    def broken() -> list[object]:
        raise StorageError(expected="a store", got="none", remedy="Wait.")

    monkeypatch.setattr(studio.store.runs, "all", broken)
    assert mark_of(studio) not in marks
