"""The rewards inside `trl.GRPOTrainer`: the README's example, run for its three steps, and by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from sayo_app.core.geometry.region import Region
from sayo_app.errors import TrainingError
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.settings import REPOSITORY_DIR
from training.data.batches import collate, encode
from training.data.completions import Completions
from training.data.samples import Sample, scene_sample
from training.looks.attention_targets import attention_reward, targets_of
from training.looks.scoring import Scorer, reward_view
from training.rl.rollout import generate, group_uniforms
from training.rl.trl_rewards import AnswerReward, FormatReward, RegionAttentionReward, trl_row

RIGHT = "The dog is at the left. <answer>red</answer>"
README = (REPOSITORY_DIR / "training" / "README.md").read_text(encoding="utf-8")
EXAMPLE = next(block for block in re.findall(r"```python\n(.+?)```", README, re.DOTALL) if "trl" in block)


def _alone(loaded: LoadedModel, sample: Sample, ids: list[int]) -> float:
    """The reward that our own scorer gives one completion of one sample."""
    batch = collate(loaded, [encode(loaded, sample)])
    row = torch.tensor([ids])
    completions = Completions(row, torch.ones_like(row, dtype=torch.bool), ("",), 1)
    with torch.no_grad():
        scores = Scorer(loaded.model, reward_view(loaded)).eval()(batch, completions)
    return float(
        attention_reward(scores.mean_rows, targets_of(loaded, batch, completions, scores.entropies))[0]
    )


@pytest.mark.training
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_the_readmes_example_trains_three_steps_on_the_rewards_of_our_own_scorer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = {scene_sample(seed).question: scene_sample(seed) for seed in range(8)}
    called: list[list[tuple[float, float]]] = []
    inner = RegionAttentionReward.__call__

    def checked(self: RegionAttentionReward, prompts: Any, completions: Any, **columns: Any) -> Any:
        rewards = inner(self, prompts, completions, **columns)
        loaded, asked = self._loaded, [samples[prompt[0]["content"][1]["text"]] for prompt in prompts]
        # What TRL gives the model is what we give it.
        chats = loaded.processor.apply_chat_template(prompts, add_generation_prompt=True, tokenize=True)
        assert list(chats) == [encode(loaded, one).inputs["input_ids"][0].tolist() for one in asked]
        loaded.model.eval()
        own = [_alone(loaded, *pair) for pair in zip(asked, columns["completion_ids"], strict=True)]
        loaded.model.train()
        called.append(list(zip(rewards, own, strict=True)))
        return rewards

    monkeypatch.setattr(RegionAttentionReward, "__call__", checked)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(EXAMPLE, names)
    assert [len(pairs) for pairs in called] == [8, 8, 8]
    for given, own in (pair for pairs in called for pair in pairs):
        assert given == pytest.approx(own, abs=1e-5)
    assert len({given for pairs in called for given, _ in pairs}) > 3
    weights = dict(names["trainer"].model.named_parameters())
    assert any(weight.abs().max() > 0 for name, weight in weights.items() if "lora_B" in name)


def test_the_docstring_has_the_readmes_example() -> None:
    import training.rl.trl_rewards

    lines = [line.strip() for line in EXAMPLE.split("\n\n")[1].splitlines()]
    said = [line.strip() for line in str(training.rl.trl_rewards.__doc__).splitlines()]
    assert [line for line in lines if line not in said] == []


def test_rewards_come_in_order_whatever_stands_together(loaded: LoadedModel, samples: list[Sample]) -> None:
    """Left padding, unlike pictures, regions not to look at and no region at all, in one call."""
    away = Region.box(0, 0, 40, 40, look=False)
    mixed = [
        samples[0],
        Sample("a", samples[1].open_picture, samples[1].question, None, (away, *samples[1].regions)),
        Sample("b", samples[2].open_picture, samples[2].question, None, ()),
    ]
    batch = collate(loaded, [encode(loaded, one) for one in mixed])
    uniforms = group_uniforms([(0, 0), (0, 1), (0, 2)], 2, 12)
    completions = generate(loaded, batch, max_new_tokens=12, num_generations=2, uniforms=uniforms)
    ids = [row[kept].tolist() for row, kept in zip(completions.ids, completions.mask, strict=True)]
    expected = [_alone(loaded, mixed[row // 2], ids[row]) for row in range(4)]

    rows = [trl_row(loaded, one) for one in mixed]
    for order in ([0, 0, 1, 1, 2, 2], [0, 1, 2], [0, 0, 1, 2]):
        firsts = [2 * one + order[:i].count(one) for i, one in enumerate(order)]
        given = RegionAttentionReward(loaded)(
            [_with_picture(rows[one]) for one in order],
            [""] * len(order),
            completion_ids=[ids[first] for first in firsts],
            regions=[rows[one]["regions"] or None for one in order],
        )
        wanted = [None if first > 3 else pytest.approx(expected[first], abs=1e-5) for first in firsts]
        assert given == wanted


def test_scoring_leaves_the_model_in_training(loaded: LoadedModel, samples: list[Sample]) -> None:
    loaded.model.train()
    row = trl_row(loaded, samples[0])
    reward = RegionAttentionReward(loaded)
    given = reward([_with_picture(row)], [""], completion_ids=[[5, 6, 7]], regions=[row["regions"]])
    assert math.isfinite(given[0] or math.nan) and loaded.model.training


def test_a_prompt_without_a_picture_is_told(loaded: LoadedModel) -> None:
    chat = [{"role": "user", "content": "Which is larger?"}]
    with pytest.raises(TrainingError, match="one picture in each prompt"):
        RegionAttentionReward(loaded)([chat], [""], completion_ids=[[5]], regions=[None])


def test_answer_and_format_read_texts_and_chats_and_leave_out_what_is_not_known() -> None:
    chat = [{"role": "assistant", "content": RIGHT}]
    assert AnswerReward()(["q"] * 3, [RIGHT, chat, RIGHT], answer=["red", "blue", None]) == [1.0, 0.0, None]
    assert FormatReward()(["q"] * 2, [chat, "red"]) == [1.0, 0.0]


def _with_picture(row: dict[str, Any]) -> list[dict[str, Any]]:
    """As TRL hands prompts to a reward function."""
    (message,) = row["prompt"]
    content = [{"type": "image", "image": row["image"]}, {"type": "text", "text": message["content"]}]
    return [{"role": "user", "content": content}]
