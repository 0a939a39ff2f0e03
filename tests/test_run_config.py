"""A run's options: what is taken, what is refused, and what was stored under names of before."""

from __future__ import annotations

import json
import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayo_app.errors import SettingsError
from sayo_app.run_config import (
    PUBLISHED_LOOKS,
    REWARD_PARTS,
    REWARDS,
    AttentionForm,
    Objective,
    RunConfig,
    renamed,
)

SHARE = st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True)
COUNT = st.integers(min_value=2, max_value=9_999)
VALUES = {
    "reward_parts": st.lists(st.sampled_from(REWARD_PARTS), min_size=1, unique=True),
    "objective": st.sampled_from(get_args(Objective)),
    "base_adapter_id": st.none() | COUNT,
    "attention_layers": st.sampled_from(["last", "upper", "all", "found"])
    | st.lists(COUNT, min_size=1, max_size=200).map(lambda layers: ",".join(map(str, layers))),
    "tokens": st.sampled_from(["entropy", "sensitivity", "fact"]),
    "filtered": st.booleans(),
    "attention_form": st.sampled_from(get_args(AttentionForm)),
    "attention_rows": st.sampled_from(["token", "predicting"]),
    "credit": st.sampled_from(["answer", "token"]),
    "held_out_share": SHARE,
    "steered_share": SHARE,
    "top_p": SHARE,
}


def taken(name: str, kind: type) -> st.SearchStrategy[Any]:
    """Anything within the bounds of an option."""
    limits: dict[str, Any] = {}
    for limit in RunConfig.model_fields[name].metadata:
        limits |= {
            side: getattr(limit, side) for side in ("ge", "gt", "le", "max_length") if hasattr(limit, side)
        }
    if kind is bool:
        return st.booleans()
    if kind is str:
        letters = st.characters(exclude_categories=("Cc", "Cs"))
        return st.text(letters, max_size=limits["max_length"])
    if kind is int:
        return st.integers(limits["ge"], limits["le"])
    return st.floats(limits.get("ge", 1e-9), limits["le"])


ANY = st.fixed_dictionaries(
    {
        name: VALUES[name] if name in VALUES else taken(name, type(option.default))
        for name, option in RunConfig.options().items()
    }
)


@given(values=ANY)
def test_a_run_configuration_comes_back_from_its_json(values: dict[str, Any]) -> None:
    config = RunConfig(**values)
    told = config.to_dict()
    assert list(told) == list(RunConfig.options())
    assert RunConfig.from_dict(json.loads(json.dumps(told))) == config


def test_defaults_are_among_what_is_taken() -> None:
    for name, option in RunConfig.options().items():
        assert RunConfig(**{name: option.default}) == RunConfig()


def test_every_option_says_what_it_is() -> None:
    for option in RunConfig.options().values():
        assert option.label and (option.help or option.unit) and option.values
        assert not option.help or option.help.endswith(".")


def test_whole_numbers_are_taken_where_a_fraction_is_meant() -> None:
    assert repr(RunConfig.from_dict({"temperature": 1}).temperature) == "1.0"


