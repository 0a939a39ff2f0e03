"""What answers hang on: the figures by hand, what is covered, and batches that change nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sayo_app.core.geometry.elsewhere import touches
from sayo_app.core.geometry.region import Region
from sayo_app.core.rendering.covering import WAYS, covered
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import collate, encode
from training.data.samples import Sample, scene_sample
from training.looks.scoring import Scorer, reward_view
from training.rl.judging import judge, summary
from training.rl.reliance import FALL, coverings, figures, first_with_regions, same_answer, with_reliance
from training.rl.rollout import generate

AWAY = Region.box(40, 40, 60, 60, look=False)
TOKENS = 6


def said(*answers: str) -> list[str]:
    return [f"It is so. <answer>{answer}</answer>" for answer in answers]


def test_the_figures_of_a_sample_by_hand() -> None:
    texts = said("red", "blue", "Red.", "green", "red", "red", "the red")
    # Log-probabilities fall by 0.6931 at least to count: by 1, 0.5, 3; by 0.7, -1, 0.6.
    falls = [0.0, 1.0, 0.5, 3.0, 0.7, -1.0, 0.6]
    found = figures(("reliance", "control"), texts, [-2 - fall for fall in falls])
    assert found == {
        "reliance": pytest.approx(2 / 3),
        "reliance_logp": pytest.approx(2 / 3),
        "control": 0.0,
        "control_logp": pytest.approx(1 / 3),
    }
    assert math.log(2) == FALL and len(WAYS) == 3


def test_an_answer_that_is_no_longer_given_has_changed_and_one_without_tags_is_its_text() -> None:
    assert same_answer("So. <answer>red</answer>", "Red it is. <answer>Red</answer>")
    assert not same_answer("So. <answer>red</answer>", "red")
    assert same_answer("A dog.", "a dog") and not same_answer("A dog.", "A cat.")


def test_the_first_samples_with_regions_are_chosen(samples: list[Sample]) -> None:
    mixed = [samples[0], replace(samples[1], regions=()), *samples[2:]]
    assert first_with_regions(mixed, 2) == [True, False, True, False, False, False]
    assert first_with_regions(mixed, 0) == [False] * 6
    assert first_with_regions(mixed, 99) == [True, False, True, True, True, True]


def test_the_control_is_as_large_and_touches_nothing_that_was_drawn() -> None:
    sample = scene_sample(5)
    (look,) = sample.regions
    away = Region.box(10, 200, 400, 300, look=False)
    for picture in range(8):
        found = coverings(replace(sample, picture_id=f"{picture}", regions=(look, away)))
        assert (found["reliance"], found["distraction"]) == ((look,), (away,))
        (control,) = found["control"]
        sides = [(x1 - x0, y1 - y0) for x0, y0, x1, y1 in (control.box_xyxy, look.box_xyxy)]
        assert sides[0] == sides[1]
        assert not any(touches(control.box_xyxy, one.box_xyxy) for one in (look, away))


def test_the_control_is_the_same_before_and_after_and_another_on_another_picture() -> None:
    sample = scene_sample(5)
    again, other = scene_sample(5), replace(sample, picture_id="another")
    assert coverings(sample)["control"] == coverings(again)["control"] != coverings(other)["control"]


def test_what_was_not_drawn_is_not_covered(samples: list[Sample]) -> None:
    only_away = coverings(replace(samples[1], regions=(AWAY,)))
    assert list(only_away) == ["distraction", "control"]
    x0, y0, x1, y1 = only_away["control"][0].box_xyxy
    assert (x1 - x0, y1 - y0) == (20, 20)
    whole = replace(samples[1], regions=(Region.box(0, 0, 64, 64),))
    assert list(coverings(whole)) == ["reliance"], "there is no room for as large a region"


@pytest.mark.parametrize("batch_size", [1, 12, 100])
def test_each_answer_is_that_of_the_covered_picture_alone(
    loaded: LoadedModel, samples: list[Sample], batch_size: int
) -> None:
    chosen = [replace(samples[0], regions=(*samples[0].regions, AWAY)), samples[1], samples[2]]
    # A token that is often said ends an answer: some are shorter than others.
    ids = generate(loaded, collate(loaded, [encode(loaded, chosen[0])]), max_new_tokens=TOKENS).ids
    loaded.model.generation_config.eos_token_id = [int(ids[0, 2])]
    first = judge(loaded, chosen, max_new_tokens=TOKENS)
    found = with_reliance(
        loaded, chosen, first, [True, False, True], max_new_tokens=TOKENS, batch_size=batch_size
    )
    assert found[1] == first[1] and not found[1].hanging
    for place in (0, 2):
        assert found[place].hanging == pytest.approx(by_hand(loaded, chosen[place]))
        assert found[place].text == first[place].text
    assert set(found[0].figures) >= set(found[0].hanging)
    means = summary(found)
    both = [found[place].hanging["reliance"] for place in (0, 2)]
    assert means["reliance"] == pytest.approx(np.mean(both)) and means["count"] == 3
    assert means["distraction"] == found[0].hanging["distraction"]
    assert "reliance" not in summary(first)


def by_hand(loaded: LoadedModel, sample: Sample) -> dict[str, float]:
    """One covered picture at a time."""
    scorer = Scorer(loaded.model, reward_view(loaded))
    batch = collate(loaded, [encode(loaded, sample)])
    completions = generate(loaded, batch, max_new_tokens=TOKENS)
    with torch.no_grad():
        whole = scorer(batch, completions).log_probs.sum()
    found = {}
    for name, regions in coverings(sample).items():
        changed, fallen = [], []
        for way in WAYS:
            picture = covered(sample.open_picture(), regions, way)
            other = collate(loaded, [encode(loaded, replace(sample, open_picture=lambda p=picture: p))])
            text = generate(loaded, other, max_new_tokens=TOKENS).texts[0]
            changed.append(not same_answer(completions.texts[0], text))
            with torch.no_grad():
                fallen.append(float(whole - scorer(other, completions).log_probs.sum()) > math.log(2))
        found |= {name: np.mean(changed), f"{name}_logp": np.mean(fallen)}
    return found


def test_it_can_be_stopped(loaded: LoadedModel, samples: list[Sample]) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    first = judge(loaded, samples[:1], max_new_tokens=TOKENS)
    with pytest.raises(KeyboardInterrupt):
        with_reliance(loaded, samples[:1], first, [True], max_new_tokens=TOKENS, check=stop)
