from __future__ import annotations

import pytest

from sayo_app.jobs import log_tail, read_progress, remaining_seconds, without_redone
from sayo_app.run_config import RunConfig
from storage.base.records import RunRecord
from storage.store import Store


@pytest.fixture
def run(store: Store) -> RunRecord:
    return store.runs.create(RunConfig())


def test_nothing_written_yet_is_nothing_to_read(run: RunRecord) -> None:
    assert read_progress(run) == []
    assert log_tail(run) == ""
    assert remaining_seconds([]) is None


def test_events_are_read_in_order_and_a_half_written_line_is_left_for_later(run: RunRecord) -> None:
    run.progress_path.write_bytes(b'{"kind":"status","message":"caf\xc3\xa9"}\n{"kind":"step","st')
    assert read_progress(run) == [{"kind": "status", "message": "café"}]
    with run.progress_path.open("ab") as file:
        file.write(b'ep":1}\n')
    assert read_progress(run)[1:] == [{"kind": "step", "step": 1}]


def test_lines_that_are_no_events_are_passed_over(run: RunRecord) -> None:
    # A killed process left half a line, and half a two-byte letter; the next went on behind it.
    run.progress_path.write_bytes(b'{"kind":"st{"kind":"step"}\n\xc3\n[1]\n7\n\n{"kind":"result"}')
    assert read_progress(run) == [{"kind": "result"}]


def test_the_tail_of_a_log_is_its_last_lines(run: RunRecord) -> None:
    run.log_path.write_bytes(b"".join(b"line %d\n" % i for i in range(50_000)) + b"caf\xe9")
    assert log_tail(run, 3) == "line 49998\nline 49999\ncaf\N{REPLACEMENT CHARACTER}"


def step(number: int, **fields: object) -> dict[str, object]:
    return {"kind": "step", "step": number, "steps": 10} | fields


def test_steps_made_again_count_once() -> None:
    evaluation = {"kind": "evaluation", "step": 2}
    first = [{"kind": "status"}, step(1), step(2), evaluation, step(3), step(4)]
    again = [{"kind": "status"}, step(3, reward=1), {"kind": "evaluation", "step": 3}]
    assert without_redone(first + again) == [*first[:4], again[0], *again[1:]]
    assert without_redone([*first, step(1)]) == [{"kind": "status"}, step(1)]


def test_time_left_is_what_the_job_says() -> None:
    events = [
        step(1, seconds=2.0, remaining_s=99.0),
        step(2, seconds=2.0, remaining_s=12.5),
        {"kind": "status"},
    ]
    assert remaining_seconds(events) == 12.5


def test_time_left_is_worked_out_from_the_latest_steps() -> None:
    # Steps 3 to 7 took 1, 2, 3, 4 and 5 s, mean 3 s; 3 steps are left.
    slow_start = [step(1, seconds=100.0), step(2, seconds=100.0)]
    latest = [step(number, seconds=number - 2.0) for number in range(3, 8)]
    assert remaining_seconds(slow_start + latest) == 9.0
    assert remaining_seconds([step(10, seconds=1.0)]) == 0.0


@pytest.mark.parametrize(
    "event", [{"kind": "step"}, step(1), {"kind": "step", "step": 1, "seconds": 1.0}, {"kind": "status"}]
)
def test_time_left_is_unknown_rather_than_guessed(event: dict[str, object]) -> None:
    assert remaining_seconds([event]) is None
