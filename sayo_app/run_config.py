"""What can be said of a training run: the one source of its options.

The Retrain form, YAML files, `--set`, `python -m training train --help`, the table in training/README.md and
messages read names, words, bounds and choices from here. Names follow the GRPO papers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict

from sayo_app.errors import SettingsError
from sayo_app.options import Options, nearest, option
from sayo_app.settings import BUNDLED

# By where the Retrain page has an option: at the top, under "More settings", under "Advanced".
_first, _more, _advanced = (partial(option, place=place) for place in ("first", "more", "advanced"))

RewardPart = Literal["attention", "answer", "format"]
Objective = Literal["published", "exact", "guided", "direct"]
AttentionForm = Literal["ratio", "share", "target", "saliency"]
REWARD_PARTS: tuple[RewardPart, ...] = get_args(RewardPart)


# What the published reward reads, and what runs did that were stored before one could say.
PUBLISHED_LOOKS: dict[str, Any] = {
    "attention_layers": "last",
    "attention_form": "ratio",
    "tokens": "entropy",
    "attention_rows": "token",
}
# Where answers are decided (ours): the rows that predict what the reasoning names as the answer, in the
# upper layers.
DECIDED_LOOKS: dict[str, Any] = {
    "attention_layers": "upper",
    "attention_form": "share",
    "tokens": "fact",
    "attention_rows": "predicting",
}

# What every database takes for a number, and every generator of random numbers for a seed.
LARGEST = 2**31 - 1
_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
_PATH: dict[str, Any] = {"max_length": 1_000, "pattern": _ONE_LINE}
_FORMAT: dict[str, Any] = {"max_length": 40, "pattern": _ONE_LINE}


class Reward(NamedTuple):
    """Parts, an objective and what is read of the attention that go together, as the page offers them."""

    label: str
    reward_parts: tuple[RewardPart, ...]
    objective: Objective
    looks: Mapping[str, Any] = MappingProxyType(PUBLISHED_LOOKS)


# By what the one option `reward` called them before it became two; files and stored runs may still.
REWARDS = {
    "sayo": Reward("Attention on the region (SAYO, as published)", ("attention", "format"), "published"),
    "sayo+answer": Reward(
        "Attention on the region and right answers, as published",
        ("attention", "answer", "format"),
        "published",
    ),
    "sayo-exact": Reward("Attention on the region, exact gradient", ("attention", "format"), "exact"),
    "sayo-exact+answer": Reward(
        "Attention on the region and right answers, exact gradient",
        ("attention", "answer", "format"),
        "exact",
    ),
    "answer": Reward("Right answers only", ("answer", "format"), "published"),
}
# What the page offers, the best first.
OFFERED = {
    "decided": Reward(
        "Attention where answers are decided, and right answers",
        ("attention", "answer", "format"),
        "exact",
        MappingProxyType(DECIDED_LOOKS),
    ),
    "direct": Reward(
        "The same without rollouts: on the model's own answers",
        ("attention", "answer"),
        "direct",
        MappingProxyType(DECIDED_LOOKS),
    ),
    **REWARDS,
    "fine-tuned": Reward("Right answers only, fine-tuned (no rollouts)", ("answer",), "direct"),
}


def _listed(value: Any) -> Any:
    """JSON and YAML have lists, a command line has commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    return tuple(value) if isinstance(value, list) else value


def _ordered(parts: tuple[RewardPart, ...]) -> tuple[RewardPart, ...]:
    """In one order, so that what is the same is equal.

    Raises:
        ValueError: none, or one twice.
    """
    if not parts or len(set(parts)) < len(parts):
        raise ValueError(parts)
    return tuple(part for part in REWARD_PARTS if part in parts)


# Where the defaults of other models than the bundled one differ.
OTHER_MODELS: dict[str, Any] = {
    "objective": "published",
    "learning_rate": 5e-6,
    "beta": 0.001,
    "num_generations": 16,
    "max_new_tokens": 110,
} | PUBLISHED_LOOKS


