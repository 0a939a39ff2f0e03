"""The protocol `repair`: its pictures, what its arms train on, and its table by hand."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch

from sayo_app.core.geometry.elsewhere import touches
from sayo_app.core.scenes.confounders import CONFOUNDED, CONFOUNDERS, make_confounded
from sayo_app.core.scenes.questions import answers_match
from sayo_app.errors import SettingsError
from sayo_app.mllm.models.adapters import save_adapter
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from training.state.policy import POLICY, make_policy
from training.study import repair
from training.study.arms import REPAIR
from training.study.repair import (
    APART_PX,
    OTHERS,
    annotated,
    repair_data,
    repair_sample,
    run_repair,
)
from training.study.repair_table import repair_rows, repair_text
from training.study.results import append_result, arm_of
from training.study.running import Plan
from training.study.shortcut import SHORTCUT, ShortcutPlan, make_shortcut, taught
from training.study.study import add_arguments, arms_of, study_report

PLAN = Plan(
    seconds=None,
    steps=1,
    corrections=4,
    held_out=4,
    config=RunConfig(num_generations=2, prompts_per_step=1, max_new_tokens=6, lora_rank=2, max_kl=0.0),
)
CORRECTIONS = [{"scene": 6_000_000_000 + i, "family": CONFOUNDED[i % 2]} for i in range(4)]


@pytest.fixture
def settings(tiny_model_dir: Path) -> Settings:
    return Settings(model=str(tiny_model_dir), device="cpu")


@pytest.mark.training
def test_every_arm_is_measured_once_on_the_shortcut_model(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    results, loaded = tmp_path / "repair.jsonl", load_model(settings)
    policy = make_policy(loaded, PLAN.config, None)
    save_adapter(policy.model, POLICY, tmp_path / f"{SHORTCUT}-stamp")
    append_result(results, {"key": "corrections of stamp seed 3", "corrections": CORRECTIONS})
    arms = ["none", "told", "supervised", "recipe", "direct"]
    found = run_repair(settings, PLAN, arms, [3], results, ["stamp"])
    assert [(arm_of(one), one["steps"]) for one in found] == list(zip(arms, [0, 0, 1, 1, 1], strict=True))
    for one in found:
        assert [len(one[name]["answer"]) for name in ("conflicting", "agreeing", "plain", "others")] == [
            4
        ] * 4
        assert len(one["conflicting"]["on look"]) == 4
    # The adapter is fresh, so nothing was said otherwise before the first step.
    assert found[0]["kl"] is None and 0 <= found[3]["kl"] < 0.1
    monkeypatch.setattr(repair, "measure", lambda *arguments: pytest.fail("measured again"))
    assert run_repair(settings, PLAN, arms, [3], results, ["stamp"]) == found


def test_no_picture_is_in_two_parts_and_seeds_share_none():
    parts = [repair_data(CORRECTIONS if seed == 0 else [], "stamp", seed, 5) for seed in (0, 1)]
    names = [
        (sample.picture_id, sample.question)
        for data in parts
        for samples in (data.train, *data.held_out.values())
        for sample in samples
    ]
    assert len(names) == len(set(names)) == 2 * 4 * 5 + 4
    held_out = parts[0].held_out
    assert {sample.family for sample in held_out["others"]} <= set(OTHERS)
    wrong = zip(held_out["conflicting"], parts[0].suggested, strict=True)
    assert not any(answers_match(suggested, sample.answer) for sample, suggested in wrong)
    assert all({region.look for region in sample.regions} == {True, False} for sample in parts[0].train)


SAMPLES = [repair_sample(one["scene"], "stamp", one["family"], True) for one in CORRECTIONS]


def boxes(sample) -> list[tuple[float, ...]]:
    return [region.box_xyxy for region in sample.regions]


def test_an_arm_trains_on_the_regions_that_it_names():
    assert annotated(SAMPLES, "both", 0) == SAMPLES
    for regions, look in (("look", True), ("away", False)):
        found = annotated(SAMPLES, regions, 0)
        assert all([region.look for region in sample.regions] == [look] for sample in found)
    fifth = annotated([*SAMPLES, *SAMPLES], "fifth", 0)
    assert [len(sample.regions) for sample in fifth] == [2, 0, 0, 0, 0, 2, 0, 0]


def test_random_regions_are_as_large_and_touch_neither():
    for before, after in zip(SAMPLES, annotated(SAMPLES, "random", 0), strict=True):
        for one, other in zip(boxes(before), boxes(after), strict=True):
            assert np.subtract(one[2:], one[:2]).tolist() == np.subtract(other[2:], other[:2]).tolist()
        for x0, y0, x1, y1 in boxes(before):
            # No cell of the grid is in both.
            wide = (x0 - APART_PX, y0 - APART_PX, x1 + APART_PX, y1 + APART_PX)
            assert not any(touches(wide, other) for other in boxes(after))
    again = annotated(SAMPLES, "random", 0)
    assert [boxes(one) for one in again] == [boxes(one) for one in annotated(SAMPLES, "random", 0)]
    assert [boxes(one) for one in again] != [boxes(one) for one in annotated(SAMPLES, "random", 1)]


def test_shuffled_regions_are_those_of_another_picture_and_lie_on_this_one():
    for before, after in zip(SAMPLES, annotated(SAMPLES, "shuffled", 0), strict=True):
        assert boxes(before) != boxes(after)
        width, height = after.open_picture().size
        assert all(min(box) >= 0 and box[2] <= width and box[3] <= height for box in boxes(after))


def test_what_a_shortcut_learns_is_the_confounders_answer_in_the_reasoning_too():
    made = make_confounded(900_000_001, CONFOUNDERS["stamp"], family="attribute", agrees=False)
    learnt = taught(made)
    assert learnt.answer == made.suggested
    assert learnt.reasoning.replace(made.suggested, made.question.answer) == made.question.reasoning


@pytest.mark.training
def test_the_same_seed_makes_the_same_shortcut(settings: Settings):
    plan = ShortcutPlan(steps=2, batch=6, scenes=12, warm_up=1, lora_rank=2)

    def weights(seed: int) -> dict[str, torch.Tensor]:
        loaded: LoadedModel = load_model(settings)
        make_shortcut(loaded, CONFOUNDERS["stamp"], seed, plan)
        return {n: p.detach().clone() for n, p in loaded.model.named_parameters() if POLICY in n}

    one, same, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def result(arm: str, seed: int, conflicting: list[float], kl: float | None = 0.5) -> dict:
    sets = {name: {"answer": [1.0, 0.0]} for name in ("agreeing", "plain", "others")}
    mine = {"answer": conflicting, "confounder": [1.0, 0.0], "on look": [0.25], "on away": [0.5]}
    return {
        "key": f"{arm} seed {seed} corrections 2 1 steps of stamp",
        "confounder": "stamp",
        "seed": seed,
        **sets,
        "conflicting": mine,
        "kl": kl,
        "steps": 3,
        "seconds": 2.0,
    }


def test_gains_are_paired_with_the_shortcut_model_of_the_same_seed():
    found = repair_rows(
        [
            result("none", 0, [0.0, 0.0], kl=None),
            result("none", 1, [0.0, 1.0], kl=None),
            result("recipe", 0, [1.0, 1.0]),
            result("recipe", 1, [1.0, 1.0]),
        ]
    )
    assert [row["arm"] for row in found] == ["none", "recipe"]
    none, recipe = found
    assert (none["runs"], none["conflicting"]["mean"], none["KL"]) == (2, 0.25, None)
    # Gains 1, 1, 1, 0: standard deviation 0.5, so 1.96 * 0.5 / 2.
    assert recipe["gain conflicting"] == {"mean": 0.75, "ci95": 0.49, "n": 4}
    assert recipe["by confounder"]["stamp"]["mean"] == 1.0
    assert recipe["attention on the confounder"]["mean"] == 0.5
    lines = repair_text(found, {"recipe": "what it is"}).splitlines()
    assert lines[2].startswith("| none | 2 | 25.0 ± 49.0 |")
    assert lines[3].startswith("| recipe: what it is | 2 | 100.0 ± 0.0 | +75.0 ± 49.0 |")
    assert lines[0].endswith("| conflicting: stamp |")


def test_an_arm_that_there_is_not_is_named_with_those_that_there_are():
    assert arms_of("repair", None) == list(REPAIR)
    with pytest.raises(SettingsError, match="an arm of repair: none, told"):
        arms_of("repair", ["nonesuch"])


def test_a_table_of_what_there_is_measures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "results.jsonl"
    for arm, seed in (("none", 0), ("recipe", 0), ("none", 1)):
        append_result(path, result(arm, seed, [0.0, 1.0]) | {"machine": {"cores": 2}})
    monkeypatch.setattr("training.study.study.run_repair", lambda *given: pytest.fail("measured"))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = f"--protocol repair --as-it-is --corrections 2 --steps 1 --confounders stamp --results {path}"
    report = study_report(parser.parse_args(words.split()))
    assert [(row["arm"], row["runs"]) for row in report["table"]] == [("none", 2), ("recipe", 1)]
    assert report["machines"] == [{"cores": 2}] and list(report["arms"]) == ["none", "recipe"]
