"""The steered policy: whom it is steered by, what stands in a group, and how far the policy is from it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sayo_app.errors import TrainingError
from sayo_app.mllm.answering.steer import Steering
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.run_config import RunConfig
from training.data.batches import collate, encode
from training.data.completions import Completions
from training.data.samples import Sample
from training.looks.scoring import Reading, Scorer
from training.rl import steered_teacher
from training.rl.loop import collect, learn, step_samples, update
from training.rl.losses import full_kl
from training.rl.rollout import generate
from training.rl.train_state import make_train_state

FOUND = Steering({1: None, 2: (0, 3)}, 3.0)
CONFIG = RunConfig(
    num_generations=3, prompts_per_step=2, max_new_tokens=6, lora_rank=2, learning_rate=1e-2, beta=0.05
)


def test_the_bias_is_towards_each_prompts_own_region(loaded: LoadedModel, samples: list[Sample]):
    bare = replace(samples[1], regions=())
    batch = collate(loaded, [encode(loaded, sample) for sample in (samples[0], bare, samples[2])])
    completions = generate(loaded, batch, max_new_tokens=5)
    scorer = Scorer(loaded.model, Reading((2,)))
    with torch.no_grad():
        plain = scorer(batch, completions).mean_rows
        steered = scorer(
            batch, completions, steer=steered_teacher.region_bias(loaded, batch, FOUND)
        ).mean_rows
    for row, prompt in enumerate(batch.prompts):
        inside = [
            rows[row, :, : prompt.grid.n_tokens][:, prompt.region_mask].sum()
            for rows in (plain, steered)
            if prompt.region_mask is not None
        ]
        assert not inside or inside[1] > 1.2 * inside[0]
    torch.testing.assert_close(steered[1], plain[1])


def test_a_mixed_group_ends_in_its_steered_completions():
    def made(rows: list[list[int]], group: int) -> Completions:
        ids = torch.tensor(rows)
        return Completions(ids, ids > 0, tuple(str(row[0]) for row in rows), group)

    plain = made([[1, 1], [2, 0], [3, 3], [4, 4]], 2)
    found = steered_teacher.mixed(plain, made([[7, 7, 7], [8, 8, 0]], 1), pad=0)
    assert found.ids.tolist() == [[1, 1, 0], [7, 7, 7], [3, 3, 0], [8, 8, 0]]
    assert found.mask.sum(dim=1).tolist() == [2, 3, 2, 2]
    assert found.texts == ("1", "7", "3", "8") and found.num_generations == 2
    # The longest is the plain one that makes room: nobody needs its last column.
    short = steered_teacher.mixed(made([[1, 0, 0], [2, 2, 2]], 2), made([[7, 7]], 1), pad=0)
    assert short.ids.tolist() == [[1, 0], [7, 7]] and short.mask.shape == (2, 2)


def test_distance_by_hand():
    # KL((1/2, 1/2) || (1/4, 3/4)) = log(2)/2 + log(2/3)/2 = log(4/3) / 2; the second token is padding.
    teacher = torch.zeros(1, 2, 2)
    given = torch.log(torch.tensor([[[0.25, 0.75], [1.0, 1e-9]]]))
    mask = torch.tensor([[True, False]])
    expected = torch.log(torch.tensor(4 / 3)) / 2
    torch.testing.assert_close(full_kl(teacher, given, mask), expected)


@pytest.mark.training
def test_distilling_brings_the_policy_nearer_to_the_steered_one(loaded: LoadedModel, samples: list[Sample]):
    config = CONFIG.replace(
        reward_parts=("answer", "format"), objective="published", distil=1.0, steered_share=0.34
    )
    state = make_train_state(loaded, config, None, FOUND)
    experience = collect(state, step_samples(samples, config, 0), lambda: None)

    def apart() -> float:
        with torch.no_grad():
            logits = state.scorer(experience.batch, experience.completions).logits
        return float(full_kl(experience.teacher_logits, logits, experience.completions.mask))

    before = apart()
    for _ in range(5):
        state.optimiser.zero_grad()
        learn(state, experience, 1.0)
        update(state)
    assert apart() < 0.9 * before


def test_a_model_whose_heads_nobody_found_cannot_be_steered(loaded: LoadedModel):
    with pytest.raises(TrainingError, match="steer_table"):
        make_train_state(loaded, CONFIG.replace(distil=1.0), None)
    assert steered_teacher.needed(CONFIG, FOUND) is None
