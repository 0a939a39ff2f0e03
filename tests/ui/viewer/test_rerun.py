"""What the model is run again for: steered answers, maps of a finished answer, every head."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from sayo_app.core.held import images
from sayo_app.errors import InputError
from sayo_app.mllm.analysis.likelihood import probability
from sayo_app.mllm.analysis.maps import Finished
from sayo_app.mllm.answering.chat import Chunk
from sayo_app.mllm.answering.steer import Found, Steering, save_found
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer import rerun
from sayo_app.ui.viewer.streaming import streamed
from sayo_app.ui.viewer.values import pictures_value
from tests.ui.driving import held, make_trace


@pytest.fixture
def studio(tiny_studio: Studio) -> Studio:
    return tiny_studio


@pytest.fixture
def answered(studio: Studio) -> Answered:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8))
    *_, chunk = studio.answer((picture,), "Which is larger?", None)
    assert chunk.trace is not None
    return Answered("a", held(picture), "Which is larger?", chunk.trace)


def mask_of(answered: Answered) -> np.ndarray:
    mask = np.zeros(answered.trace.grid.n_tokens, dtype=bool)
    mask[5] = True
    return mask


def test_plans_name_heads(studio: Studio, answered: Answered) -> None:
    mask = mask_of(answered)
    layers = rerun.steering_of(studio, answered, mask, rerun.Plan("layers", (2, 0), 1.5, True))
    assert layers == Steering({0: None, 2: None}, 1.5, True)
    looking = rerun.steering_of(studio, answered, mask, rerun.Plan("looking", (), 2.0, False))
    whole = rerun.head_maps(studio, answered, slice(0, len(answered.trace.attention)))
    layer, head = np.unravel_index((whole[..., 5] / whole.sum(axis=-1)).argmax(), whole.shape[:2])
    assert looking.heads == {int(layer): (int(head),)}, "a tenth of 3 x 4 heads is one"
    with pytest.raises(InputError, match="none yet"):
        rerun.steering_of(studio, answered, mask, rerun.Plan("found", (), 2.0, False))
    save_found(Found(studio.settings.model, Steering({1: (0, 3)}, 4.0)), studio.settings)
    found = rerun.steering_of(studio, answered, mask, rerun.Plan("found", (), 1.0, False))
    assert found == Steering({1: (0, 3)}, 1.0)


def test_a_steered_answer_looks_where_it_is_steered(studio: Studio, answered: Answered) -> None:
    mask = mask_of(answered)
    _, chunks = rerun.steered(studio, answered, [mask], rerun.Plan("layers", (0, 1, 2), 8.0, False))
    *_, last = chunks
    assert last.trace is not None
    inside = last.trace.attention[:, :, mask].sum() / last.trace.attention.sum()
    before = answered.trace.attention[:, :, mask].sum() / answered.trace.attention.sum()
    assert inside > 0.9 > before


@pytest.mark.parametrize("view", ["relative", "gradient", "rollout", "heads", "head:1:2"])
def test_views_of_the_model_have_a_map_a_row(studio: Studio, answered: Answered, view: str) -> None:
    maps = rerun.view_maps(studio, answered, view)
    rows = 1 if view == "relative" else len(answered.trace.attention)
    assert maps.shape == (rows, answered.trace.grid.n_tokens) and np.isfinite(maps).all() and maps.min() >= 0


def test_heads_of_an_answer_average_to_its_recording(studio: Studio, answered: Answered) -> None:
    maps = rerun.head_maps(studio, answered, slice(1, 3))
    np.testing.assert_allclose(maps.mean(axis=1), answered.trace.attention[1:3].mean(axis=0), atol=1e-5)
    answered.recorded = "Opened from a file."
    with pytest.raises(InputError, match="Opened from a file"):
        rerun.head_maps(studio, answered, slice(0, 1))


def test_an_answer_is_given_again_and_weighed_on_other_pictures(studio: Studio, answered: Answered) -> None:
    other = Image.fromarray(np.random.default_rng(9).integers(0, 255, (64, 96, 3), dtype=np.uint8))
    never = lambda: False  # noqa: E731
    assert rerun.answer_on(studio, answered, images(answered.pictures), never) == answered.trace.text
    *_, last = studio.answer((other,), answered.question, None)
    assert rerun.answer_on(studio, answered, (other,), never) == last.text != answered.trace.text
    score = rerun.likelihood(studio, answered)
    finished = Finished((other,), answered.question, answered.trace.token_ids, None)
    assert score((other,)) == pytest.approx(
        probability(studio.loaded(), finished)
    )  # no answer block: all of it
    assert score(images(answered.pictures)) > score((other,))
    answered.recorded = "Opened from a file."
    with pytest.raises(InputError, match="Opened from a file"):
        rerun.likelihood(studio, answered)


@pytest.mark.parametrize(
    ("ended", "said"),
    [("model", []), ("length", ["cut after 2 tokens.*--max-new-tokens"]), ("stopped", ["as far as it came"])],
)
def test_an_answer_that_is_not_whole_says_so(
    monkeypatch: pytest.MonkeyPatch, ended: Any, said: list[str]
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(gr, "Info", heard.append)
    chunks = [Chunk("a", ("a", "b"), done=True, trace=make_trace(), ended=ended)]
    list(streamed(iter(chunks), {"pictures": []}, "a"))
    assert len(heard) == len(said) and all(re.search(it, heard[0]) for it in said)


def test_an_answer_on_its_way_shows_where_the_newest_word_looked(
    studio: Studio, answered: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sayo_app.ui.viewer.streaming._SECONDS", 0.0)
    shown = pictures_value([(answered.pictures[0].image(), "p")])
    states = list(streamed(studio.answer(answered.pictures, answered.question, None), shown, "a"))
    assert [trace is not None for _, trace in states] == [False] * 6 + [True]
    lives = [value["live"] for value, _ in states[:-1]]
    assert lives[0] is None and all(lives[1:]), "the first token has not looked before the second one comes"
    assert states[0][0]["pictures"][0]["grid"] == answered.trace.grid.to_dict()
