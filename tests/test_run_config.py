from __future__ import annotations

import math

import pytest

from sayo_app.errors import SettingsError
from sayo_app.run_config import REWARDS, RunConfig


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


@pytest.mark.parametrize(
    "values",
    [
        {"attention_layers": "first"},
        {"attention_layers": "2,"},
        {"tokens": "all"},
        {"credit": "nobody"},
        {"steered_share": 1.5},
        {"distil": -1.0},
    ],
)
def test_settings_of_the_attention_reward_are_checked(values: dict) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        RunConfig.from_dict(values)


def test_every_reward_can_be_chosen() -> None:
    assert [RunConfig(reward=reward).reward for reward in REWARDS] == list(REWARDS)


def test_other_models_get_the_papers_settings() -> None:
    config = RunConfig.for_model("Qwen/Qwen3-VL-8B-Instruct")
    assert (config.learning_rate, config.num_generations, config.max_new_tokens) == (5e-6, 16, 110)
    assert config.model == "Qwen/Qwen3-VL-8B-Instruct"
    assert (config.reward, config.beta) == ("sayo+answer", 0.001)
    assert RunConfig.for_model("bundled") == RunConfig()


def test_a_configuration_stored_before_there_were_other_objectives_means_what_it_meant() -> None:
    old = {
        "reward": "sayo+answer",
        "steps": 60,
        "num_generations": 8,
        "prompts_per_step": 4,
        "learning_rate": 5e-4,
        "beta": 0.001,
        "epsilon": 0.2,
        "temperature": 1.0,
        "top_p": 0.9,
        "max_new_tokens": 80,
        "lora_rank": 16,
        "lora_alpha": 32,
        "weight_decay": 0.01,
        "max_grad_norm": 0.8,
        "seed": 0,
        "held_out_share": 0.25,
        "eval_every": 20,
        "base_adapter_id": None,
        "model": "bundled",
        "name": "",
    }
    config = RunConfig.from_dict(old)
    assert old.items() <= config.to_dict().items()
    assert (config.attention_layers, config.attention_weight, config.credit) == ("last", 1.0, "answer")
    assert not (config.gated or config.steered_share or config.distil or config.patience)
    assert config.tokens == "entropy" and not config.gradient_checkpointing
