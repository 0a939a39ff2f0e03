"""The study on a tiny random model: what it measures, that it goes on, and its table by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from training.study import mistakes
from training.study.arms import MISTAKES, REPAIR, Arm
from training.study.data import TRAINED, UNTOUCHED, stepped, study_data, study_sample
from training.study.mistakes import run_mistakes
from training.study.results import FORMER_ARMS, append_result, arm_of
from training.study.running import Budget, Plan
from training.study.study import arms_of
from training.study.table import interval, rows, text

PLAN = Plan(
    seconds=None,
    steps=1,
    corrections=2,
    held_out=4,
    others=4,
    config=RunConfig(num_generations=2, prompts_per_step=1, max_new_tokens=6, lora_rank=2, max_kl=0.0),
)


@pytest.fixture
def settings(tiny_model_dir: Path) -> Settings:
    return Settings(model=str(tiny_model_dir), device="cpu")


@pytest.mark.training
def test_every_kind_of_arm_is_measured_once_and_a_stopped_study_goes_on(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    arms = ["base", "steering", "supervised", "sayo-exact+answer", "light"]
    arms += ["attention-blocked", "attention-blocked, last layer"]
    results = tmp_path / "study.jsonl"
    first = run_mistakes(settings, PLAN, arms[:2], [0], results)
    whole = run_mistakes(settings, PLAN, arms, [0], results)
    assert whole[:2] == first and len(whole) == 7
    assert [one["steps"] for one in whole] == [0, 0, 1, 1, 1, 0, 0]
    assert all(len(one["held_out"]["answer"]) == 4 and len(one["train"]["answer"]) == 2 for one in whole)
    assert whole[3]["kl"] >= 0 == whole[0]["kl"]
    # Kept from the region in every layer, nothing of the attention is left in it.
    assert max(whole[5]["held_out"]["energy"]) < 1e-4 < min(whole[0]["held_out"]["energy"])
    assert [len(one["steering"]["heads"]) for one in whole[5:]] == [3, 1]
    monkeypatch.setattr(mistakes, "measure", lambda *arguments: pytest.fail("measured again"))
    assert run_mistakes(settings, PLAN, arms, [0], results) == whole
    assert [row["arm"] for row in rows(whole)] == arms


def test_results_under_former_names_are_not_measured_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    results = tmp_path / "study.jsonl"
    kept = result("averted, last layer", 0, [1.0]) | {"pull": {"strength": -20.0}}
    kept["held_out"] = kept["held_out"] | {"drawing": [0.25]}
    append_result(results, {"key": "corrections seed 0", "mistakes": [{}, {}]})
    append_result(results, kept)
    monkeypatch.setattr(mistakes, "measure", lambda *arguments: pytest.fail("measured again"))
    for asked in ("averted, last layer", "attention-blocked, last layer"):
        (found,) = run_mistakes(settings, PLAN, arms_of("mistakes", [asked]), [0], results)
        assert arm_of(found) == "attention-blocked, last layer" and found["steering"] == {"strength": -20.0}
        assert rows([found])[0]["predicting rows"]["mean"] == 0.25
    assert set(FORMER_ARMS.values()) < set(MISTAKES) and not set(FORMER_ARMS) & set(MISTAKES)


def test_no_picture_is_in_two_parts():
    mistakes = [{"scene": 4_000_000_000 + i, "family": "relation", "shown": ""} for i in range(4)]
    parts = [study_data(mistakes, seed, held_out=6, others=8) for seed in (0, 1)]
    names = [
        sample.picture_id
        for data in parts
        for part in (data.train[:0] if data is parts[1] else data.train, data.validation, data.held_out)
        for sample in part
    ] + [sample.picture_id for data in parts for sample in [*data.confirmed, *data.untouched]]
    assert len(names) == len(set(names))
    assert {sample.family for sample in parts[0].untouched} == set(UNTOUCHED)
    assert {sample.family for sample in parts[0].held_out} == set(TRAINED)


def test_a_stepped_sample_is_the_same_question_with_a_region_for_each_step():
    (plain,) = [study_sample(4_000_000_001, "relation")]
    (found,) = stepped([plain])
    assert (found.question, found.answer) == (plain.question, plain.answer)
    assert [region.step for region in found.regions] == [0, 1]
    assert found.regions[1].box_xyxy == plain.regions[0].box_xyxy


def test_a_budget_of_time_asks_to_stop():
    assert Budget(0.0).asked and not Budget(60.0).asked and not Budget(None).asked


def result(arm: str, seed: int, held_out: list[float], kl: float | None = 0.5) -> dict:
    part = {"answer": held_out, "attention": [0.5], "energy": [0.5], "pointing": [1.0]}
    key = f"{arm} seed {seed} corrections 2 1 steps"
    return {
        "key": key,
        "seed": seed,
        "held_out": part,
        "untouched": part,
        "train": part,
        "kl": kl,
        "steps": 3,
    }


def test_intervals_are_over_pictures_and_gains_against_base_on_the_same_ones():
    found = rows(
        [
            result("base", 0, [0.0, 1.0]),
            result("base", 1, [1.0, 1.0]),
            result("answer", 0, [1.0, 1.0], kl=None),
            result("answer", 1, [0.0, 1.0], kl=None),
        ]
    )
    assert [row["arm"] for row in found] == ["base", "answer"]
    # Three of four: standard deviation 0.5, so 1.96 * 0.5 / 2.
    assert found[1]["held-out answers"] == {"mean": 0.75, "ci95": 0.49, "n": 4}
    # Gains 1, 0, -1, 0.
    assert found[1]["gain held_out"]["mean"] == 0 and found[1]["seeds"] == 2
    assert found[1]["KL"] is None and found[0]["KL"]["mean"] == 0.5
    assert interval([2.0]) == {"mean": 2.0, "ci95": 0.0, "n": 1}
    assert text(found).splitlines()[3].startswith("| answer | 2 | 0.750 ± 0.490 |")


def test_every_arm_is_a_run_that_can_be_configured():
    for arm in (MISTAKES | REPAIR).values():
        assert json.dumps(RunConfig().replace(**arm.changes).to_dict())


@pytest.mark.parametrize("arms", [MISTAKES, REPAIR])
def test_the_retrain_arm_is_what_the_button_does(arms: dict[str, Arm]):
    found = Plan().config.replace(**arms["retrain"].changes).to_dict()
    # What a study measures by itself.
    own = {"eval_every", "max_kl"}
    assert {name for name, value in RunConfig().to_dict().items() if found[name] != value} == own