@pytest.mark.parametrize(
    "values",
    [
        {"stepz": 3},
        {"steps": "3"},
        {"steps": 3.0},
        {"steps": True},
        {"steps": None},
        {"steps": 0},
        {"steps": 100_001},
        {"max_new_tokens": 10**9},
        {"num_generations": 129},
        {"prompts_per_step": 129},
        {"lora_rank": 10_000_000},
        {"lora_alpha": 10_000_000},
        {"covered_pictures": 10**9},
        {"learning_rate": 1.5},
        {"seed": 2**31},
        {"base_adapter_id": 2**31},
        {"base_adapter_id": 0},
        {"name": "x" * 101},
        {"name": "a\0b"},
        {"name": "a\nb"},
        {"attention_layers": ",".join("1" * 201)},
        {"attention_layers": "10000"},
        {"data": "x" * 1_001},
        {"num_generations": 1},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"learning_rate": "1e-4"},
        {"temperature": math.inf},
        {"held_out_share": 1.0},
        {"top_p": 0.0},
        {"gated": 1},
        {"reward": "fame"},
        {"reward": ["sayo"]},
        {"reward_parts": []},
        {"reward_parts": ["answer", "answer"]},
        {"reward_parts": ["fame"]},
        {"reward_parts": 3},
        {"objective": "exactly"},
        {"beta": -0.1},
        {"seed": -1},
        {"attention_layers": "first"},
        {"attention_layers": "2,"},
        {"attention_layers": "2\n"},
        {"attention_rows": "drawn"},
        {"tokens": "all"},
        {"credit": "nobody"},
        {"steered_share": 1.5},
        {"distil": -1.0},
    ],
)
def test_what_cannot_be_trained_with_is_refused_by_name(values: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        RunConfig.from_dict(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"steps": 0},
            "Expected steps of a training run to be a whole number of at least 1 and at most 100000, got 0. "
            "Change steps in the form, the YAML file or with --set steps=...",
        ),
        ({"learning_rte": 1.0}, "Did you mean learning_rate?"),
        ({"reward": "sayo-exakt"}, "Did you mean sayo-exact?"),
        (
            {"reward_parts": ["atention"]},
            "each once, got 'atention'. Did you mean attention?",
        ),
        ({"reward": "sayo", "objective": "exact"}, "got reward beside objective. Leave reward out."),
    ],
)
def test_a_refusal_says_what_to_do(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        RunConfig.from_dict(values)
    assert message in str(caught.value)


def test_every_number_has_an_upper_bound_and_every_text_a_longest() -> None:
    for name, option in RunConfig.options().items():
        sides = {side for it in RunConfig.model_fields[name].metadata for side in dir(it)}
        if isinstance(option.default, int | float) and not isinstance(option.default, bool):
            assert sides & {"le", "lt"}, name
        if isinstance(option.default, str) and not option.choices:
            assert "max_length" in sides, name


def test_the_order_of_the_parts_says_nothing() -> None:
    assert RunConfig(reward_parts=["format", "attention"]).reward_parts == ("attention", "format")
    assert RunConfig.from_dict({"reward_parts": "format, answer"}).reward_parts == ("answer", "format")


@pytest.mark.parametrize(
    ("name", "parts", "objective"),
    [
        ("sayo", ("attention", "format"), "published"),
        ("sayo+answer", ("attention", "answer", "format"), "published"),
        ("sayo-exact", ("attention", "format"), "exact"),
        ("sayo-exact+answer", ("attention", "answer", "format"), "exact"),
        ("answer", ("answer", "format"), "published"),
    ],
)
def test_a_reward_of_before_is_its_parts_and_its_objective(name: str, parts: Any, objective: str) -> None:
    config = RunConfig.from_dict({"reward": name})
    assert (config.reward_parts, config.objective) == (parts, objective)
    assert name in REWARDS and "reward" not in config.to_dict()


def test_a_later_layer_wins_under_whatever_name() -> None:
    file = {"reward": "sayo", "attention_rows": "drawing", "steps": 3}
    config = RunConfig.from_dict(file, {"objective": "exact"}, {"steps": 4})
    assert (config.reward_parts, config.objective) == (("attention", "format"), "exact")
    assert (config.attention_rows, config.steps) == ("predicting", 4)
    assert RunConfig.from_dict({"objective": "exact"}, file).objective == "published"
    assert file == {"reward": "sayo", "attention_rows": "drawing", "steps": 3}
    assert renamed(config.to_dict()) == config.to_dict()


def test_other_models_get_the_papers_settings() -> None:
    config = RunConfig.for_model("Qwen/Qwen3-VL-8B-Instruct")
    assert (config.learning_rate, config.num_generations, config.max_new_tokens) == (5e-6, 16, 110)
    assert config.model == "Qwen/Qwen3-VL-8B-Instruct"
    assert (config.reward_parts, config.objective, config.beta) == (REWARD_PARTS, "published", 0.001)
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
    config = RunConfig.stored(old)
    assert (config.reward_parts, config.objective) == (REWARD_PARTS, "published")
    del old["reward"]
    assert old.items() <= config.to_dict().items()
    assert (config.attention_layers, config.attention_weight, config.credit) == ("last", 1.0, "answer")
    assert not (config.gated or config.steered_share or config.distil or config.patience)
    assert {name: getattr(config, name) for name in PUBLISHED_LOOKS} == PUBLISHED_LOOKS
    assert not config.gradient_checkpointing
    assert RunConfig.stored(RunConfig().to_dict()) == RunConfig()
