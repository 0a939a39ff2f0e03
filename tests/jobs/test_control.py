"""Runs and their processes: real ones, killed in earnest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from sayo_app.errors import JobError, NotFoundError, RunActiveError, TooFewCorrectionsError
from sayo_app.jobs import (
    cancel_run,
    check_enough,
    control,
    keep_queue,
    processes,
    reconcile,
    resume_run,
    start_next,
    start_run,
    training_command,
)
from sayo_app.run_config import RunConfig
from sayo_app.settings import REPOSITORY_DIR, Settings
from storage.base.models import now
from storage.base.records import RunRecord
from storage.store import Store
from tests.jobs.conftest import SLEEPER, correct_pictures, script, wait_until

Start = Callable[..., RunRecord]

TRAINER = """
import sys
from pathlib import Path
from sayo_app.settings import Settings
from storage.store import Store

settings = Settings.from_environment()
store = Store(settings)
run = store.runs.claim(int(sys.argv[1]))
run.progress_path.write_text('{"kind": "status", "message": "%s"}' % settings.max_new_tokens)
adapter = store.adapters.add(name="a", path=run.folder, base_model=settings.model, run_id=run.id)
store.runs.update(run.id, state="finished", adapter_id=adapter.id)
"""

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("training", flush=True)
time.sleep(600)
"""

# Starts a run and ends, as the app does when it is stopped.
APP = f"""
import sys
from sayo_app.jobs import start_run
from sayo_app.settings import Settings
from sayo_app.run_config import RunConfig
from storage.store import Store

settings = Settings.from_environment()
start_run(Store(settings), settings, RunConfig(), command=lambda run: [sys.executable, "-c", {SLEEPER!r}])
"""


def ended(store: Store, run: RunRecord) -> RunRecord:
    wait_until(lambda: reconcile(store) is None)
    return store.runs.get(run.id)


def training(run: RunRecord) -> bool:
    return "training" in run.log_path.read_text()


def test_a_run_does_its_work_with_our_settings_and_finishes(store: Store, settings: Settings) -> None:
    chosen = settings.replace(max_new_tokens=7, model="some/model")
    run = start_run(store, chosen, RunConfig(), command=script(TRAINER))
    assert run.state in ("running", "finished")
    after = ended(store, run)
    assert (after.state, after.error) == ("finished", None), after.log_path.read_text()
    assert after.progress_path.read_text() == '{"kind": "status", "message": "7"}'
    assert after.adapter_id is not None
    assert store.adapters.get(after.adapter_id).base_model == "some/model"


