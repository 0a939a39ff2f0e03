from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sayo_app.core.attention.heatmap import (
    DEFAULT,
    METHODS,
    TRACE_METHODS,
    gradient_weighted,
    layer_maps,
    mean_map,
    rank_heads,
    rank_heads_by_region,
    relative_map,
    token_maps,
    unavailable,
)
from sayo_app.core.attention.trace import AttentionTrace, Step
from sayo_app.errors import InputError, RegionError

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
    assert mean_map(token_maps(by_hand, "reward")) == pytest.approx(np.full(6, 0.035))


def test_the_centred_map_is_what_a_token_looks_at_more_than_the_mean(by_hand: AttentionTrace) -> None:
    # Middle layers: [6 0 1 1 3 0] and [0 2 6 1 0 2]; mean over tokens [3 1 3.5 1 1.5 1].
    wanted = np.array([[3, 0, 0, 0, 1.5, 0], [0, 1, 2.5, 0, 0, 1]]) / 100
    maps = token_maps(by_hand)
    assert maps == pytest.approx(wanted)
    # The last token has no row of its own: the second step's map is that of its first token alone.
    steps = [mean_map(maps[step.start : step.stop]) for step in by_hand.steps]
    assert np.array(steps) == pytest.approx(np.array([wanted[0], wanted[1], np.zeros(6)]))
    assert mean_map(maps) == pytest.approx(wanted.mean(axis=0))


def test_the_raw_map_is_the_mean_of_the_middle_layers(by_hand: AttentionTrace) -> None:
    wanted = np.array([[6, 0, 1, 1, 3, 0], [0, 2, 6, 1, 0, 2]]) / 100
    assert token_maps(by_hand, "raw") == pytest.approx(wanted)


def test_sinks_are_left_out_of_the_maps_that_say_so(make_trace: MakeTrace) -> None:
    trace = make_trace(sink_mask=np.array([True, True, False, True, True, True]))
    assert (token_maps(trace)[:, 2] == 0).all() and (token_maps(trace)[:, 3] > 0).any()
    for method in ("reward", "raw"):
        assert (token_maps(trace, method)[:, 2] > 0).all()
    kept = np.delete(token_maps(trace, "raw"), 2, axis=1)
    assert np.delete(token_maps(trace, "filtered"), 2, axis=1).tolist() == kept.tolist()
    assert (token_maps(trace, "filtered")[:, 2] == 0).all()


def test_where_all_tokens_are_sinks_nothing_is_left(make_trace: MakeTrace) -> None:
    trace = make_trace(sink_mask=np.zeros(6, bool))
    for method in ("centred", "filtered"):
        assert not token_maps(trace, method).any() and not mean_map(token_maps(trace, method)).any()


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


@pytest.mark.parametrize("method", TRACE_METHODS)
def test_every_map_is_one_row_a_token_and_never_negative(make_trace: MakeTrace, method: str) -> None:
    maps = token_maps(make_trace(), method)
    assert maps.shape == (10, 6) and (maps >= 0).all()


@pytest.mark.parametrize("method", TRACE_METHODS)
def test_an_answer_of_one_token_has_an_empty_map(make_trace: MakeTrace, method: str) -> None:
    trace = make_trace(
        tokens=("<eos>",), token_ids=(1,), entropies=np.ones(1, np.float32), steps=(),
        attention=np.zeros((0, 4, 6), np.float32),
    )  # fmt: skip
    assert mean_map(token_maps(trace, method)).tolist() == [0] * 6


def test_an_unknown_map_is_refused(make_trace: MakeTrace) -> None:
    with pytest.raises(InputError, match="centred, reward"):
        token_maps(make_trace(), "grad-cam")


def test_the_methods_stand_in_the_order_of_the_number_keys() -> None:
    order = ["centred", "reward", "raw", "filtered", "relative", "gradient", "rollout", "heads"]
    assert [*METHODS] == order == [method.name for method in METHODS.values()]
    assert order[0] == DEFAULT and tuple(order[:4]) == TRACE_METHODS
    assert [name for name, method in METHODS.items() if method.scope == "answer"] == ["relative"]
    for method in METHODS.values():
        assert method.label and method.description.endswith(".") and method.formula and method.source


