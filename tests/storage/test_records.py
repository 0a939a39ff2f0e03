from __future__ import annotations

import math

import pytest

from sayo_app.errors import SettingsError
from storage.records import REWARDS, RunConfig


def test_a_run_configuration_comes_back_from_its_dict() -> None:
    config = RunConfig(reward="sayo", steps=3, base_adapter_id=4, name="left of")
    assert RunConfig.from_dict(config.to_dict()) == config


def test_whole_numbers_are_taken_where_a_fraction_is_meant() -> None:
    assert RunConfig.from_dict({"temperature": 1}).temperature == 1.0


@pytest.mark.parametrize(
    "values",
    [
        {"stepz": 3},
        {"steps": "3"},
        {"steps": 3.0},
        {"steps": True},
        {"steps": None},
        {"steps": 0},
        {"num_generations": 1},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"temperature": math.inf},
        {"held_out_share": 1.0},
        {"top_p": 0.0},
        {"reward": "fame"},
        {"beta": -0.1},
    ],
)
def test_what_cannot_be_trained_with_is_refused_by_name(values: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        RunConfig.from_dict(values)


def test_every_reward_can_be_chosen() -> None:
    assert [RunConfig(reward=reward).reward for reward in REWARDS] == list(REWARDS)


def test_other_models_get_the_papers_settings() -> None:
    config = RunConfig.for_model("Qwen/Qwen3-VL-8B-Instruct")
    assert (config.learning_rate, config.num_generations, config.max_new_tokens) == (5e-6, 16, 110)
    assert config.model == "Qwen/Qwen3-VL-8B-Instruct"
    assert RunConfig.for_model("bundled") == RunConfig()
