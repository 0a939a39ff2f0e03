from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sayo_app.core.geometry.region import Region
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.shown_reward import shown_reward
from tests.storage.examples import small_trace

Correct = Callable[..., CorrectionRecord]


@pytest.fixture
def trace_id(store: Store) -> str:
    """A 64 x 64 px picture in 2 x 2 tokens; the token that counts looks at the first three times as much."""
    attention = np.full((2, 1, 4), 0.125, dtype=np.float32)
    attention[0, 0, 0] = 0.375
    return store.traces.save(replace(small_trace(), attention=attention))


def test_the_reward_of_the_answer_shown_is_kept_with_the_regions(
    store: Store, correct: Correct, trace_id: str
) -> None:
    # The mean over the four is 0.75 / 4 = 0.1875: log(0.375 / 0.1875) = log 2, log(0.125 / 0.1875) = log 2/3.
    made = correct(trace_id=trace_id, regions=[Region.box(0, 0, 30, 30)])
    assert made.reward == pytest.approx(math.tanh(math.log(2)), abs=1e-5)
    moved = store.corrections.revise(made.id, regions=[Region.box(40, 0, 60, 30)])
    assert moved.reward == pytest.approx(math.tanh(math.log(2 / 3)), abs=1e-5)
    # What does not move the regions does not move the reward; restoring brings back both.
    assert store.corrections.revise(made.id, corrected_answer="plum").reward == moved.reward
    assert store.corrections.restore(made.id, 1).reward == made.reward


def test_without_trace_or_region_there_is_none(correct: Correct, trace_id: str) -> None:
    assert correct().reward is None
    assert correct(trace_id=trace_id, regions=[], corrected_answer="2").reward is None
    away = Region.box(0, 0, 30, 30, look=False)
    assert correct(trace_id=trace_id, regions=[away]).reward is None


def test_a_damaged_trace_costs_the_reward_not_the_correction(
    store: Store, correct: Correct, trace_id: str
) -> None:
    store.traces.path(trace_id).write_bytes(b"cut")
    assert correct(trace_id=trace_id).reward is None


def test_a_reward_that_is_known_is_taken(correct: Correct, trace_id: str) -> None:
    assert correct(trace_id=trace_id, reward=0.25).reward == 0.25


def test_a_trace_is_not_read_where_the_reward_is_known(
    store: Store, correct: Correct, trace_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = store.traces.load(trace_id)
    read: list[str] = []
    monkeypatch.setattr(store.traces, "load", lambda name: read.append(name) or trace)
    regions = [Region.box(0, 0, 30, 30)]
    made = correct(trace_id=trace_id, regions=regions, reward=shown_reward(trace, regions))
    same = store.corrections.revise(made.id, regions=regions, corrected_answer="plum")
    assert same.reward == made.reward is not None
    moved = [Region.box(40, 0, 60, 30)]
    known = store.corrections.revise(made.id, regions=moved, reward=shown_reward(trace, moved))
    assert not read
    back = store.corrections.revise(made.id, regions=regions)
    assert (read, back.reward) == ([trace_id], pytest.approx(made.reward))
    assert known.reward < 0 < back.reward
