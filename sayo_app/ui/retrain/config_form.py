"""What a run can be told on the page: the fields for `RunConfig`, and the configuration out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.ui.shared.handlers import typed
from sayo_app.ui.shared.studio import BASE_ID, BASE_LABEL
from storage.base.records import ATTENTION_ROWS, ATTENTION_TOKENS, CREDITS, REWARDS, RunConfig


class Knob(NamedTuple):
    """A field of the advanced ones.

    Attributes:
        name: of the option of `RunConfig`, whose default it shows.
        info: what it does, in one line.
        choices: what can be chosen, if it is a choice.
        free: something else can be typed, too.
    """

    name: str
    label: str
    info: str
    choices: tuple[str, ...] = ()
    free: bool = False


ADVANCED = (
    Knob(
        "learning_rate", "Learning rate", "How far a step goes. The first thing to lower if a run collapses."
    ),
    Knob("beta", "KL weight (beta)", "How strongly it is held to the model that it started from."),
    Knob(
        "patience",
        "Early stop: patience",
        "Evaluations without a better one until it stops and goes back to the best. 0 never stops early.",
    ),
    Knob(
        "eval_every",
        "Evaluate every",
        "Steps between looks at the held-out corrections. 0: before and after.",
    ),
    Knob(
        "attention_layers",
        "Attention layers",
        "Read by the reward: the last, those found for this model by steering it, or numbers as in 2,3.",
        ("last", "found"),
        free=True,
    ),
    Knob(
        "attention_weight", "Attention weight", "Of looking right, beside answer and format, which weigh 1."
    ),
    Knob(
        "tokens",
        "Tokens that are read",
        "Those it was least sure of (entropy), or of them those that hang on the picture (sensitivity).",
        ATTENTION_TOKENS,
    ),
    Knob(
        "attention_rows",
        "Rows that are read",
        "A token's own look (token, as published), or the look that it was chosen by (drawing).",
        ATTENTION_ROWS,
    ),
    Knob(
        "credit",
        "Credit for looking",
        "Goes to the whole answer, or to each token for its own look.",
        CREDITS,
    ),
    Knob(
        "gated",
        "Reward looking in right answers only",
        "A wrong answer then gains nothing by where it looked.",
    ),
    Knob(
        "steered_share", "Steered share", "Part of the completions made with attention pulled to the region."
    ),
    Knob("distil", "Distil weight", "Of learning from the model as it answers with its attention pulled."),
    Knob("max_kl", "KL bound", "Beyond it the run counts as collapsed and stops. 0 is no bound."),
    Knob("held_out_share", "Held-out share", "Of the pictures: kept out of training, to measure with."),
    Knob("temperature", "Temperature", "Of sampling: higher gives completions that differ more."),
    Knob("top_p", "Top-p", "Of sampling: only the likeliest tokens that make up this share."),
    Knob("max_new_tokens", "Longest completion", "In tokens."),
    Knob("lora_rank", "LoRA rank", "Size of a new adapter."),
    Knob("lora_alpha", "LoRA alpha", "Strength of a new adapter: it is multiplied by alpha / rank."),
    Knob("weight_decay", "Weight decay", "Pulls the adapter's weights towards nought."),
    Knob("max_grad_norm", "Gradient norm", "Longer gradients are cut to this."),
    Knob("gradient_checkpointing", "Save memory", "Computes activations twice: slower, for large models."),
    Knob("seed", "Seed", "The same seed gives the same run; another holds out other pictures."),
)


def lay_out(defaults: RunConfig) -> dict[str, gr.components.Component]:
    """The fields by the names of `RunConfig`, in the order they stand on the page."""

    def slider(name: str, label: str, least: int, most: int, elem_id: str) -> gr.Slider:
        value = getattr(defaults, name)
        return gr.Slider(least, most, value=value, step=1, label=label, elem_id=elem_id)

    rewards = [(label, name) for name, label in REWARDS.items()]
    fields: dict[str, gr.components.Component] = {
        "reward": gr.Radio(
            rewards, value=defaults.reward, label="What is rewarded", elem_id="retrain-reward"
        ),
        "steps": slider("steps", "Steps", 1, 200, "retrain-steps"),
    }
    gr.Markdown("More steps learn more and take longer.", elem_classes="hint")
    with gr.Accordion("More settings", open=False, elem_id="retrain-more"):
        fields["base_adapter_id"] = gr.Dropdown(
            [(BASE_LABEL, BASE_ID)], value=BASE_ID, label="Start from", elem_id="retrain-base"
        )
        fields["name"] = gr.Textbox(
            label="Name of the adapter", placeholder="made up if empty", elem_id="retrain-name"
        )
        fields["num_generations"] = slider(
            "num_generations", "Completions a prompt", 2, 32, "retrain-generations"
        )
        fields["prompts_per_step"] = slider("prompts_per_step", "Prompts a step", 1, 16, "retrain-prompts")
    with gr.Accordion("Advanced", open=False, elem_id="retrain-advanced"):
        for knob in ADVANCED:
            fields[knob.name] = _field(knob, getattr(defaults, knob.name))
    return fields


def _field(knob: Knob, value: Any) -> gr.components.Component:
    common = {
        "value": value,
        "label": knob.label,
        "info": knob.info,
        "elem_id": f"retrain-{knob.name.replace('_', '-')}",
    }
    if knob.choices:
        return gr.Dropdown(list(knob.choices), allow_custom_value=knob.free, **common)
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
    chosen["base_adapter_id"] = chosen.get("base_adapter_id") or None
    return RunConfig.from_dict(defaults.to_dict() | chosen)
