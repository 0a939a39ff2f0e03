"""A stored run through every way out: finished, cancelled, failed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.errors import SayoError, TrainingError
from sayo_app.mllm.models.adapters import active, load_adapter, switch
from sayo_app.mllm.models.loading import load_model
from sayo_app.run_config import REWARD_PARTS, RunConfig
from sayo_app.settings import REPOSITORY_DIR, Settings
from storage.formats.exporter import export_file
from storage.store import Store
from tests.storage.examples import corrected
from tests.training.conftest import make_sample
from training.__main__ import EXIT_CANCELLED, main
from training.rl import loop
from training.rl.judging import Judged
from training.rl.train_state import TrainState
from training.run import job
from training.run.job import run_job
from training.state.progress_log import Cancelled, StopSignal

pytestmark = pytest.mark.training

CONFIG = RunConfig(
    reward_parts=("attention", "format"),
    objective="published",
    steps=1,
    num_generations=2,
    prompts_per_step=2,
    max_new_tokens=4,
    lora_rank=2,
    eval_every=0,
    name="looks left",
)


@pytest.fixture
def settings(tiny_model_dir: Path) -> Settings:
    return Settings.from_environment(model=str(tiny_model_dir), device="cpu")


@pytest.fixture
def store(settings: Settings):
    with Store(settings) as opened:
        for i in range(5):
            sample = make_sample(i)
            corrected(
                opened,
                picture_id=opened.pictures.add(sample.open_picture()).id,
                question=sample.question,
                model=settings.model,
                answer_shown="It is. <answer>blue</answer>",
                regions=(Region.box(0, 0, 30, 30),),
                corrected_answer="red",
            )
        yield opened


class Stopper(StopSignal):
    """Asks to stop between two steps, once so many have been begun."""

    def __init__(self, after: int) -> None:
        self._left = after + 1

    @property
    def asked(self) -> bool:
        self._left -= sys._getframe(1).f_code.co_name == "train"
        return self._left <= 0


def steps_of(path: Path) -> list[int]:
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [event["step"] for event in events if event["kind"] == "step"]


def config_of(settings: Settings, **changes) -> RunConfig:
    return CONFIG.replace(model=settings.model, **changes)


def test_a_finished_run_leaves_an_adapter_that_can_be_switched_on(settings: Settings, store: Store):
    run = store.runs.create(config_of(settings))
    run_job(settings, run.id, StopSignal())
    run = store.runs.get(run.id)
    assert (run.state, run.error) == ("finished", None)
    adapter = store.adapters.get(run.adapter_id)
    assert (adapter.name, adapter.run_id, adapter.base_model) == ("looks left", run.id, settings.model)
    assert adapter.summary["before"]["count"] == adapter.summary["after"]["count"] == 1
    events = [json.loads(line) for line in run.progress_path.read_text(encoding="utf-8").splitlines()]
    assert events[-1] == {"kind": "result", "adapter_id": adapter.id, **adapter.summary}
    assert {"status", "step", "evaluation", "result"} == {event["kind"] for event in events}
    assert not (run.folder / "checkpoint.pt").exists()
    assert adapter.summary["verdict"]["word"] in ("better", "same", "worse")
    assert run.record["data"]["samples"] == 5
    card = (adapter.path / "README.md").read_text(encoding="utf-8")
    assert run.record["data"]["sha256"] in card and adapter.summary["verdict"]["text"] in card
    assert "What answers hang on is measured on up to 48 of them" in card
    assert {"reliance", "control"} <= adapter.summary["after"].keys()
    assert "base_model: tiny\n" in card and str(settings.data_dir) not in card
    first, last = sorted((run.folder / "evaluations").glob("*.json"))
    answers = json.loads(last.read_text(encoding="utf-8"))["answers"]
    assert (first.stem, last.stem, len(answers)) == ("000000", "000001", 1)
    assert answers[0]["reliance"] is not None and answers[0]["reliance_logp"] is not None
    with Image.open(run.folder / "evaluations" / answers[0]["drawn"]) as drawn:
        assert drawn.size == (96, 64)
    assert not [path for path in adapter.path.rglob("*") if path.suffix in (".bin", ".pt")]
    loaded = load_model(settings)
    load_adapter(loaded, adapter.path, "looks left")
    switch(loaded, "looks left")
    assert active(loaded) == "looks left"


def test_a_run_goes_on_from_a_stored_adapter(settings: Settings, store: Store):
    first = store.runs.create(config_of(settings))
    run_job(settings, first.id, StopSignal())
    before = store.runs.get(first.id).adapter_id
    second = store.runs.create(config_of(settings, base_adapter_id=before, name=""))
    run_job(settings, second.id, StopSignal())
    found = store.adapters.get(store.runs.get(second.id).adapter_id)
    assert found.id != before and found.name


def test_a_run_that_fails_says_why(settings: Settings, store: Store):
    run = store.runs.create(CONFIG.replace(model="/no/such/model"))
    with pytest.raises(SayoError):
        run_job(settings, run.id, StopSignal())
    run = store.runs.get(run.id)
    assert run.state == "failed" and "/no/such/model" in run.error
    assert store.runs.current() is None and not store.adapters.all()


def test_a_yaml_file_does_what_the_page_does(
    settings: Settings, store: Store, restored_signals: None, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    path = settings.data_dir / "run.yaml"
    path.write_text(yaml.safe_dump(config_of(settings).to_dict()), encoding="utf-8")
    pairs = ["--set", "seed=7", "--set", f"seed={CONFIG.seed}"]
    assert main(["train", "--config", str(path), "--device", "cpu", *pairs]) == 0
    paged = store.runs.create(config_of(settings))
    run_job(settings, paged.id, StopSignal())
    paged, typed = store.runs.all()
    assert typed.state == paged.state == "finished"
    assert figures(typed.progress_path) == figures(paged.progress_path)
    assert typed.record == paged.record
    assert "run 1" in typed.log_path.read_text(encoding="utf-8")


def test_a_cancelled_run_is_resumed_and_other_corrections_start_it_anew(settings: Settings, store: Store):
    run, stop = store.runs.create(config_of(settings, steps=3)), Stopper(after=2)
    with pytest.raises(Cancelled):
        run_job(settings, run.id, stop)
    assert (store.runs.get(run.id).state, steps_of(run.progress_path)) == ("cancelled", [1, 2])
    store.runs.requeue(run.id)
    run_job(settings, run.id, StopSignal())
    assert (store.runs.get(run.id).state, steps_of(run.progress_path)) == ("finished", [1, 2, 3])

    run, stop = store.runs.create(config_of(settings, steps=3, seed=1)), Stopper(after=2)
    with pytest.raises(Cancelled):
        run_job(settings, run.id, stop)
    store.corrections.revise(1, corrected_answer="green")
    store.runs.requeue(run.id)
    run_job(settings, run.id, StopSignal())
    assert steps_of(run.progress_path) == [1, 2, 1, 2, 3]


def test_an_early_stop_is_judged_by_the_adapter_that_is_kept(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
):
    """Right after step 1, wrong after step 2: it goes back, and the verdict is of what it went back to."""
    right, known = iter([0.0, 1.0, 0.0]), {}

    def judged(state: TrainState, samples: Sequence[Any], *rest: Any) -> list[Judged]:
        weights = float(sum(value.double().abs().sum() for value in state.policy.trainable).detach())
        answer = known[weights] if weights in known else known.setdefault(weights, next(right))
        figures = {"attention": None, "energy": None, "pointing": None, "format": 1.0, "length": 4}
        return [Judged("", "", answer=answer, **figures) for _ in samples]

    monkeypatch.setattr(loop, "judge_together", judged)
    config = config_of(settings, steps=20, eval_every=1, patience=1, learning_rate=1e-3)
    run = store.runs.create(config)
    run_job(settings, run.id, StopSignal())
    run = store.runs.get(run.id)
    assert (run.state, steps_of(run.progress_path)) == ("finished", [1, 2])
    summary = store.adapters.get(run.adapter_id).summary
    assert (summary["step"], summary["before"]["accuracy"], summary["after"]["accuracy"]) == (1, 0.0, 1.0)
    answers = summary["verdict"]["changes"]["answer"]
    assert (answers["before"], answers["after"]) == (0.0, 1.0)


def test_a_collapse_registers_no_adapter(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch):
    def figures(*arguments: Any) -> dict[str, Any]:
        calls.append(1)
        return real(*arguments) | {"kl": 9.0 if len(calls) == 2 else 0.1}

    calls: list[int] = []
    real = loop.step_figures
    monkeypatch.setattr(loop, "step_figures", figures)
    run = store.runs.create(config_of(settings, steps=3, eval_every=1))
    with pytest.raises(TrainingError, match="last good checkpoint"):
        run_job(settings, run.id, StopSignal())
    run = store.runs.get(run.id)
    assert run.state == "failed" and "KL" in (run.error or "")
    assert run.adapter_id is None and not store.adapters.all()
    assert not settings.adapters_dir.exists() or not list(settings.adapters_dir.iterdir())
    assert torch.load(run.folder / "checkpoint.pt", weights_only=True)["step"] == 1
    # What goes on from there has never seen the collapsed weights.
    store.runs.requeue(run.id)
    run_job(settings, run.id, StopSignal())
    assert steps_of(run.progress_path) == [1, 2, 2, 3]
    assert len(store.adapters.all()) == 1


def test_a_run_waits_for_the_one_before_it(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch):
    before, run = store.runs.create(config_of(settings)), store.runs.create(config_of(settings, seed=1))
    store.runs.claim(before.id)
    monkeypatch.setattr(job.time, "sleep", lambda _: store.runs.update(before.id, state="cancelled"))
    run_job(settings, run.id, StopSignal())
    assert store.runs.get(run.id).state == "finished"


def test_too_few_pictures_end_the_run_with_a_remedy(settings: Settings, store: Store):
    for correction in store.corrections.all()[1:]:
        store.corrections.delete(correction.id)
    run = store.runs.create(config_of(settings))
    with pytest.raises(TrainingError, match="two pictures"):
        run_job(settings, run.id, StopSignal())
    assert "generated corrections" in store.runs.get(run.id).error


def test_a_run_cancelled_before_it_began_is_cancelled(settings: Settings, store: Store):
    run, stop = store.runs.create(config_of(settings)), StopSignal()
    stop.asked = True
    with pytest.raises(Cancelled):
        run_job(settings, run.id, stop)
    assert store.runs.get(run.id).state == "cancelled"


def test_the_command_fails_with_a_message_and_no_traceback(
    settings: Settings, store: Store, capsys: pytest.CaptureFixture[str], restored_signals: None
):
    assert main(["train", "--run", "77"]) == 1
    shown = capsys.readouterr().err
    assert "77" in shown and "Traceback" not in shown


def test_a_run_is_measured_on_the_file_that_it_names(settings: Settings, store: Store, tmp_path: Path):
    file = tmp_path / "test-set.parquet"
    export_file(store, "jsonl", file)
    sample = make_sample(9)
    corrected(
        store,
        picture_id=store.pictures.add(sample.open_picture()).id,
        question=sample.question,
        model=settings.model,
        regions=(Region.box(0, 0, 30, 30),),
        corrected_answer="red",
    )
    run = store.runs.create(config_of(settings, held_out_data=str(file), held_out_format="jsonl"))
    run_job(settings, run.id, StopSignal())
    run = store.runs.get(run.id)
    assert run.state == "finished", run.error
    assert store.adapters.get(run.adapter_id).summary["after"]["count"] == 5
    assert "Training on 1 corrections, 5 are held out" in read(run.progress_path)
    assert run.record["data"]["samples"] == 11


def test_sigterm_cancels_and_keeps_a_checkpoint(settings: Settings, store: Store):
    run = store.runs.create(config_of(settings, steps=100_000))
    process = subprocess.Popen(
        [sys.executable, "-m", "training", "train", "--run", str(run.id)],
        cwd=REPOSITORY_DIR,
        env=os.environ | {"SAYO_DATA_DIR": str(settings.data_dir), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: '"kind": "step"' in read(run.progress_path), process)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == EXIT_CANCELLED, log
    run = store.runs.get(run.id)
    assert (run.state, run.error) == ("cancelled", None)
    assert (run.folder / "checkpoint.pt").exists()
    assert not store.adapters.all()


def test_two_processes_do_what_one_does(settings: Settings, store: Store):
    """Each takes half of a step's prompts and of the held-out ones; accelerate averages the gradients."""
    config = config_of(
        settings,
        reward_parts=REWARD_PARTS,
        objective="exact",
        steps=3,
        learning_rate=1e-3,
        prompts_per_step=2,
        held_out_share=0.4,
    )
    alone = store.runs.create(config)
    run_job(settings, alone.id, StopSignal())
    together = store.runs.create(config)
    # torchrun would take --run for an option of its own.
    script = settings.data_dir / "train.py"
    script.write_text(
        "import sys\nfrom training.__main__ import main\n"
        f"sys.exit(main(['train', '--run', '{together.id}', '--device', 'cpu']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(script)],
        env=os.environ
        | {
            "SAYO_DATA_DIR": str(settings.data_dir),
            "PYTHONPATH": str(REPOSITORY_DIR),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert store.runs.get(together.id).state == "finished"
    expected, found = (figures(store.runs.get(run.id).progress_path) for run in (alone, together))
    assert len(found) == 5
    for mine, theirs in zip(found, expected, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-4)


def figures(path: Path) -> list[dict[str, float]]:
    """The numbers of steps and evaluations, but for times and for a loss that is nought but rounding."""
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        {k: v for k, v in event.items() if isinstance(v, int | float) and k not in ("seconds", "remaining_s")}
        for event in events
        if event["kind"] in ("step", "evaluation")
    ]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def wait_for(reached, process: subprocess.Popen, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
