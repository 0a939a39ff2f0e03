from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers import BatchFeature

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.errors import InputError, ModelError, RegionError, StorageError
from sayo_app.mllm.answering.chat import answer
from sayo_app.mllm.answering.steer import (
    Found,
    Steering,
    found_path,
    found_steering,
    save_found,
    steer_request,
)
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.settings import ASSETS_DIR, Settings

QUESTION = "What is left of the cat?"
CORNER = np.arange(24) < 3


def traced(loaded: LoadedModel, picture: Image.Image, **kwargs: Any) -> AttentionTrace:
    *_, chunk = answer(loaded, [picture], QUESTION, max_new_tokens=8, **kwargs)
    assert chunk.trace is not None
    return chunk.trace


def test_a_steered_answer_looks_at_the_region(loaded: LoadedModel, picture: Image.Image) -> None:
    """All heads biased much: every row, the prompt's own last text included, is in the region."""
    plain = traced(loaded, picture)
    for prompt in (False, True):
        steering = Steering({0: None, 1: None, 2: None}, 12.0, prompt)
        steered = traced(loaded, picture, steering=steering, region_masks=[CORNER])
        energy = steered.attention[:, :, CORNER].sum(axis=2)
        assert (energy > 0.95).all() and plain.attention[:, :, CORNER].sum(axis=2).max() < 0.95
        # The first token comes from the prompt: it can differ only where the prompt is steered.
        assert (steered.entropies[0] == plain.entropies[0]) is np.bool_(not prompt)
    still = traced(loaded, picture, steering=Steering({0: None}, 0.0), region_masks=[CORNER])
    assert still.token_ids == plain.token_ids and np.array_equal(still.attention, plain.attention)


def test_two_pictures_have_a_mask_each(any_loaded: LoadedModel, picture: Image.Image) -> None:
    """In every family the region on the second picture gets the attention of all layers that have maps."""
    asked: dict[str, Any] = {"max_new_tokens": 4}
    *_, plain = answer(any_loaded, [picture, picture], QUESTION, **asked)
    assert plain.trace is not None
    counts = [grid.n_tokens for grid in plain.trace.grids]
    masks = [np.arange(count) < share * count for count, share in zip(counts, (0, 1 / 4), strict=True)]
    heads = dict.fromkeys(any_loaded.attention_layers)
    *_, steered = answer(
        any_loaded, [picture, picture], QUESTION, **asked, steering=Steering(heads, 12.0), region_masks=masks
    )
    assert steered.trace is not None
    assert steered.trace.attention[:, :, np.concatenate(masks)].sum(axis=2).min() > 0.9
    assert plain.trace.attention[:, :, np.concatenate(masks)].sum(axis=2).max() < 0.8


@pytest.mark.parametrize("masks", [(), [np.zeros(24, dtype=bool)], [np.ones(23, dtype=bool)]])
def test_steering_needs_a_region_of_this_picture(
    loaded: LoadedModel, picture: Image.Image, masks: Any
) -> None:
    with pytest.raises(RegionError, match="24 image tokens"):
        answer(
            loaded,
            [picture],
            QUESTION,
            max_new_tokens=2,
            steering=Steering({0: None}, 1.0),
            region_masks=masks,
        )


@pytest.mark.parametrize("heads", [{3: None}, {0: (4,)}])
def test_steering_needs_heads_of_this_model(
    loaded: LoadedModel, picture: Image.Image, heads: dict[int, tuple[int, ...] | None]
) -> None:
    with pytest.raises(ModelError, match="heads 0 to 3 of the layers 0, 1, 2"):
        answer(
            loaded,
            [picture],
            QUESTION,
            max_new_tokens=2,
            steering=Steering(heads, 1.0),
            region_masks=[CORNER],
        )


def test_a_padded_batch_has_a_region_a_row(loaded: LoadedModel, batch: BatchFeature) -> None:
    """Columns are those of the row's own image tokens, wherever padding puts them."""
    masks = [np.arange(count) == count - 1 for count in (24, 21, 25)]
    request = steer_request(loaded, batch["input_ids"], Steering({0: None}, 1.0, prompt=True), masks)
    image = loaded.image_columns(batch["input_ids"])
    for row in range(3):
        last = int(image[row].nonzero().max())
        assert request._columns[row].nonzero().flatten().tolist() == [last]
        assert request._queries[row].nonzero().flatten().tolist() == list(range(last + 1, image.shape[1]))


@given(
    heads=st.dictionaries(
        st.integers(0, 50),
        st.none() | st.sets(st.integers(0, 63), min_size=1).map(lambda s: tuple(sorted(s))),
        min_size=1,
    ),
    strength=st.floats(-20, 20),
    prompt=st.booleans(),
)
def test_steering_goes_through_json(
    heads: dict[int, tuple[int, ...] | None], strength: float, prompt: bool
) -> None:
    steering = Steering(heads, strength, prompt)
    assert Steering.from_dict(json.loads(json.dumps(steering.to_dict()))) == steering


GOOD = {"heads": {"1": [0, 2]}, "strength": 2.0, "prompt": False}


@pytest.mark.parametrize(
    "change",
    [
        {"heads": {}},
        {"heads": {"x": None}},
        {"heads": {"1": [2, 0]}},
        {"heads": {"1": [True]}},
        {"heads": {"1": []}},
        {"heads": [1]},
        {"strength": "2"},
        {"strength": True},
        {"strength": float("nan")},
        {"strength": 1e9},
        {"prompt": 1},
        {"more": 1},
    ],
)
def test_bad_steering_is_refused(change: dict[str, Any]) -> None:
    assert Steering.from_dict(GOOD).heads == {1: (0, 2)}
    with pytest.raises(InputError):
        Steering.from_dict(GOOD | change)


def test_what_was_found_is_kept_by_model(tmp_path: Path, loaded: LoadedModel) -> None:
    settings = Settings(data_dir=tmp_path)
    assert found_steering(loaded, settings) is None
    found = Found(loaded.name, Steering({1: (0, 2), 2: None}, 2.0), {"scenes": 5})
    path = save_found(found, settings)
    assert path.parent == tmp_path / "steering" and [*path.parent.iterdir()] == [path]
    assert found_steering(loaded, settings) == found == found_steering(loaded.name, settings)
    assert found_path("a/b", settings) != found_path("a-b", settings)
    assert found_path("bundled", settings).parent.name == "bundled"
    save_found(Found(loaded.name, Steering({7: None}, 2.0)), settings)
    with pytest.raises(ModelError, match="layer 7"):
        found_steering(loaded, settings)
    for damage in ('{"model"', "[]", '{"model": "x", "steering": {}, "measured": {}}'):
        path.write_text(damage)
        with pytest.raises(StorageError, match="damaged"):
            found_steering(loaded.name, settings)


def test_the_bundled_model_s_steering_is_the_table_s() -> None:
    """Kept with the model, of heads that it has, and the very setting that the table reports."""
    settings = Settings(device="cpu")
    found = found_steering(load_model(settings), settings)
    table = json.loads((ASSETS_DIR / "benchmarks" / "steering.json").read_text(encoding="utf-8"))
    chosen = table["last"]["rows"][0]
    assert found is not None and found.steering == Steering.from_dict(chosen["steering"])
    figures = found.measured["figures"]
    assert figures == {name: chosen[name] for name in figures} and figures["low"] > figures["base"]
