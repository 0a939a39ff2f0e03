"""The launch command that recipes and README give, run on two processes without a GPU."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
import yaml

from sayo_app.run_config import RunConfig
from sayo_app.settings import REPOSITORY_DIR, Settings
from storage.store import Store
from tests.storage.examples import corrected
from tests.training.conftest import make_sample
from training.run import job
from training.state.progress_log import StopSignal

RECIPES = REPOSITORY_DIR / "training" / "recipes"
LAUNCH = re.compile(r"accelerate (launch --config_file (\S+) -m training train --config (\S+))")
SAID_IN = [
    REPOSITORY_DIR / "training" / "README.md",
    RECIPES / "bundled.yaml",
    RECIPES / "sayo_qwen3_vl_8b.yaml",
]


@pytest.mark.parametrize("path", SAID_IN, ids=lambda path: path.name)
def test_the_launch_commands_name_files_that_are_there(path: Path) -> None:
    (found,) = LAUNCH.findall(path.read_text())
    assert all((REPOSITORY_DIR / name).is_file() for name in found[1:])
    assert path.suffix != ".yaml" or found[2] == str(path.relative_to(REPOSITORY_DIR))


def test_every_process_of_the_paper_recipe_has_a_prompt() -> None:
    recipe = yaml.safe_load((RECIPES / "sayo_qwen3_vl_8b.yaml").read_text())
    launch = yaml.safe_load((RECIPES / "launch" / "eight_gpus.yaml").read_text())
    assert recipe["prompts_per_step"] % launch["num_processes"] == 0


def test_a_run_closes_its_connections_however_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With them open a process is aborted as it ends, now and then."""
    settings = Settings.from_environment(device="cpu")
    for number, error in enumerate((None, ValueError("broken"))):

        def carried_out(*_: object, error: Exception | None = error) -> None:
            if error:
                raise error

        monkeypatch.setattr(job, "_carry_out", carried_out)
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{tmp_path}/{number}", rank=0, world_size=1
        )
        with Store(settings) as store, pytest.raises(ValueError) if error else nullcontext():
            job.run_job(settings, store.runs.create(RunConfig()).id, StopSignal())
        assert not torch.distributed.is_initialized()


@pytest.mark.training
def test_the_recipes_command_trains_in_two_processes(tmp_path: Path, tiny_model_dir: Path) -> None:
    settings = Settings.from_environment(model=str(tiny_model_dir), device="cpu")
    run = {"steps": 2, "num_generations": 2, "prompts_per_step": 2, "max_new_tokens": 4, "eval_every": 0}
    recipe = tmp_path / "run.yaml"
    recipe.write_text(yaml.safe_dump(run | {"model": str(tiny_model_dir), "held_out_share": 0.4}))
    ((command, _, config),) = LAUNCH.findall((RECIPES / "bundled.yaml").read_text())
    words = command.replace(config, str(recipe)).split()
    with Store(settings) as store:
        for i in range(5):
            sample = make_sample(i)
            corrected(
                store,
                picture_id=store.pictures.add(sample.open_picture()).id,
                question=sample.question,
                model=settings.model,
                answer_shown="It is. <answer>blue</answer>",
                regions=sample.regions,
                corrected_answer="red",
            )
        done = subprocess.run(
            [sys.executable, "-m", "accelerate.commands.accelerate_cli", *words],
            cwd=REPOSITORY_DIR,
            env=os.environ | {"SAYO_DATA_DIR": str(settings.data_dir), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        (finished,) = store.runs.all()
        assert (finished.state, finished.record["machine"]["processes"]) == ("finished", 2)
        assert [adapter.id for adapter in store.adapters.all()] == [finished.adapter_id]
    events = map(json.loads, finished.progress_path.read_text(encoding="utf-8").splitlines())
    assert [event["step"] for event in events if event["kind"] == "step"] == [1, 2]