def test_a_map_that_does_not_apply_says_why(make_trace: MakeTrace) -> None:
    known, unknown = make_trace(), make_trace(sink_mask=None)
    for name, method in METHODS.items():
        assert unavailable(known, name, has_model=True) is None
        reason = unavailable(known, name, has_model=False)
        assert (reason is not None and "needs the model" in reason) == (method.needs == "model")
    assert "sinks" in (unavailable(unknown, "filtered", has_model=True) or "")
    assert unavailable(unknown, "centred", has_model=False) is None
    for trace, name, why in [(known, "rollout", "needs the model"), (unknown, "filtered", "sinks")]:
        with pytest.raises(InputError, match=why):
            token_maps(trace, name)
    with pytest.raises(InputError, match="centred, reward"):
        unavailable(known, "grad-cam", has_model=True)


def test_one_layer_by_its_number_in_the_model(make_trace: MakeTrace) -> None:
    attention = np.random.default_rng(1).random((10, 3, 6)).astype(np.float32)
    trace = make_trace(attention=attention, layers=(3, 7, 11), depth=12)
    assert layer_maps(trace, 7) == pytest.approx(attention[:, 1])
    with pytest.raises(InputError, match="3, 7, 11, got 1"):
        layer_maps(trace, 1)


def test_relative_attention_by_hand() -> None:
    # Ratios [2 1 .5] and [4 1 0]; the mean over layers is [3 1 .25]. The middle tokens get nothing at all.
    question = np.array([[0.2, 0.0, 0.1], [0.4, 0.0, 0.0]])
    generic = np.array([[0.1, 0.0, 0.2], [0.1, 0.0, 0.3]])
    assert relative_map(question, generic) == pytest.approx([3, 1, 0.25], abs=1e-6)
    assert relative_map(question, question) == pytest.approx([1, 1, 1])


def test_gradients_below_zero_do_not_count() -> None:
    # Head 0: [.2*3 0 0], head 1: [0 .5*1 .1*4]; the mean over two heads halves both.
    attention = np.array([[0.2, 0.3, 0.5], [0.4, 0.5, 0.1]])
    gradient = np.array([[3.0, -1.0, 0.0], [-2.0, 1.0, 4.0]])
    assert gradient_weighted(attention, gradient) == pytest.approx([0.3, 0.25, 0.2])
    assert not gradient_weighted(attention, -np.abs(gradient)).any()


HEADS = np.array(
    [
        [[0.1, 0.1, 0.1, 0.1], [0.0, 0.3, 0.0, 0.1]],  # mass .4 spread, mass .4 nearly sharp
        [[0.0, 0.0, 0.4, 0.0], [0.01, 0.0, 0.0, 0.0]],  # mass .4 sharp, mass .01 sharp
    ]
)


def test_heads_in_order_of_sharpness_among_those_that_look_at_the_image() -> None:
    # The median mass is .4, so the sharp head of mass .01 is out.
    assert rank_heads(HEADS) == [(1, 0), (0, 1), (0, 0)]
    assert rank_heads(np.zeros((2, 0, 4))) == []


def test_heads_that_favour_a_region() -> None:
    region = np.array([False, True, False, False])
    # Of mass .4 each: 3/4, 1/4 and 0 in the region.
    assert rank_heads_by_region(HEADS, region) == [(0, 1), (0, 0), (1, 0)]
    with pytest.raises(RegionError):
        rank_heads_by_region(HEADS, np.zeros(4, bool))


def test_equal_heads_keep_their_order() -> None:
    same = np.full((2, 2, 3), 0.1)
    assert rank_heads(same) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert rank_heads_by_region(same, np.array([True, False, False])) == rank_heads(same)