class RunConfig(Options):
    """The options of a run. The defaults are for the bundled model; `for_model` has those of other models."""

    # Nothing is read as what it is not: not "3" as 3, not 3.0, not true as 1.
    model_config = ConfigDict(strict=True)
    subject: ClassVar[str] = "{name} of a training run"
    remedy: ClassVar[str] = "Change {name} in the form, the YAML file or with --set {name}=..."

    reward_parts: Annotated[tuple[RewardPart, ...], BeforeValidator(_listed), AfterValidator(_ordered)] = (
        _first(
            REWARD_PARTS,
            "What is rewarded",
            "What counts: attention on the region, the right answer, the answer's format.",
            values="some of attention, answer, format, each once",
        )
    )
    # See `training.rl.losses`.
    objective: Objective = _first(
        "exact",
        "Objective",
        "As published (SAYO); exact: with the gradient of the attention itself, too; guided: answers alone "
        "are rewarded, and the attention of right ones is moved; or direct: no rollouts, the attention of "
        "the model's own answers is moved.",
    )
    steps: int = _first(
        60, "Steps", "More steps learn more and take longer.", ge=1, le=100_000, usual=(1, 200)
    )
    base_adapter_id: int | None = _more(
        None,
        "Start from",
        "Number of the adapter to go on from; null starts at the base model.",
        ge=1,
        le=LARGEST,
    )
    name: str = _more("", "Name of the adapter", "Made up if empty.", max_length=100, pattern=_ONE_LINE)
    num_generations: int = _more(
        8,
        "Completions a prompt",
        "Those that are compared with each other: a group.",
        ge=2,
        le=128,
        usual=(2, 32),
    )
    prompts_per_step: int = _more(4, "Prompts a step", "Groups in a step.", ge=1, le=128, usual=(1, 16))
    learning_rate: float = _advanced(
        2e-4, "Learning rate", "How far a step goes. The first thing to lower if a run collapses.", gt=0, le=1
    )
    beta: float = _advanced(
        0.2, "KL weight (beta)", "How strongly it is held to the model that it started from.", ge=0, le=1_000
    )
    patience: int = _advanced(
        0,
        "Early stop: patience",
        "Evaluations without a better one until it stops and goes back to the best. 0 never stops early.",
        ge=0,
        le=100_000,
    )
    eval_every: int = _advanced(
        20,
        "Evaluate every",
        "Steps between looks at the held-out corrections. 0: before and after.",
        ge=0,
        le=100_000,
    )
    covered_pictures: int = _advanced(
        48,
        "Pictures to cover",
        "Held-out pictures that are asked again with regions covered, before and after. 0 asks none.",
        ge=0,
        le=10_000,
    )
    attention_layers: str = _advanced(
        "upper",
        "Attention layers",
        "Read by the reward: the last, the upper half, all, those found for this model by steering it, or "
        "numbers as in 2,3.",
        values="last, upper, all, found or layers as in 2,3",
        choices=("last", "upper", "all", "found"),
        pattern=r"^(last|upper|all|found|\d{1,4}(,\d{1,4}){0,199})$",
    )
    # See `training.looks.attention_targets`.
    attention_form: AttentionForm = _advanced(
        "share",
        "Attention measure",
        "The ratio of means, as published; the logarithm of each row's share in the region and outside those "
        "not to look at (share); how near it is to the region, smoothed (target); or the share of what the "
        "answer's probability hangs on (saliency), which is rewarded only.",
    )
    attention_weight: float = _advanced(
        1.0, "Attention weight", "Of looking right, beside answer and format, which weigh 1.", ge=0, le=1_000
    )
    tokens: Literal["entropy", "sensitivity", "fact"] = _advanced(
        "fact",
        "Tokens that are read",
        "Those it was least sure of (entropy), of them those that hang on the picture (sensitivity), or "
        "those that name the answer in the reasoning (fact).",
    )
    # The row whose query is the token, as published, or the row before it, whose output it was drawn from.
    attention_rows: Literal["token", "predicting"] = _advanced(
        "predicting",
        "Rows that are read",
        "A token's own look (token, as published), or the look that it was chosen by (predicting).",
    )
    credit: Literal["answer", "token"] = _advanced(
        "answer", "Credit for looking", "Goes to the whole answer, or to each token for its own look."
    )
    gated: bool = _advanced(
        False, "Reward looking in right answers only", "A wrong answer then gains nothing by where it looked."
    )
    filtered: bool = _advanced(
        False,
        "Leave out even groups",
        "Prompts whose completions all have the same answer and format reward are left out of a step.",
    )
    steered_share: float = _advanced(
        0.0,
        "Steered share",
        "Part of the completions made with attention biased towards the region.",
        ge=0,
        le=1,
    )
    distil: float = _advanced(
        0.0,
        "Distil weight",
        "Of learning from the model as it answers with its attention biased.",
        ge=0,
        le=1_000,
    )
    max_kl: float = _advanced(
        2.0,
        "KL bound",
        "Beyond it the run counts as collapsed and stops. 0 is no bound.",
        unit="nats a token",
        ge=0,
        le=1_000,
    )
    held_out_share: float = _advanced(
        0.25, "Held-out share", "Of the pictures: kept out of training, to measure with.", gt=0, lt=1
    )
    temperature: float = _advanced(
        1.0, "Temperature", "Of sampling: higher gives completions that differ more.", gt=0, le=100
    )
    top_p: float = _advanced(
        0.9, "Top-p", "Of sampling: only the likeliest tokens that make up this share.", gt=0, le=1
    )
    max_new_tokens: int = _advanced(80, "Longest completion", unit="tokens", ge=1, le=4_096)
    lora_rank: int = _advanced(16, "LoRA rank", "Size of a new adapter.", ge=1, le=1_024)
    lora_alpha: int = _advanced(
        32, "LoRA alpha", "Strength of a new adapter: it is multiplied by alpha / rank.", ge=1, le=16_384
    )
    weight_decay: float = _advanced(
        0.01, "Weight decay", "Pulls the adapter's weights towards nought.", ge=0, le=10
    )
    max_grad_norm: float = _advanced(
        0.8, "Gradient norm", "Longer gradients are cut to this.", gt=0, le=1_000
    )
    gradient_checkpointing: bool = _advanced(
        False, "Save memory", "Computes activations twice: slower, for large models."
    )
    seed: int = _advanced(
        0, "Seed", "The same seed gives the same run; another holds out other pictures.", ge=0, le=LARGEST
    )
    epsilon: float = option(
        0.2,
        "Clip (epsilon)",
        "Of the policy ratio, which stays 1 as each rollout is used for one step.",
        ge=0,
        le=10,
    )
    model: str = option(BUNDLED, "Model", "bundled, a local folder or a Hugging Face model id.", **_PATH)
    data: str = option("", "File of corrections", "To train on; empty takes those of the store.", **_PATH)
    data_format: str = option("", "Format of that file", "See `python -m storage import --help`.", **_FORMAT)
    held_out_data: str = option(
        "",
        "File of held-out corrections",
        "To measure with, and never trained on; empty holds out a share of those to train on.",
        **_PATH,
    )
    held_out_format: str = option(
        "", "Format of the held-out file", "As data_format; empty is the same.", **_FORMAT
    )

    @classmethod
    def for_model(cls, model: str) -> Self:
        """Defaults for a model: measured ones for the bundled, those of the paper's code for any other."""
        return cls() if model == BUNDLED else cls(model=model, **OTHER_MODELS)

    def to_dict(self) -> dict[str, Any]:
        """All options by name, JSON-able."""
        return self.model_dump(mode="json")

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> Self:
        """The configuration of a run that was kept whole; options that it does not have are newer than it.

        Raises:
            SettingsError: as `from_dict`.
        """
        return cls.from_dict(PUBLISHED_LOOKS, values)

    @classmethod
    def from_dict(cls, *layers: Mapping[str, Any]) -> Self:
        """The configuration that `to_dict` wrote, now or before options had the names that they have.

        Args:
            layers: a later one wins over those before it.

        Raises:
            SettingsError: an unknown name, a value of the wrong type or out of its range.
        """
        values: dict[str, Any] = {}
        for layer in layers:
            values |= renamed(layer)
        return cls(**values)


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """A run's options under their names of today: the one place that knows those of before.

    Raises:
        SettingsError: a reward of no such name, or one beside the options that it stands for.
    """
    found = dict(values)
    if found.get("attention_rows") == "drawing":
        found["attention_rows"] = "predicting"
    if "reward" not in found:
        return found
    name, both = found.pop("reward"), sorted({"reward_parts", "objective"} & set(found))
    if both:
        raise SettingsError(
            expected="reward_parts and objective, or the name of both that `reward` was",
            got=f"reward beside {' and '.join(both)}",
            remedy="Leave reward out.",
        )
    if not isinstance(name, str) or name not in REWARDS:
        near = nearest(str(name), REWARDS)
        raise SettingsError(
            expected=f"reward of a training run to be one of {', '.join(REWARDS)}",
            got=repr(name),
            remedy=f"{f'Did you mean {near}? ' if near else ''}Or set reward_parts and objective instead.",
        )
    # Where `reward` is said nothing was read but what the published reward reads, unless it is said, too.
    return (
        PUBLISHED_LOOKS
        | found
        | {"reward_parts": REWARDS[name].reward_parts, "objective": REWARDS[name].objective}
    )
