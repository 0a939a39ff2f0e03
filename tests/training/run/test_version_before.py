"""Runs of the version before, kept in tests/data/v0_1: YAML files, stored runs, a checkpoint."""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sayo_app.run_config import PUBLISHED_LOOKS, REWARD_PARTS, RunConfig
from sayo_app.settings import REPOSITORY_DIR, Settings
from storage.store import Store
from training.run.job import run_job
from training.run.recipe import read_recipe
from training.state.progress_log import Cancelled, StopSignal

BEFORE = REPOSITORY_DIR / "tests" / "data" / "v0_1"
ATTENTION, ANSWER = ("attention", "format"), ("answer", "format")
# The options of run 2, under today's names, where it is not the default.
CUT_SHORT = RunConfig(
    reward_parts=ATTENTION,
    objective="exact",
    steered_share=0.5,
    steps=400,
    num_generations=2,
    prompts_per_step=2,
    max_new_tokens=48,
    lora_rank=1,
    lora_alpha=2,
    eval_every=2,
    name="cut short",
    learning_rate=1e-4,
    beta=0.05,
    **PUBLISHED_LOOKS,
)


@pytest.fixture
def store(data_dir: Path) -> Iterator[Store]:
    """The store of before, as today's."""
    with tarfile.open(BEFORE / "data.tar.gz") as packed:
        packed.extractall(data_dir.parent, filter="data")
    with Store(Settings.from_environment(device="cpu")) as opened:
        yield opened


class AfterSteps(StopSignal):
    """Asks to stop once a run has made so many steps in this process."""

    def __init__(self, steps: int) -> None:
        self._left = steps + 1

    @property
    def asked(self) -> bool:
        self._left -= sys._getframe(1).f_code.co_name == "train"
        return self._left <= 0


def test_the_recipes_of_before_mean_what_they_meant() -> None:
    bundled = read_recipe(BEFORE / "yaml" / "bundled.yaml")
    assert bundled == RunConfig(
        name="bundled, retrained",
        objective="published",
        learning_rate=5e-4,
        eval_every=20,
        **PUBLISHED_LOOKS,
    )
    small = read_recipe(BEFORE / "yaml" / "sayo_qwen3_vl_2b.yaml")
    defaults = RunConfig.for_model("Qwen/Qwen3-VL-2B-Instruct")
    assert small == defaults.replace(name="SAYO Qwen3-VL 2B", steps=200)
    large = read_recipe(BEFORE / "yaml" / "sayo_qwen3_vl_8b.yaml")
    assert (large.reward_parts, large.objective) == (ATTENTION, "published")
    assert (large.prompts_per_step, large.steps, large.eval_every) == (8, 500, 50)


# That of the bundled model is as the Retrain button does it, which has changed.
@pytest.mark.parametrize("name", ["sayo_qwen3_vl_2b", "sayo_qwen3_vl_8b"])
def test_the_recipes_of_today_say_the_same_in_todays_words(name: str) -> None:
    today = read_recipe(REPOSITORY_DIR / "training" / "recipes" / f"{name}.yaml")
    assert today == read_recipe(BEFORE / "yaml" / f"{name}.yaml")


def test_a_file_that_says_every_option_is_read_to_the_last_one() -> None:
    assert read_recipe(BEFORE / "yaml" / "everything.yaml") == RunConfig(
        reward_parts=ATTENTION,
        objective="exact",
        attention_form="ratio",
        attention_layers="found",
        tokens="sensitivity",
        attention_rows="predicting",
        credit="token",
        gated=True,
        steered_share=0.25,
        distil=0.1,
        patience=3,
        num_generations=2,
        prompts_per_step=2,
        max_new_tokens=48,
        lora_rank=1,
        lora_alpha=2,
        seed=7,
        held_out_share=0.5,
        gradient_checkpointing=True,
        base_adapter_id=1,
        name="everything said",
        learning_rate=1e-4,
        beta=0.05,
    )


def test_stored_runs_have_the_options_that_they_had(store: Store) -> None:
    runs = {run.id: run for run in store.runs.all()}
    configs = {number: run.run_config for number, run in runs.items()}
    assert {number: (config.reward_parts, config.objective) for number, config in configs.items()} == {
        1: (REWARD_PARTS, "exact"),
        2: (ATTENTION, "exact"),
        3: (ATTENTION, "published"),
        4: (REWARD_PARTS, "published"),
        5: (ATTENTION, "exact"),
        6: (REWARD_PARTS, "exact"),
        7: (ANSWER, "published"),
    }
    assert configs[1].attention_rows == "predicting" and configs[1].patience == 2
    assert configs[2] == CUT_SHORT
    for run in runs.values():
        kept = json.loads((run.folder / "config.json").read_text(encoding="utf-8"))
        assert RunConfig.from_dict(kept) == run.run_config


@pytest.mark.training
def test_a_cancelled_run_goes_on_from_its_checkpoint(store: Store) -> None:
    run = store.runs.get(2)
    came = torch.load(run.folder / "checkpoint.pt", weights_only=True)
    assert came["config"]["reward"] == "sayo-exact"
    store.runs.requeue(run.id)
    with pytest.raises(Cancelled):
        run_job(store.settings, run.id, AfterSteps(2))
    events = [json.loads(line) for line in run.progress_path.read_text(encoding="utf-8").splitlines()]
    steps = [event["step"] for event in events if event["kind"] == "step"]
    assert steps[-2:] == [came["step"] + 1, came["step"] + 2]
    left = torch.load(run.folder / "checkpoint.pt", weights_only=True)
    assert left["step"] == came["step"] + 2 and RunConfig.from_dict(left["config"]) == CUT_SHORT
    assert store.runs.get(run.id).state == "cancelled" and store.runs.get(run.id).error is None
