"""What the store hands out: plain frozen records, detached from the database. All times are UTC."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sayo_app.core.geometry.region import Region
from sayo_app.errors import SettingsError
from sayo_app.settings import BUNDLED

CORRECTION_STATES = ("draft", "submitted", "accepted", "rejected", "skipped", "deleted")
# Those of corrections, and that of an item which still waits for one.
ENTRY_STATES = ("todo", *CORRECTION_STATES)
ORIGINS = ("person", "generated")
ACTIVE_RUN_STATES = ("queued", "running")
FINAL_RUN_STATES = ("finished", "failed", "cancelled")
RESUMABLE_RUN_STATES = ("failed", "cancelled")
RUN_STATES = ACTIVE_RUN_STATES + FINAL_RUN_STATES

REWARDS = {
    "sayo": "Attention on the region (SAYO, as published)",
    "sayo+answer": "Attention on the region and right answers, as published",
    "sayo-exact": "Attention on the region, exact gradient",
    "sayo-exact+answer": "Attention on the region and right answers, exact gradient",
    "answer": "Right answers only",
}
ATTENTION_TOKENS = ("entropy", "sensitivity")
ATTENTION_ROWS = ("token", "drawing")
CREDITS = ("answer", "token")
_ONE_OF = {"tokens": ATTENTION_TOKENS, "attention_rows": ATTENTION_ROWS, "credit": CREDITS}


@dataclass(frozen=True)
class PictureRecord:
    """A stored picture.

    Attributes:
        id: sha256 of the decoded pixels.
        width, height: in pixels.
        path: the PNG file.
    """

    id: str
    width: int
    height: int
    path: Path

    @property
    def image_wh(self) -> tuple[int, int]:
        return self.width, self.height


@dataclass(frozen=True)
class CorrectionRecord:
    """A correction as it stands at one revision.

    Attributes:
        id: the same for all revisions.
        item_id: the work item: the question on this picture.
        annotator: who made the first revision.
        batch_id: the import that brought it.
        adapter_id: adapter that gave the answer shown; None is the base model.
        trace_id: stored attention trace of the answer shown.
        regions: in original-image pixels, fitted to the picture.
        corrected_answer: None where the answer shown was right.
        author: who made this revision.
        state: one of `CORRECTION_STATES`.
        comment: what was said with this revision: a reviewer's remark, the reason of a skip.
        flagged: marked by a person, to be looked at again.
        reward: SAYO reward of the answer shown in the regions, -1 to 1; None without a trace or a region.
        origin: `person`, or `generated` from a composed scene.
        family: question family of a generated correction.
        revision: from 1 upwards.
        created_at: time of the first revision.
        updated_at: time of this revision.
    """

    id: int
    item_id: int
    picture_id: str
    question: str
    annotator: str
    batch_id: int | None
    model: str
    adapter_id: int | None
    answer_shown: str
    trace_id: str | None
    regions: tuple[Region, ...]
    corrected_answer: str | None
    author: str
    state: str
    comment: str
    flagged: bool
    reward: float | None
    origin: str
    family: str | None
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class AdapterRecord:
    """A trained adapter: its folder and what is known about it."""

    id: int
    name: str
    path: Path
    base_model: str
    run_id: int | None
    created_at: datetime
    summary: dict[str, Any]


@dataclass(frozen=True)
class RunRecord:
    """A training run.

    Attributes:
        record: what it was made of: code, data, machine, libraries; empty until its process has looked.
        notes: what people wrote about it.
        pid, process_started_at: together they name the process; the start time is seconds since 1970.
        host: the machine that it runs on.
        device: of that machine; one run at a time goes on there.
        error: why it failed.
        cancel_requested_at: when a person asked it to stop; it may still be writing its checkpoint.
        folder: config.json, log.txt, progress.jsonl.
    """

    id: int
    state: str
    config: dict[str, Any]
    record: dict[str, Any]
    notes: str
    pid: int | None
    process_started_at: float | None
    host: str | None
    device: str
    error: str | None
    created_at: datetime
    started_at: datetime | None
    cancel_requested_at: datetime | None
    finished_at: datetime | None
    adapter_id: int | None
    folder: Path

    @property
    def active(self) -> bool:
        return self.state in ACTIVE_RUN_STATES

    @property
    def resumable(self) -> bool:
        """Whether it can be queued again, to go on from its checkpoint or, without one, from the start."""
        return self.state in RESUMABLE_RUN_STATES

    @property
    def run_config(self) -> RunConfig:
        return RunConfig.from_dict(self.config)

    @property
    def log_path(self) -> Path:
        return self.folder / "log.txt"

    @property
    def progress_path(self) -> Path:
        return self.folder / "progress.jsonl"


@dataclass(frozen=True)
class RunConfig:
    """Everything a training run is told; names follow the GRPO papers.

    The defaults are for the bundled model; `for_model` has those of other models.

    Attributes:
        reward: a key of `REWARDS`.
        attention_weight: of the attention in the reward, beside answer and format of weight 1.
        attention_layers: what the attention reward reads: `last`, the last layer with full attention;
            `found`, the layers and heads found for the model by steering it; or layers, as in `2,3`.
        tokens: which tokens it reads: those of the most entropy, or of entropy times visual sensitivity.
        attention_rows: the row it reads for such a token: `token`, whose query is the token, as published;
            `drawing`, the row before it, whose output the token was drawn from.
        credit: how attention becomes advantages: `answer` gives a completion's reward to all its tokens,
            `token` gives each token what its own row is worth.
        gated: attention counts only in right answers.
        steered_share: part of a group that is sampled with the attention biased towards the region.
        distil: weight of the distance to the policy whose attention is biased towards the region.
        patience: evaluations during the run that may pass without a better one before it stops and goes
            back to the best; 0 never stops early.
        max_kl: nats a token, beyond which the policy counts as collapsed and the run stops; 0 is no bound.
        steps: optimiser steps.
        num_generations: completions a prompt (one group).
        prompts_per_step: groups a step.
        beta: weight of the KL term.
        epsilon: clip of the policy ratio, which each rollout being used for one step leaves at 1.
        held_out_share: share of pictures kept out of training.
        eval_every: steps between evaluations on held-out corrections; 0 means only before and after.
        gradient_checkpointing: compute activations twice rather than keep them: slower, less memory.
        base_adapter_id: adapter to go on from; None starts at the base model.
        name: name of the resulting adapter; empty means one is made up.
        data: file to take the corrections from, in the format `data_format`; empty means the store's.
    """

    reward: str = "sayo-exact+answer"
    attention_weight: float = 1.0
    attention_layers: str = "last"
    tokens: str = "entropy"
    attention_rows: str = "token"
    credit: str = "answer"
    gated: bool = False
    steered_share: float = 0.0
    distil: float = 0.0
    patience: int = 0
    max_kl: float = 2.0
    steps: int = 60
    num_generations: int = 8
    prompts_per_step: int = 4
    learning_rate: float = 1e-4
    beta: float = 0.05
    epsilon: float = 0.2
    temperature: float = 1.0
    top_p: float = 0.9
    max_new_tokens: int = 80
    lora_rank: int = 16
    lora_alpha: int = 32
    weight_decay: float = 0.01
    max_grad_norm: float = 0.8
    seed: int = 0
    held_out_share: float = 0.25
    eval_every: int = 20
    gradient_checkpointing: bool = False
    base_adapter_id: int | None = None
    model: str = BUNDLED
    name: str = ""
    data: str = ""
    data_format: str = ""

    def __post_init__(self) -> None:
        if self.reward not in REWARDS:
            raise _config_error("reward", f"one of {', '.join(REWARDS)}", self.reward)
        for name, known in _ONE_OF.items():
            if getattr(self, name) not in known:
                raise _config_error(name, f"one of {', '.join(known)}", getattr(self, name))
        if not _LAYERS.fullmatch(self.attention_layers):
            raise _config_error("attention_layers", "last, found or layers as in 2,3", self.attention_layers)
        for name, least in _AT_LEAST.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= least):
                raise _config_error(name, f"at least {least}", value)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise _config_error("learning_rate", "above 0", self.learning_rate)
        for name in ("temperature", "max_grad_norm"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise _config_error(name, "above 0", getattr(self, name))
        if not 0 < self.top_p <= 1:
            raise _config_error("top_p", "above 0 and at most 1", self.top_p)
        if self.steered_share > 1:
            raise _config_error("steered_share", "at most 1", self.steered_share)
        if not 0 < self.held_out_share < 1:
            raise _config_error("held_out_share", "between 0 and 1", self.held_out_share)

    @classmethod
    def for_model(cls, model: str) -> RunConfig:
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
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunConfig:
        """The configuration that `to_dict` wrote.

        Raises:
            SettingsError: an unknown name, a value of the wrong type or out of its range.
        """
        kinds = {field.name: str(field.type) for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - set(kinds))
        if unknown:
            raise _config_error(unknown[0], f"one of {', '.join(kinds)}", unknown[0])
        return cls(**{name: _typed(name, value, kinds[name]) for name, value in values.items()})


_LAYERS = re.compile(r"last|found|\d+(,\d+)*")
_AT_LEAST = {
    "attention_weight": 0,
    "steered_share": 0,
    "distil": 0,
    "patience": 0,
    "max_kl": 0,
    "steps": 1,
    "num_generations": 2,
    "prompts_per_step": 1,
    "beta": 0,
    "epsilon": 0,
    "max_new_tokens": 1,
    "lora_rank": 1,
    "lora_alpha": 1,
    "weight_decay": 0,
    "eval_every": 0,
}


def _typed(name: str, value: Any, kind: str) -> Any:
    if value is None and kind.endswith("| None"):
        return None
    wanted: dict[str, tuple[type, ...]] = {"float": (int, float), "str": (str,), "bool": (bool,)}
    accepted = wanted.get(kind, (int,))
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind != "bool"):
        raise _config_error(name, f"of type {kind}", value)
    return float(value) if kind == "float" and isinstance(value, int) else value


def _config_error(name: str, expected: str, got: object) -> SettingsError:
    return SettingsError(
        expected=f"{name} of a training run to be {expected}",
        got=repr(got),
        remedy="Change it on the Retrain page and start again.",
    )
