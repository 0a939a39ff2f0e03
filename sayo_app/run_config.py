"""Everything that a training run is told: the one source of its options.

The Retrain form, YAML files, `--set`, `python -m training train --help`, the table in training/README.md and
messages read names, words, bounds and choices from here. Names follow the GRPO papers.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict

from sayo_app.options import Options, option
from sayo_app.settings import BUNDLED

# By where the Retrain page has an option: at the top, under "More settings", under "Advanced".
_first, _more, _advanced = (partial(option, place=place) for place in ("first", "more", "advanced"))

REWARDS = {
    "sayo": "Attention on the region (SAYO, as published)",
    "sayo+answer": "Attention on the region and right answers, as published",
    "sayo-exact": "Attention on the region, exact gradient",
    "sayo-exact+answer": "Attention on the region and right answers, exact gradient",
    "answer": "Right answers only",
}


class RunConfig(Options):
    """What a run is told. The defaults are for the bundled model; `for_model` has those of other models."""

    # Nothing is read as what it is not: not "3" as 3, not 3.0, not true as 1.
    model_config = ConfigDict(strict=True)
    subject: ClassVar[str] = "{name} of a training run"
    remedy: ClassVar[str] = "Change {name} in the form, the YAML file or with --set {name}=..."

    reward: Literal["sayo", "sayo+answer", "sayo-exact", "sayo-exact+answer", "answer"] = _first(
        "sayo-exact+answer", "What is rewarded"
    )
    steps: int = _first(60, "Steps", "More steps learn more and take longer.", ge=1, usual=(1, 200))
    base_adapter_id: int | None = _more(
        None, "Start from", "Number of the adapter to go on from; none starts at the base model."
    )
    name: str = _more("", "Name of the adapter", "Made up if empty.")
    num_generations: int = _more(
        8, "Completions a prompt", "Those that are compared with each other: a group.", ge=2, usual=(2, 32)
    )
    prompts_per_step: int = _more(4, "Prompts a step", "Groups in a step.", ge=1, usual=(1, 16))
    learning_rate: float = _advanced(
        1e-4, "Learning rate", "How far a step goes. The first thing to lower if a run collapses.", gt=0
    )
    beta: float = _advanced(
        0.05, "KL weight (beta)", "How strongly it is held to the model that it started from.", ge=0
    )
    patience: int = _advanced(
        0,
        "Early stop: patience",
        "Evaluations without a better one until it stops and goes back to the best. 0 never stops early.",
        ge=0,
    )
    eval_every: int = _advanced(
        20, "Evaluate every", "Steps between looks at the held-out corrections. 0: before and after.", ge=0
    )
    attention_layers: str = _advanced(
        "last",
        "Attention layers",
        "Read by the reward: the last, those found for this model by steering it, or numbers as in 2,3.",
        values="last, found or layers as in 2,3",
        choices=("last", "found"),
        pattern=r"^(last|found|\d+(,\d+)*)$",
    )
    attention_weight: float = _advanced(
        1.0, "Attention weight", "Of looking right, beside answer and format, which weigh 1.", ge=0
    )
    tokens: Literal["entropy", "sensitivity"] = _advanced(
        "entropy",
        "Tokens that are read",
        "Those it was least sure of (entropy), or of them those that hang on the picture (sensitivity).",
    )
    # The row whose query is the token, as published, or the row before it, whose output it was drawn from.
    attention_rows: Literal["token", "drawing"] = _advanced(
        "token",
        "Rows that are read",
        "A token's own look (token, as published), or the look that it was chosen by (drawing).",
    )
    credit: Literal["answer", "token"] = _advanced(
        "answer", "Credit for looking", "Goes to the whole answer, or to each token for its own look."
    )
    gated: bool = _advanced(
        False, "Reward looking in right answers only", "A wrong answer then gains nothing by where it looked."
    )
    steered_share: float = _advanced(
        0.0,
        "Steered share",
        "Part of the completions made with attention biased towards the region.",
        ge=0,
        le=1,
    )
    distil: float = _advanced(
        0.0, "Distil weight", "Of learning from the model as it answers with its attention biased.", ge=0
    )
    max_kl: float = _advanced(
        2.0,
        "KL bound",
        "Beyond it the run counts as collapsed and stops. 0 is no bound.",
        unit="nats a token",
        ge=0,
    )
    held_out_share: float = _advanced(
        0.25, "Held-out share", "Of the pictures: kept out of training, to measure with.", gt=0, lt=1
    )
    temperature: float = _advanced(
        1.0, "Temperature", "Of sampling: higher gives completions that differ more.", gt=0
    )
    top_p: float = _advanced(
        0.9, "Top-p", "Of sampling: only the likeliest tokens that make up this share.", gt=0, le=1
    )
    max_new_tokens: int = _advanced(80, "Longest completion", unit="tokens", ge=1)
    lora_rank: int = _advanced(16, "LoRA rank", "Size of a new adapter.", ge=1)
    lora_alpha: int = _advanced(
        32, "LoRA alpha", "Strength of a new adapter: it is multiplied by alpha / rank.", ge=1
    )
    weight_decay: float = _advanced(0.01, "Weight decay", "Pulls the adapter's weights towards nought.", ge=0)
    max_grad_norm: float = _advanced(0.8, "Gradient norm", "Longer gradients are cut to this.", gt=0)
    gradient_checkpointing: bool = _advanced(
        False, "Save memory", "Computes activations twice: slower, for large models."
    )
    seed: int = _advanced(
        0, "Seed", "The same seed gives the same run; another holds out other pictures.", ge=0
    )
    epsilon: float = option(
        0.2,
        "Clip (epsilon)",
        "Of the policy ratio, which stays 1 as each rollout is used for one step.",
        ge=0,
    )
    model: str = option(BUNDLED, "Model", "bundled, a local folder or a Hugging Face model id.")
    data: str = option("", "File of corrections", "To train on; empty takes those of the store.")
    data_format: str = option("", "Format of that file", "See `python -m storage import --help`.")

    @classmethod
    def for_model(cls, model: str) -> Self:
        """Defaults for a model: measured ones for the bundled, those of the paper's code for any other."""
        if model == BUNDLED:
            return cls()
        return cls(
            model=model,
            reward="sayo+answer",
            learning_rate=5e-6,
            beta=0.001,
            num_generations=16,
            max_new_tokens=110,
        )

    def to_dict(self) -> dict[str, Any]:
        """All options by name, JSON-able."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The configuration that `to_dict` wrote.

        Raises:
            SettingsError: an unknown name, a value of the wrong type or out of its range.
        """
        return cls(**values)