def test_what_is_unset_does_not_leak_from_our_environment(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYO_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    after = ended(store, start_run(store, settings, RunConfig(), command=script(TRAINER)))
    assert after.state == "finished", after.error


def test_the_default_command_trains_that_run(store: Store) -> None:
    run = store.runs.create(RunConfig())
    assert training_command(run) == [sys.executable, "-m", "training", "train", "--run", str(run.id)]


def test_training_killed_outright_is_failed_with_the_end_of_its_log(store: Store, start: Start) -> None:
    run = start()
    wait_until(lambda: training(run))
    assert reconcile(store) == store.runs.get(run.id)
    assert run.pid is not None
    os.kill(run.pid, signal.SIGKILL)
    after = ended(store, run)
    assert after.state == "failed"
    assert after.error is not None
    assert after.error.endswith("log:\ntraining")
    assert after.finished_at is not None
    assert start().state == "running"


def test_a_crash_shows_its_last_words(store: Store, start: Start) -> None:
    after = ended(store, start("raise RuntimeError('out of memory')"))
    assert (after.state, "RuntimeError: out of memory" in str(after.error)) == ("failed", True)


def test_ending_without_a_result_is_failing(store: Store, start: Start) -> None:
    after = ended(store, start("pass"))
    assert (after.state, "log is empty" in str(after.error)) == ("failed", True)


def test_the_same_run_twice_is_refused_and_the_first_goes_on(store: Store, start: Start) -> None:
    run = start()
    with pytest.raises(RunActiveError, match=f"run {run.id}"):
        start()
    assert [r.id for r in store.runs.all()] == [run.id]
    assert reconcile(store) == run


def test_a_queued_run_of_another_version_is_the_same_by_what_it_says(
    store: Store, settings: Settings, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    # As a version before wrote it, and as one to come may.
    before = RunConfig(objective="published").to_dict() | {"reward": "sayo+answer"}
    del before["reward_parts"], before["objective"]
    with monkeypatch.context() as patch:
        patch.setattr(RunConfig, "to_dict", lambda config: before)
        waiting = store.runs.create(RunConfig())
        patch.setattr(RunConfig, "to_dict", lambda config: before | {"reward": "sayo", "to_come": 1})
        store.runs.create(RunConfig())
    with pytest.raises(RunActiveError, match=f"run {waiting.id}"):
        start_run(store, settings, RunConfig(objective="published"), command=script(SLEEPER))
    other = RunConfig(objective="published", seed=1)
    assert start_run(store, settings, other, command=script(SLEEPER)).state == "queued"


def test_runs_wait_their_turn_and_the_keeper_starts_them(store: Store, settings: Settings) -> None:
    first, second, third = (
        start_run(store, settings, RunConfig(seed=seed), command=script(SLEEPER)) for seed in range(3)
    )
    assert [run.state for run in (first, second, third)] == ["running", "queued", "queued"]
    assert cancel_run(store, second.id).state == "cancelled"
    cancel_run(store, first.id)
    stop = keep_queue(store, settings, every_s=0.02, command=script(TRAINER))
    try:
        wait_until(lambda: store.runs.get(third.id).state == "finished")
    finally:
        stop.set()
    assert [run.state for run in store.runs.all()] == ["finished", "cancelled", "cancelled"]


def test_a_run_waiting_in_its_own_process_is_nobody_elses(store: Store, settings: Settings) -> None:
    mine = store.runs.create(RunConfig(), mine=True)
    assert start_next(store, settings, command=script(SLEEPER)) is None
    assert store.runs.get(mine.id) == mine
    # Its process has died while it waited: it can be started.
    store.runs.update(mine.id, process_identity="another boot:1")
    reconcile(store)
    assert (store.runs.get(mine.id).state, store.runs.get(mine.id).pid) == ("queued", None)


def test_a_killed_run_is_resumed_in_its_folder_and_a_finished_one_is_not(
    store: Store, settings: Settings, start: Start
) -> None:
    run = start("raise RuntimeError('power cut')")
    assert ended(store, run).state == "failed"
    (run.folder / "checkpoint.pt").write_text("here")
    again = resume_run(store, settings, run.id, command=script(TRAINER))
    assert (again.id, again.error, again.folder) == (run.id, None, run.folder)
    assert (run.folder / "checkpoint.pt").read_text() == "here"
    after = ended(store, run)
    assert after.state == "finished", after.error
    with pytest.raises(JobError, match="finished"):
        resume_run(store, settings, run.id)


def test_a_run_that_goes_on_is_neither_resumed_nor_deleted(
    store: Store, settings: Settings, start: Start
) -> None:
    run = start()
    with pytest.raises(JobError, match="running"):
        resume_run(store, settings, run.id)
    with pytest.raises(JobError, match="running"):
        store.runs.delete(run.id)
    assert store.runs.get(run.id) == run


def test_a_dead_run_does_not_stand_in_the_way_of_a_new_one(store: Store, start: Start) -> None:
    run = start("pass")
    assert run.pid is not None
    wait_until(lambda: processes.find(run.pid, run.process_started_at) is None)
    assert start().state == "running"
    assert store.runs.get(run.id).state == "failed"


def test_a_run_goes_on_without_the_app_that_started_it(store: Store) -> None:
    subprocess.run([sys.executable, "-c", APP], check=True, cwd=REPOSITORY_DIR, timeout=300)
    run = reconcile(Store(store.settings))
    assert run is not None
    wait_until(lambda: training(run))
    assert reconcile(store) == run
    cancel_run(store, run.id)
    assert ended(store, run).state == "cancelled"


def test_cancelling_twice_is_cancelling_once(store: Store, start: Start) -> None:
    run = start()
    wait_until(lambda: training(run))
    first = cancel_run(store, run.id)
    again = cancel_run(store, run.id)
    assert first.cancel_requested_at == again.cancel_requested_at is not None
    after = ended(store, run)
    assert (after.state, after.error) == ("cancelled", None)
    assert cancel_run(store, run.id) == after


def test_the_second_cancel_does_not_disturb_the_checkpoint(store: Store, start: Start) -> None:
    run = start(
        "import signal, time\n"
        "def stop(*_):\n"
        "    print('asked', flush=True)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('training', flush=True)\n"
        "while True: time.sleep(0.01)"
    )
    wait_until(lambda: training(run))
    cancel_run(store, run.id)
    wait_until(lambda: "asked" in run.log_path.read_text())
    for _ in range(3):
        assert cancel_run(store, run.id).state == "running"
    assert run.log_path.read_text().count("asked") == 1


def test_a_finished_run_stays_finished_when_it_is_cancelled(store: Store, start: Start) -> None:
    run = start()
    finished = store.runs.update(run.id, state="finished")
    assert cancel_run(store, run.id) == finished


def test_a_process_that_does_not_stop_is_killed_after_a_while(
    store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(STUBBORN)
    wait_until(lambda: training(run))
    cancel_run(store, run.id)
    assert reconcile(store) is not None
    monkeypatch.setattr(control, "_CANCEL_GRACE", timedelta(0))
    assert ended(store, run).state == "cancelled"


def test_cancelling_what_nobody_started_is_told(store: Store) -> None:
    with pytest.raises(NotFoundError):
        cancel_run(store, 99)


def test_a_run_whose_starter_died_goes_back_into_the_queue(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.runs.create(RunConfig())
    taken = store.runs.take_next()
    assert taken is not None
    assert (taken.id, taken.state, taken.pid) == (run.id, "running", None)
    assert reconcile(store) == taken
    monkeypatch.setattr(control, "_START_GRACE", timedelta(0))
    again = start_next(store, settings, command=script(TRAINER))
    assert again is not None
    assert ended(store, again).state == "finished"


def test_a_queued_run_without_a_process_is_cancelled_at_once(store: Store) -> None:
    assert cancel_run(store, store.runs.create(RunConfig()).id).state == "cancelled"


def test_a_run_cancelled_between_its_row_and_its_process_does_not_train(
    store: Store, settings: Settings
) -> None:
    def cancelled_meanwhile(run: RunRecord) -> list[str]:
        cancel_run(store, run.id)
        return script(SLEEPER)(run)

    before = psutil.Process().children()
    run = start_run(store, settings, RunConfig(), command=cancelled_meanwhile)
    assert run.state == "cancelled"
    wait_until(lambda: not set(psutil.Process().children()) - set(before))


@pytest.mark.parametrize("command", [["/no/such/program"], []])
def test_a_process_that_cannot_start_fails_the_run(
    store: Store, settings: Settings, command: list[str]
) -> None:
    with pytest.raises(JobError, match="training process to start"):
        start_run(store, settings, RunConfig(), command=lambda run: command)
    (run,) = store.runs.all()
    assert (run.state, "did not start" in str(run.error)) == ("failed", True)
    assert store.runs.current() is None


def test_too_few_corrected_pictures_are_counted_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "MIN_CORRECTED_PICTURES", 3)
    store = Store(settings)
    correct_pictures(store, 3)
    rejected = store.corrections.all()[0]
    store.corrections.revise(rejected.id, state="rejected")
    correct_pictures(store, 1)  # on a picture that is there already: it does not count again
    assert check_enough(store) == (2, 3)
    with pytest.raises(TooFewCorrectionsError, match=r"at least 3 pictures, got 2\. Correct 1 more"):
        start_run(store, settings, RunConfig())
    assert store.runs.all() == []
    store.corrections.restore(rejected.id, 1)
    assert check_enough(store) == (3, 3)


def test_a_store_that_can_only_be_read_can_still_be_looked_at(store: Store) -> None:
    run = store.runs.create(RunConfig())
    store.runs.update(run.id, state="running", pid=2**22 + 1, process_started_at=0.0, started_at=now())
    path = Path(store.settings.data_dir) / "studio.db"
    reader = Store(store.settings.replace(database_url=f"sqlite:///file:{path}?mode=ro&uri=true"))
    assert reconcile(reader) == store.runs.get(run.id)
