"""The objective without rollouts: what is learnt, what is held, and what moves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sayo_app.mllm.models.loading import LoadedModel
from tests.training.rl.runs import CONFIG, Run, adapter_weights, untimed
from training.data.batches import collate, encode
from training.data.samples import Sample
from training.looks.attention_targets import share_reward, targets_of
from training.rl.direct import OwnAnswers, Said, laid_out, learning_loss, said, target
from training.rl.loop import learn_directly, update
from training.rl.losses import full_kl
from training.rl.rollout import generate
from training.rl.train_state import make_train_state

DIRECT = CONFIG.replace(
    objective="direct",
    reward_parts=("attention",),
    attention_form="share",
    attention_layers="all",
    attention_rows="predicting",
    prompts_per_step=4,
    beta=0.1,
)


def test_the_target_is_what_was_shown_with_the_right_answer_in_its_place():
    assert target("It is. <answer>blue</answer>", "red") == ("It is. ", "<answer>red</answer>")
    shown = "The car is at the top. Above the car is the carp. <answer>car</answer>"
    kept, learnt = target(shown, "tree")
    assert kept == "The car is at the top. Above the"
    assert learnt == " tree is the carp. <answer>tree</answer>"
    assert target("no block", "red") == ("no block", "<answer>red</answer>")


def test_changed_answers_are_held_up_to_the_change_and_others_to_their_end(loaded: LoadedModel):
    answers = [
        said(loaded, "It is. ", "<answer>red</answer>", changed=True),
        said(loaded, "", "<answer>3</answer>"),
        Said((5, 6), 2, changed=False),
    ]
    completions, learnt, held = laid_out(loaded, answers)
    texts = [
        [loaded.tokenizer.decode(ids[mask]) for ids, mask in zip(completions.ids, masks, strict=True)]
        for masks in (learnt, held)
    ]
    assert texts[0] == ["<answer>red</answer><|im_end|>", "<answer>3</answer><|im_end|>", ""]
    assert texts[1][:2] == ["It is. ", "<answer>3</answer><|im_end|>"]
    assert held[2].tolist()[:3] == [True, True, False]
    assert completions.mask.sum(dim=1).tolist() == [len(one.ids) for one in answers]
    assert completions.texts[0] == "It is. <answer>red</answer>"


def test_the_learning_loss_by_hand():
    log_probs = torch.tensor([[-1.0, -2.0, -9.0], [-5.0, -5.0, -5.0]])
    learnt = torch.tensor([[True, True, False], [False, False, False]])
    assert float(learning_loss(log_probs, learnt)) == pytest.approx(0.75)


def test_the_whole_kl_by_hand():
    """A fair coin against one of three to one, on one token of two."""
    fair, bent = torch.zeros(1, 2, 2), torch.tensor([[[0.75, 0.25], [0.5, 0.5]]]).log()
    apart = 0.5 * (torch.tensor(0.5 / 0.75).log() + torch.tensor(0.5 / 0.25).log())
    both = torch.ones(1, 2, dtype=torch.bool)
    assert float(full_kl(fair, bent, both)) == pytest.approx(float(apart) / 2)
    assert float(full_kl(fair, bent, both & torch.tensor([[True, False]]))) == pytest.approx(float(apart))
    assert float(full_kl(fair, bent, ~both)) == 0


def test_each_sample_is_answered_once_by_the_reference(
    loaded: LoadedModel, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
):
    batch = collate(loaded, [encode(loaded, sample) for sample in samples[:2]])
    own = generate(loaded, batch, max_new_tokens=6)
    answers = OwnAnswers(loaded, 6, corrected=False)
    completions, learnt, held = answers(batch)
    assert torch.equal(completions.ids, own.ids) and torch.equal(held, own.mask) and not learnt.any()
    monkeypatch.setattr("training.rl.direct.generate", lambda *a, **k: pytest.fail("answered again"))
    assert torch.equal(answers(batch)[0].ids, own.ids)


def test_a_wrong_answer_is_put_right_and_an_unknown_one_left(loaded: LoadedModel, samples: list[Sample]):
    unknown = replace(samples[1], answer=None)
    batch = collate(loaded, [encode(loaded, sample) for sample in (samples[0], unknown)])
    completions, learnt, held = OwnAnswers(loaded, 6, corrected=True)(batch)
    assert completions.texts[0].endswith("<answer>red</answer>")
    assert learnt[0].any() and not learnt[1].any()
    assert not (learnt & held)[0].any() and held[1].any()


@pytest.mark.training
@pytest.mark.parametrize("parts", [("attention",), ("answer",), ("attention", "answer")])
def test_a_step_goes_down_on_what_it_is_to_and_not_on_the_rest(make_run, samples: list[Sample], parts: tuple):
    run: Run = make_run()
    config = DIRECT.replace(reward_parts=parts, learning_rate=3e-3, beta=0.0)
    state = make_train_state(run.loaded, config, None)

    def figures() -> tuple[float, float]:
        batch = collate(run.loaded, state.prompts(samples))
        completions, learnt, _ = state.own_answers(batch)
        with torch.no_grad():
            scores = state.scorer(batch, completions)
        targets = targets_of(run.loaded, batch, completions, scores.entropies, predicting=True)
        return float(share_reward(scores.rows, targets).mean()), -float(
            learning_loss(scores.log_probs, learnt)
        )

    looks, answers = figures()
    for _ in range(4):
        state.optimiser.zero_grad()
        learn_directly(state, samples, 1.0)
        update(state)
    after = figures()
    assert (after[0] > looks + 0.02) == ("attention" in parts)
    if "answer" in parts:
        assert after[1] > answers + 0.02


def test_a_strong_kl_holds_the_policy(make_run, samples: list[Sample]):
    moved = []
    for name, beta in (("free", 0.0), ("held", 100.0)):
        run = make_run(name)
        run.train(samples, DIRECT.replace(beta=beta, learning_rate=3e-3, max_kl=0.0))
        moved.append(run.events("step")[-1]["kl"])
    assert moved[0] == 0 and 0 < moved[1] < 0.05


def test_a_direct_run_repeats_and_goes_on(make_run, samples: list[Sample]):
    whole, again = make_run("whole"), make_run("again")
    expected, _ = whole.train(samples, DIRECT)
    found, _ = again.train(samples, DIRECT)
    assert untimed(whole.events("step")) == untimed(again.events("step"))
    weights, wanted = adapter_weights(found), adapter_weights(expected)
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)
