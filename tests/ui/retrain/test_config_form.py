"""The fields of the Retrain page against the options of a run."""

from __future__ import annotations

import pytest

from sayo_app.errors import SettingsError
from sayo_app.run_config import PUBLISHED_LOOKS, RunConfig
from sayo_app.ui.retrain.config_form import LOOKS, config_of, lay_out, wire
from tests.ui.laying_out import laid_out

# Where corrections and model come from is the page's business. Each rollout is used for one step, so that the
# clip never acts.
ELSEWHERE = {"model", "data", "data_format", "held_out_data", "held_out_format", "epsilon"}
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
    assert radio.label == "What is rewarded" and radio.value == "decided"
    assert labels == {
        "Attention where answers are decided, and right answers": "decided",
        "The same without rollouts: on the model's own answers": "direct",
        "Attention on the region (SAYO, as published)": "sayo",
        "Attention on the region and right answers, as published": "sayo+answer",
        "Attention on the region, exact gradient": "sayo-exact",
        "Attention on the region and right answers, exact gradient": "sayo-exact+answer",
        "Right answers only": "answer",
        "Right answers only, fine-tuned (no rollouts)": "fine-tuned",
    }
    told = {name: config_of(RunConfig(), {"reward": name}) for name in labels.values()}
    assert {name: (config.reward_parts, config.objective) for name, config in told.items()} == {
        "decided": (("attention", "answer", "format"), "exact"),
        "direct": (("attention", "answer"), "direct"),
        "sayo": (("attention", "format"), "published"),
        "sayo+answer": (("attention", "answer", "format"), "published"),
        "sayo-exact": (("attention", "format"), "exact"),
        "sayo-exact+answer": (("attention", "answer", "format"), "exact"),
        "answer": (("answer", "format"), "published"),
        "fine-tuned": (("answer",), "direct"),
    }


def test_what_a_reward_reads_follows_the_choice_of_it() -> None:
    blocks, _ = laid_out(lambda: wired(RunConfig()))
    (follow,) = [function for function in blocks.fns.values() if function.targets[0][1] == "input"]
    assert [block.elem_id for block in follow.outputs] == [
        "retrain-attention-layers",
        "retrain-attention-form",
        "retrain-tokens",
        "retrain-attention-rows",
    ]
    assert follow.fn("sayo") == ["last", "ratio", "entropy", "token"]
    assert follow.fn("decided") == ["upper", "share", "fact", "predicting"]
    # Chosen on the page with what follows, the published reward is what was published.
    values = {"reward": "sayo"} | dict(zip(LOOKS, follow.fn("sayo"), strict=True))
    found = config_of(RunConfig(), values)
    assert {name: getattr(found, name) for name in PUBLISHED_LOOKS} == PUBLISHED_LOOKS


def wired(defaults: RunConfig) -> dict:
    fields = lay_out(defaults)
    wire(fields)
    return fields


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
