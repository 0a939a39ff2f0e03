"""The algorithm on a tiny model: what changes, what does not, and that runs repeat and resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sayo_app.errors import TrainingError
from sayo_app.mllm.models.adapters import save_adapter
from tests.conftest import EVERY_FAMILY
from tests.training.rl.runs import CONFIG, TIMES, Run, adapter_weights, untimed
from training.data.samples import Sample
from training.looks.attention_targets import attention_reward
from training.looks.scoring import Scores
from training.rl import loop, losses
from training.rl.advantages import attention_counts, credit_of, rewards_of
from training.rl.judging import Judged
from training.rl.loop import Experience, collect, learn, step_samples, update
from training.rl.reporting import PARTS
from training.rl.train_state import TrainState, make_train_state
from training.state.policy import POLICY, make_policy
from training.state.progress_log import Cancelled, StopSignal


def scores_of(state: TrainState, experience: Experience) -> Scores:
    with torch.no_grad():
        return state.scorer(experience.batch, experience.completions)


@EVERY_FAMILY
@pytest.mark.training
def test_one_step_changes_every_adapter_weight_and_no_base_weight(
    any_dir: Path, tmp_path: Path, samples: list[Sample]
):
    """In every family."""
    run = Run(any_dir, tmp_path / "run")
    start = adapter_weights(make_policy(Run(any_dir, tmp_path / "other").loaded, CONFIG, None))
    policy, _ = run.train(samples, CONFIG.replace(steps=1))
    after = adapter_weights(policy)
    # LoRA's B starts at zero: in the first step it takes all of the gradient.
    b_names = [name for name in after if "lora_B" in name]
    assert b_names and all(after[name].abs().max() > 0 for name in b_names)
    assert all(not start[name].any() for name in b_names)
    base = policy.model.get_base_model().state_dict()
    restored = {name.replace(".base_layer", ""): v for name, v in base.items() if "lora_" not in name}
    assert restored.keys() == run.base.keys()
    assert all(torch.equal(value, run.base[name]) for name, value in restored.items())


def test_only_the_language_models_linear_layers_are_trained(make_run):
    policy = make_policy(make_run().loaded, CONFIG, None)
    names = [name for name, parameter in policy.model.named_parameters() if parameter.requires_grad]
    assert names and all("language_model" in name and "lora_" in name for name in names)
    linear = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert {name.split(".lora_")[0].split(".")[-1] for name in names} == linear


def test_the_same_seed_gives_the_same_run_and_another_does_not(make_run, samples: list[Sample]):
    runs = [make_run("a"), make_run("b"), make_run("c")]
    outcomes = [
        run.train(samples, CONFIG.replace(steps=2, seed=seed))
        for run, seed in zip(runs, (0, 0, 1), strict=True)
    ]
    weights = [adapter_weights(policy) for policy, _ in outcomes]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not torch.equal(weights[0][name], weights[2][name]) for name in weights[0])
    assert outcomes[0][1] == outcomes[1][1]
    assert untimed(runs[0].events("step")) == untimed(runs[1].events("step"))


def test_events_tell_the_run_from_before_to_after(make_run, samples: list[Sample]):
    run = make_run()
    _, outcome = run.train(samples)
    steps = run.events("step")
    assert [event["step"] for event in steps] == [1, 2, 3, 4]
    names = {"reward", "attention_reward", "answer_accuracy", "format", "kl", "energy", "loss"}
    assert all(names | {*TIMES, "steps"} <= event.keys() for event in steps)
    assert all(set(event["parts_s"]) == set(PARTS) for event in steps)
    assert steps[-1]["remaining_s"] == 0
    evaluations = run.events("evaluation")
    assert [(event["when"], event["step"]) for event in evaluations] == [
        ("before", 0),
        ("during", 2),
        ("after", 4),
    ]
    assert {event["count"] for event in evaluations} == {2}
    # Covering takes three answers a region: not while it trains.
    hanging = ["reliance" in event for event in evaluations]
    assert hanging == [event["when"] != "during" for event in evaluations] and False in hanging
    assert outcome.after.items() <= evaluations[-1].items()


def test_the_first_step_is_at_the_reference(make_run, samples: list[Sample]):
    """A fresh adapter changes nothing: KL 0, and the old log-probabilities are the reference's."""
    run = make_run()
    run.train(samples, CONFIG.replace(steps=2))
    first, second = run.events("step")
    assert first["kl"] == pytest.approx(0, abs=1e-9)
    assert second["kl"] > 0


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    make_run, samples: list[Sample], monkeypatch: pytest.MonkeyPatch, stop_after: int
):
    whole = make_run("whole")
    expected, expected_outcome = whole.train(samples)
    stop, updates = StopSignal(), 0

    def update_then_ask(*arguments: Any) -> Any:
        nonlocal updates
        losses = real_update(*arguments)
        updates += 1
        stop.asked = updates >= stop_after
        return losses

    real_update = loop.update
    stopped = make_run("stopped")
    with monkeypatch.context() as patch, pytest.raises(Cancelled):
        patch.setattr(loop, "update", update_then_ask)
        stopped.train(samples, stop=stop)
    resumed = Run(Path(stopped.loaded.name), stopped.folder)
    policy, outcome = resumed.train(samples)
    assert [event["step"] for event in resumed.events("step")] == [1, 2, 3, 4]
    weights, wanted = adapter_weights(policy), adapter_weights(expected)
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)
    assert outcome == expected_outcome


