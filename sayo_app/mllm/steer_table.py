"""How often a steered answer turns right, by layer, head selection, strength and queries.

    python -m sayo_app.mllm.steer_table --json --out assets/benchmarks/steering.json --keep

On composed scenes, where the asked object is known. Heads are found on scenes of their own. A sweep over all
settings picks the few best; these are measured again on other scenes, the best of them once more on others
still, so that nothing is picked and reported on the same scenes. That last figure stands for the model, and
`--keep` keeps its steering with the model.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from sayo_app.core.attention.steps import answer_text
from sayo_app.core.files import write_text
from sayo_app.core.geometry.cells import region_mask
from sayo_app.core.geometry.region import Region
from sayo_app.core.intervals import share_interval
from sayo_app.core.scenes.questions import (
    FAMILIES,
    HELD_OUT_SEED,
    SceneQuestion,
    answers_match,
    make_question,
)
from sayo_app.core.scenes.scene import Scene
from sayo_app.mllm.analysis.heads import HeadCase, find_heads, head_effects, top_heads
from sayo_app.mllm.answering.decode import decode
from sayo_app.mllm.answering.forward import Prefix, read_prompt
from sayo_app.mllm.answering.prompt import build_inputs, prompt_text
from sayo_app.mllm.answering.steer import Found, Steering, save_found, steer_request
from sayo_app.mllm.machine import machine, versions
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.settings import Settings

log = logging.getLogger(__name__)

# Pretraining draws below 900 million, held-out scenes start at a thousand.
FINDING_SEED = 950_000_000
SWEEP_SEED, AGAIN_SEED, LAST_SEED = (HELD_OUT_SEED + offset for offset in (100_000, 200_000, 300_000))
STRENGTHS = (1.0, 2.0, 4.0, 8.0)
# Each costs a prompt more to encode.
PROMPT_STRENGTHS = (2.0, 4.0)
# The longest right answer has 38 tokens; a broken one could go on for ever.
MAX_NEW_TOKENS = 56
# So many settings are not shown by family.
MANY = 20
Heads = dict[int, tuple[int, ...] | None]


@dataclass(frozen=True)
class Size:
    """How many scenes for what, and how many settings are measured again."""

    finding: int = 150
    sweep: int = 200
    again: int = 500
    best: int = 8
    batch: int = 50


@dataclass(frozen=True)
class Setting:
    """One line of the table: which layers and heads by name, and the steering that this means."""

    layers: str
    heads: str
    steering: Steering

    def to_dict(self) -> dict[str, Any]:
        return {"layers": self.layers, "heads": self.heads, "steering": self.steering.to_dict()}


@dataclass(frozen=True, eq=False)
class Batch:
    """Scenes as a left-padded batch of inputs, with the mask of the asked objects in each.

    Attributes:
        prefix: the prompts as read, shared by all settings that leave the prompt alone.
    """

    inputs: Mapping[str, Any]
    prefix: Prefix
    questions: tuple[SceneQuestion, ...]
    masks: tuple[Bool[np.ndarray, " _"], ...]


@dataclass(frozen=True)
class Figures:
    """A setting on n scenes: accuracy with its 95 % interval (Wilson), and what steering changed.

    Attributes:
        base: accuracy of the same scenes without steering.
        turned_right, turned_wrong: share of all scenes.
    """

    n: int
    accuracy: float
    low: float
    high: float
    base: float
    turned_right: float
    turned_wrong: float

    def to_dict(self) -> dict[str, Any]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def scenes(seed: int, count: int) -> list[tuple[Scene, SceneQuestion]]:
    """From this seed on, those with an object to point at ("How many red tags?" may have none)."""
    made: list[tuple[Scene, SceneQuestion]] = []
    while len(made) < count:
        scene, question = make_question(seed)
        if question.boxes_xyxy:
            made.append((scene, question))
        seed += 1
    return made


def batches(loaded: LoadedModel, seed: int, count: int, batch_size: int) -> list[Batch]:
    """Families together: a batch runs until its longest answer ends, and theirs are of like length."""
    made = sorted(scenes(seed, count), key=lambda pair: FAMILIES.index(pair[1].family))
    return [_batch(loaded, made[start : start + batch_size]) for start in range(0, count, batch_size)]


def _batch(loaded: LoadedModel, made: Sequence[tuple[Scene, SceneQuestion]]) -> Batch:
    texts = [prompt_text(loaded, question.question) for _, question in made]
    pictures = [scene.picture for scene, _ in made]
    inputs = loaded.processor(text=texts, images=pictures, padding=True, return_tensors="pt")
    inputs = inputs.to(loaded.device)
    inputs["pixel_values"] = inputs["pixel_values"].to(loaded.dtype)
    grids = loaded.image_grids(inputs, [picture.size for picture in pictures])
    masks = [
        region_mask([Region.box(*box) for box in question.boxes_xyxy], grid)
        for (_, question), (grid,) in zip(made, grids, strict=True)
    ]
    return Batch(inputs, read_prompt(loaded, inputs), tuple(question for _, question in made), tuple(masks))


def right(loaded: LoadedModel, batch: Batch, steering: Steering | None) -> list[bool]:
    """Whether each greedy answer of a batch is right."""
    steer = None
    if steering is not None:
        steer = steer_request(loaded, batch.inputs["input_ids"], steering, batch.masks)
    known = None if steering is not None and steering.prompt else copy.deepcopy(batch.prefix)
    steps = decode(loaded, batch.inputs, max_new_tokens=MAX_NEW_TOKENS, steer=steer, prefix=known)
    rows = np.stack([step.token_ids.cpu().numpy() for step in steps], axis=1)
    texts = loaded.tokenizer.batch_decode(rows, skip_special_tokens=True)
    return [
        answers_match(answer_text(text), question.answer)
        for text, question in zip(texts, batch.questions, strict=True)
    ]


def answers(
    loaded: LoadedModel, made: Sequence[Batch], steering: Steering | None
) -> Bool[np.ndarray, " scene"]:
    return np.array([one for batch in made for one in right(loaded, batch, steering)])


def figures(base: Bool[np.ndarray, " scene"], steered: Bool[np.ndarray, " scene"]) -> Figures:
    """What became of the answers."""
    n, accuracy = len(base), float(steered.mean())
    low, high = share_interval(accuracy, n)
    return Figures(
        n=n,
        accuracy=accuracy,
        low=low,
        high=high,
        base=float(base.mean()),
        turned_right=float((~base & steered).mean()),
        turned_wrong=float((base & ~steered).mean()),
    )


def scores_of_heads(loaded: LoadedModel, count: int) -> dict[str, Float[np.ndarray, "layer head"]]:
    """Two ways to rank heads, on scenes of their own: what they look at, and what biasing them does."""
    cases = [_head_case(loaded, *pair) for pair in scenes(FINDING_SEED, count)]
    return {"tracking": find_heads(loaded, cases), "effect": head_effects(loaded, cases)}


def _head_case(loaded: LoadedModel, scene: Scene, question: SceneQuestion) -> HeadCase:
    inputs = build_inputs(loaded, [scene.picture], question.question)
    grid = loaded.image_grids(inputs, [scene.picture.size])[0][0]
    masks = [
        region_mask([Region.box(*box) for box in boxes], grid)
        for boxes in (*question.step_boxes_xyxy, question.boxes_xyxy)
    ]
    return HeadCase(
        [scene.picture], question.question, question.completion, dict(enumerate(masks)), masks[-1]
    )


def settings_to_try(
    scores: Mapping[str, Float[np.ndarray, "layer head"]], layers: Sequence[int], seed: int = 0
) -> list[Setting]:
    """All layers and each layer, by head selection and strength; of all layers with the prompt's text too."""
    ranked = scores["effect"]
    drawn = np.random.default_rng(seed).permutation(ranked.size).reshape(ranked.shape).astype(float)
    everywhere: list[tuple[str, Heads]] = [("all", dict.fromkeys(layers))]
    for name, values in (*scores.items(), ("random", drawn)):
        everywhere += [(f"{name} tenth", {**top_heads(values, layers, 0.1)})]
        everywhere += [(f"{name} fifth", {**top_heads(values, layers, 0.2)})]
    tried = [
        Setting("all", which, Steering(heads, strength, prompt))
        for which, heads in everywhere
        for strength in STRENGTHS
        for prompt in ((False, True) if strength in PROMPT_STRENGTHS else (False,))
    ]
    for row, layer in enumerate(layers):
        best: Heads = {**top_heads(ranked[row : row + 1], [layer], 0.5)}
        tried += [
            Setting(str(layer), which, Steering(heads, strength))
            for which, heads in (("all", {layer: None}), ("effect half", best))
            for strength in STRENGTHS
        ]
    return tried


