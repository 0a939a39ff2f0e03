from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sayo_app.core.heatmap import METHODS, answer_map, step_map, token_maps
from sayo_app.core.trace import AttentionTrace, Step
from sayo_app.errors import InputError

MakeTrace = Callable[..., AttentionTrace]


@pytest.fixture
def by_hand(make_trace: MakeTrace) -> AttentionTrace:
    """Three tokens, so two rows; of 4 layers, 1 and 2 lie at 50 and 75 % of the depth."""
    attention = np.zeros((2, 4, 6), np.float32)
    attention[0, 1], attention[0, 2] = [8, 0, 0, 2, 6, 0], [4, 0, 2, 0, 0, 0]
    attention[1, 1], attention[1, 2] = [0, 0, 6, 2, 0, 4], [0, 4, 6, 0, 0, 0]
    attention[:, 0], attention[:, 3] = 99, [[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]]
    return make_trace(
        tokens=("a", " b", "."),
        token_ids=(1, 2, 3),
        attention=attention / 100,
        entropies=np.ones(3, np.float32),
        steps=(
            Step(0, 0, 1, "a", "reasoning"),
            Step(1, 1, 3, "b.", "reasoning"),
            Step(2, 2, 3, ".", "answer"),
        ),
        sink_mask=None,
    )


def test_the_reward_view_is_the_last_layer_as_it_is(by_hand: AttentionTrace) -> None:
    wanted = np.array([[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]]) / 100
    assert token_maps(by_hand, "reward") == pytest.approx(wanted)
    assert answer_map(by_hand, "reward") == pytest.approx(np.full(6, 0.035))


def test_the_centred_map_is_what_a_token_looks_at_more_than_the_mean(by_hand: AttentionTrace) -> None:
    # Middle layers: [6 0 1 1 3 0] and [0 2 6 1 0 2]; mean over tokens [3 1 3.5 1 1.5 1].
    wanted = np.array([[3, 0, 0, 0, 1.5, 0], [0, 1, 2.5, 0, 0, 1]]) / 100
    assert token_maps(by_hand) == pytest.approx(wanted)
    assert step_map(by_hand, "centred", by_hand.steps[0]) == pytest.approx(wanted[0])
    # The last token has no row of its own.
    assert step_map(by_hand, "centred", by_hand.steps[1]) == pytest.approx(wanted[1])
    assert step_map(by_hand, "centred", by_hand.steps[2]).tolist() == [0] * 6
    assert answer_map(by_hand) == pytest.approx(wanted.mean(axis=0))


def test_sinks_are_left_out_of_the_centred_map_only(make_trace: MakeTrace) -> None:
    trace = make_trace(sink_mask=np.array([True, True, False, True, True, True]))
    assert (token_maps(trace)[:, 2] == 0).all() and (token_maps(trace)[:, 3] > 0).any()
    assert (token_maps(trace, "reward")[:, 2] > 0).all()


@pytest.mark.parametrize(
    ("layers", "depth", "used"),
    # Full attention in one layer of four: of 12, layers 3, 7 and 11 lie at 33, 67 and 100 %.
    [((3, 7, 11), 12, [1]), ((0, 9), 10, [1]), ((0, 1, 2), 3, [1])],
)
def test_which_layers_are_the_middle(
    make_trace: MakeTrace, layers: tuple[int, ...], depth: int, used: list[int]
) -> None:
    attention = np.random.default_rng(1).random((10, len(layers), 6)).astype(np.float32)
    trace = make_trace(attention=attention, layers=layers, depth=depth, sink_mask=None)
    middle = attention[:, used].mean(axis=1)
    assert token_maps(trace) == pytest.approx(np.maximum(middle - middle.mean(axis=0), 0), abs=1e-6)


def test_a_single_row_has_nothing_to_be_centred_on(make_trace: MakeTrace) -> None:
    attention = np.full((1, 4, 6), 0.1, np.float32)
    one = {"tokens": ("a", "<eos>"), "token_ids": (1, 2), "entropies": np.ones(2, np.float32), "steps": ()}
    assert token_maps(make_trace(**one, attention=attention, sink_mask=None)) == pytest.approx(
        np.full((1, 6), 0.1)
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_map_is_one_row_a_token_and_never_negative(make_trace: MakeTrace, method: str) -> None:
    maps = token_maps(make_trace(), method)
    assert maps.shape == (10, 6) and (maps >= 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_of_one_token_has_an_empty_map(make_trace: MakeTrace, method: str) -> None:
    trace = make_trace(
        tokens=("<eos>",), token_ids=(1,), entropies=np.ones(1, np.float32), steps=(),
        attention=np.zeros((0, 4, 6), np.float32),
    )  # fmt: skip
    assert answer_map(trace, method).tolist() == [0] * 6


def test_an_unknown_map_is_refused(make_trace: MakeTrace) -> None:
    with pytest.raises(InputError, match="centred, reward"):
        token_maps(make_trace(), "rollout")