def test_a_run_goes_on_from_a_previous_adapter_and_is_held_to_it(
    make_run, samples: list[Sample], tmp_path: Path
):
    policy, outcome = make_run("first").train(samples, CONFIG.replace(steps=3, learning_rate=1e-2))
    save_adapter(policy.model, POLICY, tmp_path / "adapter")
    second = make_run("second")
    config = CONFIG.replace(steps=2, learning_rate=1e-2)
    continued, again = second.train(samples, config, base_adapter=tmp_path / "adapter")
    assert again.before == pytest.approx(outcome.after)
    kl = [event["kl"] for event in second.events("step")]
    assert kl[0] == pytest.approx(0, abs=1e-9) and kl[1] > 0
    weights, given = adapter_weights(continued), adapter_weights(policy)
    assert weights.keys() == given.keys()
    assert any(not torch.equal(weights[name], given[name]) for name in given)
    reference = {n: v for n, v in continued.model.named_parameters() if ".reference." in n}
    assert reference and not any(parameter.requires_grad for parameter in reference.values())
    assert all(torch.equal(v, given[n.replace("reference", POLICY)]) for n, v in reference.items())


def test_an_update_makes_the_better_of_a_group_likelier(make_run, samples: list[Sample]):
    """The sign of everything at once: sum of advantage times change in log-probability is above 0."""
    state = make_train_state(make_run().loaded, CONFIG, None)
    experience = collect(state, step_samples(samples, CONFIG, 0), lambda: None)
    batch, completions = experience.batch, experience.completions
    before = scores_of(state, experience)
    credit = credit_of(state.loaded, CONFIG, batch, completions, before)
    learn(state, experience, 1.0)
    update(state)
    after = scores_of(state, experience)
    change = ((after.log_probs - before.log_probs) * completions.mask).sum(dim=1)
    assert float((change * credit.advantages[:, 0]).sum()) > 0.01


def test_a_group_does_not_depend_on_the_other_prompts_of_the_step(make_run, samples: list[Sample]):
    """So that one process with four prompts and two with two each do the same."""
    state = make_train_state(make_run().loaded, CONFIG, None)
    chosen = step_samples(samples, CONFIG.replace(prompts_per_step=4), 0)
    whole, first, second = (
        learn(state, collect(state, part, lambda: None), 1.0)[0] for part in (chosen, chosen[:2], chosen[2:])
    )
    assert [one.text for one in whole] == [one.text for one in first + second]
    expected = [one.attention for one in first + second]
    assert [one.attention for one in whole] == pytest.approx(expected, abs=1e-5)


