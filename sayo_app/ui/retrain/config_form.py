"""What a run can be told on the page: the fields for `RunConfig`, and the configuration out of them.

Which options are shown, where, and in which words is said once, in `sayo_app.run_config`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from sayo_app.options import Option
from sayo_app.run_config import OFFERED, PUBLISHED_LOOKS, RunConfig
from sayo_app.ui.shared.handlers import PRIVATE, does, typed
from sayo_app.ui.shared.words import BASE_ID, BASE_LABEL

# Chosen together, as one field.
_IN_REWARD = ("reward_parts", "objective")
# Fields of their own, which change with it.
LOOKS = tuple(PUBLISHED_LOOKS)


def lay_out(defaults: RunConfig) -> dict[str, gr.components.Component]:
    """The fields by the names of `RunConfig`, in the order they stand on the page.

    `reward` stands for the parts of the reward and the objective, of which it offers those that go together.
    """
    options = RunConfig.options()

    def add(place: str) -> dict[str, gr.components.Component]:
        placed = [it for it in options.values() if it.place == place and it.name not in _IN_REWARD]
        return {it.name: _field(it, getattr(defaults, it.name)) for it in placed}

    fields: dict[str, gr.components.Component] = {"reward": _reward(options["reward_parts"].label, defaults)}
    fields |= add("first")
    gr.Markdown(options["steps"].help, elem_classes="hint")
    with gr.Accordion("More settings", open=False, elem_id="retrain-more"):
        fields |= add("more")
    with gr.Accordion("Advanced", open=False, elem_id="retrain-advanced"):
        fields |= add("advanced")
    return fields


def _reward(label: str, defaults: RunConfig) -> gr.Radio:
    looks = {name: getattr(defaults, name) for name in LOOKS}
    all_three = defaults.reward_parts, defaults.objective, looks
    chosen = next(
        name for name, it in OFFERED.items() if (it.reward_parts, it.objective, dict(it.looks)) == all_three
    )
    choices = [(it.label, name) for name, it in OFFERED.items()]
    return gr.Radio(choices, value=chosen, label=label, elem_id="retrain-reward")


def wire(fields: Mapping[str, gr.components.Component]) -> None:
    """What a reward reads of the attention follows the choice of it; it can be changed afterwards."""
    reward: Any = fields["reward"]

    @does("look")
    def on_reward(name: str) -> list[Any]:
        return [OFFERED[name].looks[look] for look in LOOKS]

    reward.input(on_reward, reward, [fields[look] for look in LOOKS], **PRIVATE)


def _field(option: Option, value: Any) -> gr.components.Component:
    common = {
        "value": value,
        "label": option.label,
        "elem_id": f"retrain-{option.name.replace('_', '-')}",
    }
    if option.name == "base_adapter_id":
        return gr.Dropdown([(BASE_LABEL, BASE_ID)], **common | {"value": BASE_ID})
    if option.usual:
        least, most = option.usual
        return gr.Slider(least, most, step=1, **common)
    if isinstance(value, str) and not option.choices:
        return gr.Textbox(placeholder=option.help.rstrip(".").lower(), **common)
    common["info"] = option.help or f"In {option.unit}."
    if option.choices:
        return gr.Dropdown(list(option.choices), allow_custom_value=option.free, **common)
    if isinstance(value, bool):
        return gr.Checkbox(**common)
    return gr.Number(precision=0 if isinstance(value, int) else None, **common)


def config_of(defaults: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """What was chosen, as a run's configuration; an emptied field means its default.

    Args:
        values: as the fields of `lay_out` give them, by their names.

    Raises:
        SettingsError: a value that no run can have.
    """
    chosen = {name: typed(value) if isinstance(value, str) else value for name, value in values.items()}
    chosen = {name: value for name, value in chosen.items() if value not in (None, "")}
    # Sliders give whole numbers with a point.
    whole = {
        name: int(value) for name, value in chosen.items() if isinstance(value, float) and value.is_integer()
    }
    floats = {name for name, value in defaults.to_dict().items() if isinstance(value, float)}
    chosen |= {name: value for name, value in whole.items() if name not in floats}
    if "reward" in chosen:
        reward = OFFERED[chosen.pop("reward")]
        chosen |= {"reward_parts": reward.reward_parts, "objective": reward.objective}
    chosen["base_adapter_id"] = chosen.get("base_adapter_id") or None
    return RunConfig.from_dict(defaults.to_dict(), chosen)