def measure(
    loaded: LoadedModel, made: Sequence[Batch], tried: Sequence[Setting]
) -> tuple[dict[str, Any], list[Figures]]:
    """A part of the table: base accuracy and every setting on the same scenes; few settings by family too."""
    base = answers(loaded, made, None)
    families = np.array([question.family for batch in made for question in batch.questions])
    rows, found = [], []
    for setting in tried:
        steered = answers(loaded, made, setting.steering)
        found.append(figures(base, steered))
        rows.append(setting.to_dict() | found[-1].to_dict())
        if len(tried) <= MANY:
            rows[-1]["families"] = {
                family: figures(base[families == family], steered[families == family]).to_dict()
                for family in FAMILIES
                if (families == family).any()
            }
        log.info("%s", line(setting, found[-1]))
    return {"scenes": len(base), "base": round(float(base.mean()), 4), "rows": rows}, found


def table(loaded: LoadedModel, size: Size) -> tuple[dict[str, Any], Found]:
    """All that is measured, and the steering that it speaks for."""
    started = time.monotonic()
    scores = scores_of_heads(loaded, size.finding)
    tried = settings_to_try(scores, loaded.attention_layers)
    sweep, first = measure(loaded, batches(loaded, SWEEP_SEED, size.sweep, size.batch), tried)
    best = _best(tried, first)[: size.best]
    again, second = measure(loaded, batches(loaded, AGAIN_SEED, size.again, size.batch), best)
    chosen = _best(best, second)[0]
    fresh = batches(loaded, LAST_SEED, size.again, size.batch)
    last, third = measure(loaded, fresh, [chosen, *_controls(tried, chosen)])
    result = {
        "model": loaded.name,
        "question": "greedy answers, steered towards the boxes of the asked objects",
        "finding": {"first_seed": FINDING_SEED, "scenes": size.finding}
        | {name: values.astype(float).round(3).tolist() for name, values in scores.items()},
        "layers": loaded.attention_layers,
        "sweep": {"first_seed": SWEEP_SEED} | sweep,
        "again": {"first_seed": AGAIN_SEED} | again,
        "last": {"first_seed": LAST_SEED} | last,
        "machine": machine(loaded.device),
        "versions": versions(),
        "seconds": round(time.monotonic() - started, 1),
    }
    measured = {
        "by": "python -m sayo_app.mllm.steer_table",
        "finding_scenes": size.finding,
        "finding_seed": FINDING_SEED,
        "chosen_from": {"settings": len(tried), "scenes": size.sweep, "again": size.again},
        "measured_seed": LAST_SEED,
        "figures": third[0].to_dict(),
        "versions": result["versions"],
    }
    return result, Found(loaded.name, chosen.steering, measured)