def test_every_pass_shows_each_sample_once_in_another_order(samples: list[Sample]):
    config = CONFIG.replace(prompts_per_step=4)
    stream = [sample.picture_id for step in range(3) for _, sample in step_samples(samples, config, step)]
    first, second = stream[:6], stream[6:]
    assert sorted(first) == sorted(second) == sorted(sample.picture_id for sample in samples)
    assert first != second


def test_guided_runs_reward_answers_and_move_the_attention_of_right_ones_only(
    make_run, samples: list[Sample]
):
    config = CONFIG.replace(objective="guided", reward_parts=("attention", "answer", "format"))
    right, wrong = (
        Judged("", "", attention=0.5, answer=answer, format=1.0, energy=None, pointing=None)
        for answer in (1.0, 0.0)
    )
    assert rewards_of(config, [right, wrong]) == [2.0, 1.0]
    assert attention_counts(config, [right, wrong]).tolist() == [True, False]


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": "guided", "attention_form": "target"},
        {"attention_form": "saliency", "tokens": "fact", "attention_rows": "predicting"},
        {"reward_parts": ("answer", "format"), "filtered": True},
    ],
)
def test_what_others_do_runs_and_repeats(make_run, samples: list[Sample], changes: dict):
    config = CONFIG.replace(steps=2, **changes)
    runs = [make_run(name) for name in ("one", "two")]
    weights = [adapter_weights(run.train(samples, config)[0]) for run in runs]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert untimed(runs[0].events("step")) == untimed(runs[1].events("step"))


def test_a_gradient_that_is_not_finite_ends_the_run_with_a_remedy(
    make_run, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        losses, "look_reward", lambda form, rows, targets: rows.sum(dim=(1, 2, 3)) * torch.nan
    )
    with pytest.raises(TrainingError, match="a lower learning rate"):
        make_run().train(samples, CONFIG.replace(objective="exact"))


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_refused(make_run, samples: list[Sample]):
    config, run = CONFIG.replace(steps=3), make_run()
    run.train(samples, config)
    with pytest.raises(TrainingError, match="learning_rate"):
        make_run().train(samples, config.replace(learning_rate=1e-5))
    (run.folder / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match="readable checkpoint"):
        make_run().train(samples, config)


@pytest.mark.parametrize(("objective", "moved"), [("exact", True), ("guided", True), ("published", False)])
def test_only_an_attention_gradient_moves_attention_where_all_completions_are_worth_the_same(
    make_run, samples: list[Sample], objective: str, moved: bool, monkeypatch: pytest.MonkeyPatch
):
    config = CONFIG.replace(objective=objective, beta=0.0, learning_rate=1e-2)
    state = make_train_state(make_run().loaded, config, None)
    experience = collect(state, step_samples(samples, config, 0), lambda: None)
    batch, completions = experience.batch, experience.completions
    credit = credit_of(state.loaded, config, batch, completions, scores_of(state, experience))
    # All of them right, so that no gate is closed.
    judged = [replace(one, answer=1.0) for one in credit.judged]
    alike = replace(credit, judged=judged, advantages=torch.zeros_like(credit.advantages))
    monkeypatch.setattr(loop, "credit_of", lambda *_: alike)
    for _ in range(3):
        state.optimiser.zero_grad()
        learn(state, experience, 1.0)
        update(state)
    rows = scores_of(state, experience).mean_rows
    gained = attention_reward(rows, alike.targets).mean() - sum(one.attention for one in alike.judged) / 6
    assert (float(gained) > 0.02) == moved
    assert moved or float(gained) == pytest.approx(0, abs=1e-5)
