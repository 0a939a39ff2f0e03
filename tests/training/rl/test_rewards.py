"""Rewards against the reference formula's figures and by hand."""

from __future__ import annotations

import pytest

from sayo_app.run_config import REWARD_PARTS
from training.rl import rewards

RIGHT = "The dog is at the left. <answer>red</answer>"


@pytest.mark.parametrize(
    ("completion", "answer", "expected"),
    [
        (RIGHT, "red", 1.0),
        (RIGHT, "Red.", 1.0),
        (RIGHT, "blue", 0.0),
        ("red", "red", 0.0),
    ],
)
def test_answer_reward_reads_the_answer_block(completion: str, answer: str, expected: float):
    assert rewards.answer_reward(completion, answer) == expected


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        (RIGHT, 1.0),
        ("<answer>red</answer>", 0.0),
        ("It is. <answer>red</answer> <answer>red</answer>", 0.0),
        ("It is. <answer>red", 0.0),
        (RIGHT + " and more", 0.0),
    ],
)
def test_format_reward_wants_reasoning_and_one_answer(completion: str, expected: float):
    assert rewards.format_reward(completion) == expected


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (("attention", "format"), 1.5),
        (("attention", "answer", "format"), 2.5),
        (("answer", "format"), 2.0),
        (("attention",), 0.5),
    ],
)
def test_what_is_counted_adds_up(counted: tuple[str, ...], expected: float):
    assert rewards.total_reward(counted, {"attention": 0.5, "answer": 1.0, "format": 1.0}) == expected


def test_a_part_that_cannot_be_scored_adds_nothing():
    assert rewards.total_reward(REWARD_PARTS, {"attention": None, "answer": None, "format": 1.0}) == 1.0


def test_attention_weighs_what_the_run_says():
    parts = {"attention": 0.5, "answer": 1.0, "format": 1.0}
    assert rewards.total_reward(REWARD_PARTS, parts, attention_weight=0.1) == pytest.approx(2.05)


@pytest.mark.parametrize(("answer", "expected"), [(1.0, 2.5), (0.0, 0.0), (None, 1.5)])
def test_gated_attention_is_worth_its_lowest_in_a_wrong_answer(answer: float | None, expected: float):
    parts = {"attention": 0.5, "answer": answer, "format": 1.0}
    assert rewards.total_reward(REWARD_PARTS, parts, gated=True) == expected


def test_the_gate_knows_the_answer_where_only_attention_is_counted():
    parts = {"attention": 0.5, "answer": 0.0, "format": 1.0}
    assert rewards.total_reward(("attention",), parts, gated=True) == -1.0