def _best(tried: Sequence[Setting], found: Sequence[Figures]) -> list[Setting]:
    """Most accurate first; of equals the weaker one with fewer heads, which comes later in the list."""
    order = sorted(range(len(tried)), key=lambda i: (-found[i].accuracy, tried[i].steering.strength, -i))
    return [tried[i] for i in order]


def _controls(tried: Sequence[Setting], chosen: Setting) -> list[Setting]:
    """All heads and random ones, of all layers, steered as the chosen ones are."""
    alike = [
        setting
        for setting in tried
        if setting.steering.strength == chosen.steering.strength
        and setting.steering.prompt == chosen.steering.prompt
        and setting.layers == "all"
        and setting.heads in ("all", "random tenth", "random fifth")
    ]
    return [setting for setting in alike if setting != chosen]


def line(setting: Setting, found: Figures) -> str:
    """A row of the table for a person to read."""
    queries = "prompt too" if setting.steering.prompt else "answer"
    return (
        f"layers {setting.layers:<4} heads {setting.heads:<13}+{setting.steering.strength:g} {queries:<11}"
        f"{found.accuracy:.3f} ({found.low:.3f} to {found.high:.3f}) base {found.base:.3f} "
        f"right +{found.turned_right:.3f} wrong -{found.turned_wrong:.3f} n {found.n}"
    )


def main(arguments: Sequence[str] | None = None, say: Callable[[str], None] = print) -> None:
    parser = argparse.ArgumentParser(prog="python -m sayo_app.mllm.steer_table", description=__doc__)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true", help="print the whole table as JSON")
    parser.add_argument("--out", type=Path, help="write the JSON to this file")
    parser.add_argument("--keep", action="store_true", help="keep the steering with the model")
    for name, default in asdict(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    settings = Settings.from_environment(model=given.model, device=given.device)
    result, found = table(load_model(settings), Size(*(getattr(given, name) for name in asdict(Size()))))
    result["command"] = "python -m sayo_app.mllm.steer_table " + " ".join(arguments or sys.argv[1:])
    text = json.dumps(result, indent=1)
    if given.out is not None:
        write_text(given.out, text + "\n")
    if given.keep:
        say(f"Kept in {save_found(found, settings)}")
    say(text if given.json else json.dumps(found.steering.to_dict()))


if __name__ == "__main__":
    main()
