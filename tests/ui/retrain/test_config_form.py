"""The fields of the Retrain page against the options of a run."""

from __future__ import annotations

import pytest

from sayo_app.errors import SettingsError
from sayo_app.run_config import RunConfig
from sayo_app.ui.retrain.config_form import config_of, lay_out
from tests.ui.laying_out import laid_out

# Where corrections and model come from is the page's business. Each rollout is used for one step, so that the
# clip never acts.
ELSEWHERE = {"model", "data", "data_format", "epsilon"}
# One field, `reward`, stands for both.
TOGETHER = {"reward_parts", "objective"}


@pytest.mark.parametrize("model", ["bundled", "some/model"])
def test_the_page_has_every_option_and_shows_its_default(model: str) -> None:
    defaults = RunConfig.for_model(model)
    _, fields = laid_out(lambda: lay_out(defaults))
    shown = [it.name for it in RunConfig.options().values() if it.place and it.name not in TOGETHER]
    assert list(fields) == ["reward", *shown]
    assert config_of(defaults, {name: field.value for name, field in fields.items()}) == defaults
    assert {it.name for it in RunConfig.options().values() if not it.place} == ELSEWHERE


def test_every_reward_that_is_offered_says_its_parts_and_objective() -> None:
    radio = laid_out(lambda: lay_out(RunConfig()))[1]["reward"]
    labels = dict(radio.choices)
    assert radio.label == "What is rewarded" and radio.value == "sayo-exact+answer"
    assert labels == {
        "Attention on the region (SAYO, as published)": "sayo",
        "Attention on the region and right answers, as published": "sayo+answer",
        "Attention on the region, exact gradient": "sayo-exact",
        "Attention on the region and right answers, exact gradient": "sayo-exact+answer",
        "Right answers only": "answer",
    }
    told = {name: config_of(RunConfig(), {"reward": name}) for name in labels.values()}
    assert {name: (config.reward_parts, config.objective) for name, config in told.items()} == {
        "sayo": (("attention", "format"), "published"),
        "sayo+answer": (("attention", "answer", "format"), "published"),
        "sayo-exact": (("attention", "format"), "exact"),
        "sayo-exact+answer": (("attention", "answer", "format"), "exact"),
        "answer": (("answer", "format"), "published"),
    }


def test_what_is_chosen_reaches_the_run_and_an_emptied_field_means_its_default() -> None:
    defaults = RunConfig.for_model("bundled")
    chosen = {
        "steps": 5.0,
        "attention_layers": " 2,3 ",
        "attention_weight": 1,
        "patience": 2,
        "gated": True,
        "learning_rate": None,
        "name": " looks left ",
        "base_adapter_id": 7,
        "seed": None,
        "tokens": "",
    }
    expected = {"steps": 5, "attention_layers": "2,3", "patience": 2, "gated": True}
    found = config_of(defaults, chosen)
    assert found.to_dict() == defaults.to_dict() | expected | {"name": "looks left", "base_adapter_id": 7}
    assert config_of(defaults, {"base_adapter_id": 0}) == defaults


@pytest.mark.parametrize(
    "chosen",
    [{"attention_layers": "first"}, {"steps": 1.5}, {"learning_rate": -1.0}, {"patience": -1}, {"beta": "x"}],
)
def test_a_value_that_no_run_can_have_is_told(chosen: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        config_of(RunConfig(), chosen)
