"""The fields of the Retrain page against the options of a run."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import pytest

from sayo_app.errors import SettingsError
from sayo_app.run_config import RunConfig
from sayo_app.ui.retrain.config_form import config_of, lay_out

# Where corrections and model come from is the page's business. Each rollout is used for one step, so that the
# clip never acts.
ELSEWHERE = {"model", "data", "data_format", "epsilon"}


async def laid_out(defaults: RunConfig) -> dict[str, gr.components.Component]:
    """Where no event loop runs, Gradio makes one and leaves it open."""
    with gr.Blocks(analytics_enabled=False):
        return lay_out(defaults)


@pytest.mark.parametrize("model", ["bundled", "some/model"])
def test_the_page_has_every_option_and_shows_its_default(model: str) -> None:
    defaults = RunConfig.for_model(model)
    # A thread of its own: where browser tests ran before, this one has a running event loop.
    with ThreadPoolExecutor(1) as thread:
        fields = thread.submit(lambda: asyncio.run(laid_out(defaults))).result()
    assert set(fields) | ELSEWHERE == set(defaults.to_dict()) and not set(fields) & ELSEWHERE
    assert config_of(defaults, {name: field.value for name, field in fields.items()}) == defaults
    assert {name for name, option in RunConfig.options().items() if not option.place} == ELSEWHERE


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
