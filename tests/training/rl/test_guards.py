"""Runs that do not go well: memory, numbers, a collapsed policy, answers that stop improving, SIGKILL."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from sayo_app.errors import TrainingError
from sayo_app.mllm.models.memory import out_of_memory
from sayo_app.run_config import REWARD_PARTS
from sayo_app.settings import REPOSITORY_DIR
from tests.training.rl.test_loop import CONFIG, Run, adapter_weights
from training.data.samples import Sample
from training.rl import loop, reporting
from training.rl.reporting import check_bounds

FIGURES = {"kl": 0.1, "length": 20.0}


@pytest.fixture
def make_run(tiny_model_dir: Path, tmp_path: Path):
    return lambda name="run": Run(tiny_model_dir, tmp_path / name)


def saved_step(folder: Path) -> int:
    return torch.load(folder / "checkpoint.pt", weights_only=True)["step"]


def test_out_of_memory_halves_the_batch_and_changes_nothing_else(
    make_run, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
):
    config = CONFIG.replace(steps=2, objective="exact", eval_every=0)
    whole, halved = make_run("whole"), make_run("halved")
    expected, _ = whole.train(samples, config)

    def collect(state: Any, part: Any, check: Any) -> Any:
        if len(part) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(state, part, check)

    real = loop.collect
    monkeypatch.setattr(loop, "collect", collect)
    policy, _ = halved.train(samples, config)
    (said,) = halved.events("status")
    assert "1 prompts at once" in said["message"]
    wanted, found = adapter_weights(expected), adapter_weights(policy)
    # AdamW's first steps are of one size whatever the gradient's: rounding shows where that is nought.
    assert all(torch.allclose(found[name], wanted[name], atol=2e-4) for name in wanted)


def test_one_prompt_that_does_not_fit_ends_the_run_with_a_remedy(
    make_run, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
):
    def collect(*arguments: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(loop, "collect", collect)
    with pytest.raises(TrainingError, match="gradient_checkpointing"):
        make_run().train(samples, CONFIG.replace(prompts_per_step=1))


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    assert out_of_memory(MemoryError()) and out_of_memory(torch.OutOfMemoryError())
    assert not out_of_memory(RuntimeError("shapes do not fit")) and not out_of_memory(TypeError())


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"kl": 2.5}, "KL to the reference of at most 2"),
        ({"kl": float("nan")}, "KL"),
        ({"length": 61.0}, "answers of about 20 tokens"),
        ({"length": 6.0}, "answers of about 20 tokens"),
    ],
)
def test_a_policy_out_of_bounds_has_collapsed(figures: dict[str, float], words: str):
    with pytest.raises(TrainingError, match=words):
        check_bounds(FIGURES | figures, {"length": 20.0}, max_kl=2.0)


def test_a_policy_within_bounds_goes_on():
    check_bounds(FIGURES | {"length": 59.0}, {"length": 20.0}, max_kl=2.0)
    check_bounds(FIGURES | {"kl": 99.0}, {"length": 20.0}, max_kl=0.0)
    check_bounds({"kl": 0.0, "length": None}, {}, max_kl=2.0)


def test_a_collapse_leaves_the_last_good_checkpoint(
    make_run, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
):
    def figures(*arguments: Any) -> dict[str, Any]:
        calls.append(1)
        return real(*arguments) | {"kl": 9.0 if len(calls) == 4 else 0.1}

    calls: list[int] = []
    real = loop.step_figures
    monkeypatch.setattr(loop, "step_figures", figures)
    # On a slow machine the clock would call for one after any step.
    monkeypatch.setattr(reporting, "KEEP_EVERY_S", math.inf)
    run = make_run()
    with pytest.raises(TrainingError, match="last good checkpoint"):
        run.train(samples)
    assert saved_step(run.folder) == 2


def test_a_run_with_patience_stops_and_goes_back_to_its_best(
    make_run, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
):
    """Evaluations before and after steps 1, 2, 3: the second is the best, two after it are not."""
    scores = iter([0.5, 0.8, 0.6, 0.7, 0.6, 0.8])
    real = loop.summary
    monkeypatch.setattr(loop, "summary", lambda judged: real(judged) | {"accuracy": next(scores)})
    config = CONFIG.replace(steps=20, eval_every=1, patience=2)
    run, first = make_run(), make_run("first")
    policy, outcome = run.train(samples, config)
    assert len(run.events("step")) == 3
    assert outcome.after["accuracy"] == 0.8
    monkeypatch.setattr(loop, "summary", real)
    wanted, _ = first.train(samples, config.replace(steps=1, patience=0))
    weights, expected = adapter_weights(policy), adapter_weights(wanted)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


KILLED = """
import sys
from pathlib import Path
from sayo_app.run_config import REWARD_PARTS
from tests.training.conftest import make_sample
from tests.training.rl.test_loop import CONFIG, Run
run = Run(Path(sys.argv[1]), Path(sys.argv[2]))
config = CONFIG.replace(reward_parts=REWARD_PARTS, objective="exact", steps=400)
run.train([make_sample(i) for i in range(6)], config)
"""


def test_a_run_that_was_killed_goes_on_to_the_bit(make_run, samples: list[Sample]):
    killed = make_run("killed")
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, killed.loaded.name, str(killed.folder)],
        cwd=REPOSITORY_DIR,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 300
        while not (killed.folder / "checkpoint.pt").exists():
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    # The settings of a checkpoint must be those of the run, whose length is known only now.
    state = torch.load(killed.folder / "checkpoint.pt", weights_only=True)
    config = CONFIG.replace(reward_parts=REWARD_PARTS, objective="exact", steps=state["step"] + 3)
    torch.save(state | {"config": config.to_dict()}, killed.folder / "checkpoint.pt")
    policy, outcome = killed.train(samples, config)
    expected, expected_outcome = make_run("whole").train(samples, config)
    weights, wanted = adapter_weights(policy), adapter_weights(expected)
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)
    assert json.dumps(outcome.after) == json.dumps(expected_outcome.after)
