"""Recipes do what the page does, and a run's record says all that it takes to do it again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.errors import SettingsError, TrainingError
from sayo_app.mllm.models.loading import load_model
from sayo_app.run_config import RunConfig
from sayo_app.settings import REPOSITORY_DIR, Settings
from storage.formats.common.rows import WriteOptions
from storage.formats.exporter import export_file
from storage.store import Store
from tests.storage.examples import corrected
from tests.training.conftest import make_sample
from training.data.samples import Sample, load_samples, read_samples
from training.rl.loop import train
from training.run.recipe import code_version, data_hash, read_recipe, run_record
from training.state.progress_log import Progress

RECIPES = sorted((REPOSITORY_DIR / "training" / "recipes").glob("*.yaml"))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.training
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_each_recipe_makes_a_step_on_a_tiny_model(
    path: Path, tiny_model_dir: Path, tmp_path: Path, samples: list[Sample]
) -> None:

    config = read_recipe(path).replace(steps=1, prompts_per_step=1, eval_every=0, max_new_tokens=3)
    loaded = load_model(Settings(model=str(tiny_model_dir), device="cpu"))
    _, outcome = train(
        loaded, config, samples[:2], samples[2:3], folder=tmp_path, progress=Progress(tmp_path / "p.jsonl")
    )
    assert outcome.after["count"] == 1
    assert len(RECIPES) >= 3


def test_the_papers_recipe_has_its_settings() -> None:
    config = read_recipe(REPOSITORY_DIR / "training/recipes/sayo_qwen3_vl_8b.yaml")
    assert (config.reward_parts, config.objective) == (("attention", "format"), "published")
    assert (config.beta, config.num_generations) == (0.001, 16)
    assert (config.learning_rate, config.lora_rank, config.lora_alpha) == (5e-6, 16, 32)
    assert (config.temperature, config.top_p, config.weight_decay) == (1.0, 0.9, 0.01)
    assert (config.max_grad_norm, config.max_new_tokens) == (0.8, 110)


def test_what_a_recipe_leaves_out_is_as_on_the_page(tmp_path: Path) -> None:
    assert read_recipe(write(tmp_path, "steps: 3")) == RunConfig(steps=3)
    other = read_recipe(write(tmp_path, "model: some/model"), data_format="gqa", data=None)
    assert other.to_dict() == RunConfig.for_model("some/model").to_dict() | {"data_format": "gqa"}


@pytest.mark.parametrize("text", ["", "[1, 2]", "steps: [", "stepz: 3", "steps: many", "steps: 0", "1: 2"])
def test_a_recipe_that_cannot_be_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        read_recipe(write(tmp_path, text))
    with pytest.raises(SettingsError, match="recipes"):
        read_recipe(tmp_path / "none.yaml")


def test_the_command_line_wins_over_the_file_and_the_last_word_over_the_first(tmp_path: Path) -> None:
    path = write(tmp_path, "reward: sayo\nsteps: 3\nlearning_rate: 2e-4\nname: from the file\n")
    pairs = ["steps=4", "steps=5", "objective=exact", "reward_parts=answer, attention", "attention_layers=2"]
    config = read_recipe(path, pairs, model="some/model")
    assert (config.steps, config.objective, config.reward_parts) == (5, "exact", ("attention", "answer"))
    assert (config.attention_layers, config.learning_rate, config.name) == ("2", 2e-4, "from the file")
    assert (config.model, config.num_generations) == ("some/model", 16)
    assert read_recipe(path, ["reward=answer"]).reward_parts == ("answer", "format")


@pytest.mark.parametrize(
    ("pair", "name", "value"),
    [
        ("learning_rate=1e-4", "learning_rate", 1e-4),
        ("learning_rate=5E-6", "learning_rate", 5e-6),
        ("learning_rate=1.5e-4", "learning_rate", 1.5e-4),
        ("beta=0", "beta", 0.0),
        ("gated=yes", "gated", True),
        ("gated=false", "gated", False),
        ("reward_parts=[answer]", "reward_parts", ("answer",)),
        ("reward_parts=format,attention", "reward_parts", ("attention", "format")),
        ("attention_layers=2,3", "attention_layers", "2,3"),
        ("attention_rows=drawing", "attention_rows", "predicting"),
        ("base_adapter_id=3", "base_adapter_id", 3),
        ("base_adapter_id=null", "base_adapter_id", None),
        ("name=12", "name", "12"),
        ("name=a = b: [c", "name", "a = b: [c"),
        ("name=", "name", ""),
        ("model=/a/folder", "model", "/a/folder"),
    ],
)
def test_what_is_set_is_read_by_the_kind_of_its_option(pair: str, name: str, value: Any) -> None:
    assert getattr(read_recipe(None, [pair]), name) == value


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("steps", "name=value after --set, got 'steps'"),
        ("reward_parts=[", "name=value after --set"),
        ("stepz=3", "got 'stepz'. Did you mean steps?"),
        ("steps=many", "at least 1 and at most 100000, got 'many'. Change steps in the form"),
        ("steps=", "a whole number of at least 1 and at most 100000, got None"),
        ("learning_rate=1e", "a number above 0 and at most 1, got '1e'"),
        ("reward=sayoo", "Did you mean sayo?"),
    ],
)
def test_what_cannot_be_set_is_told(pair: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_recipe(None, [pair])
    assert message in str(caught.value)


def test_only_where_a_number_is_meant_1e5_is_one(tmp_path: Path) -> None:
    config = RunConfig(name="1e5", learning_rate=1e-5, data="2e3")
    assert read_recipe(write(tmp_path, yaml.safe_dump(config.to_dict()))) == config
    assert read_recipe(write(tmp_path, "name: 1e5\nmax_kl: 1e1")) == RunConfig(name="1e5", max_kl=10.0)
    with pytest.raises(SettingsError, match="steps"):
        read_recipe(write(tmp_path, "steps: 1e1"))


def test_without_a_file_there_are_the_defaults_of_the_model() -> None:
    assert read_recipe(None, ["steps=10"]) == RunConfig(steps=10)
    assert read_recipe(None, ["model=some/model"]) == RunConfig.for_model("some/model")


def test_a_record_is_json_and_its_data_hash_follows_every_field(samples: list[Sample]) -> None:

    record = run_record(RunConfig(seed=7), samples, torch.device("cpu"))
    assert json.loads(json.dumps(record)) == record
    assert (record["seed"], record["data"]["samples"], record["data"]["pictures"]) == (7, 6, 6)
    assert set(record) == {"config", "seed", "code", "data", "machine", "versions"}
    changes = [
        {"picture_id": "x"},
        {"question": "x"},
        {"answer": None},
        {"regions": (Region.box(0, 0, 5, 5),)},
        {"family": "x"},
    ]
    hashes = {data_hash([replace(samples[0], **change), *samples[1:]]) for change in changes}
    assert len({*hashes, data_hash(samples), data_hash(samples[::-1])}) == len(changes) + 2


def test_code_without_git_is_known_by_its_files(tmp_path: Path) -> None:
    for folder in ("sayo_app", "storage", "training"):
        (tmp_path / folder).mkdir()
    (tmp_path / "training" / "a.py").write_text("x = 1")
    first = code_version(tmp_path)
    (tmp_path / "training" / "a.py").write_text("x = 2")
    assert set(first) == {"sources_sha256"}
    assert code_version(tmp_path) != first


def test_a_file_is_trained_on_as_the_store_would_be(tmp_path: Path) -> None:
    settings = Settings.from_environment()
    with Store(settings) as store:
        for i in range(2):
            sample = make_sample(i)
            corrected(
                store,
                picture_id=store.pictures.add(sample.open_picture()).id,
                question=sample.question,
                answer_shown="It is. <answer>blue</answer>",
                regions=sample.regions,
                corrected_answer="red",
            )
        export_file(store, "viscot", tmp_path / "out", WriteOptions())
    found = read_samples(tmp_path / "out", "viscot", settings)
    assert [(one.question, one.answer) for one in found] == [(make_sample(i).question, "red") for i in (0, 1)]
    assert [len(one.regions) for one in found] == [1, 1]
    assert found[0].open_picture().size == make_sample(0).open_picture().size
    assert len({one.picture_id for one in found}) == 2


def test_regions_not_to_look_at_come_along_from_a_file_as_from_the_store(tmp_path: Path) -> None:
    settings = Settings.from_environment()
    sample, away = make_sample(0), Region.box(50, 10, 90, 60, look=False, step=1)
    with Store(settings) as store:
        picture = store.pictures.add(sample.open_picture()).id
        for regions in ((*sample.regions, away), (away,)):
            corrected(
                store,
                picture_id=picture,
                question=f"{sample.question} {len(regions)}",
                answer_shown="It is.",
                regions=regions,
            )
        stored = load_samples(store)
        export_file(store, "jsonl", tmp_path / "out", WriteOptions())
    found = read_samples(tmp_path / "out", "jsonl", settings)
    assert [one.regions for one in found] == [one.regions for one in stored]
    assert [len(one.regions) for one in found] == [2, 1] and away in found[0].regions
    assert [one.answer for one in found] == [one.answer for one in stored]


def test_a_file_without_anything_to_train_on_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    row = {"image": "a.png", "question": "Where?", "answer": "", "bboxs": []}
    (tmp_path / "viscot.jsonl").write_text(json.dumps(row))
    with pytest.raises(TrainingError, match="1 rows"):
        read_samples(tmp_path / "viscot.jsonl", "viscot", Settings.from_environment())
