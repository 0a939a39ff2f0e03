"""Held-out figures: means by hand, and that batching changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import grey
from training.data.samples import Sample, scene_sample
from training.rl.judging import Judged, judge, summary


def test_a_mean_leaves_out_what_could_not_be_scored():
    one = Judged("count", "", attention=0.5, answer=1.0, format=1.0, energy=0.25, pointing=1.0)
    other = replace(one, attention=None, answer=0.0, energy=None, pointing=None)
    assert summary([one, other]) == {
        "count": 2,
        "accuracy": 0.5,
        "format": 1.0,
        "sayo_reward": 0.5,
        "energy": 0.25,
        "pointing": 1.0,
        "length": 0.0,
    }
    assert summary([]) == dict.fromkeys(summary([one]), None) | {"count": 0}


def test_the_batch_size_changes_no_figure(loaded: LoadedModel, samples: list[Sample]):
    alone = judge(loaded, samples, max_new_tokens=10, batch_size=1)
    together = judge(loaded, samples, max_new_tokens=10, batch_size=4)
    assert [one.text for one in alone] == [one.text for one in together]
    for name in ("attention", "energy"):
        figures = [[getattr(one, name) for one in judged] for judged in (alone, together)]
        assert figures[0] == pytest.approx(figures[1], abs=1e-5)
    assert [one.pointing for one in alone] == [one.pointing for one in together]


def test_a_sample_without_region_or_answer_has_no_such_figures(loaded: LoadedModel, samples: list[Sample]):
    sample = replace(samples[0], regions=(), answer=None)
    judged = judge(loaded, [sample], max_new_tokens=4)[0]
    assert (judged.attention, judged.answer, judged.energy, judged.pointing) == (None, None, None, None)
    assert judged.format == 0.0


def test_a_blanked_picture_keeps_its_size_and_nothing_else():
    sample = scene_sample(5)
    blank = grey(sample)()
    assert blank.size == sample.open_picture().size
    assert np.unique(np.asarray(blank)).tolist() == [128]
