"""What of the store is trained on, and what is held out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.core.scenes.questions import HELD_OUT_SEED
from sayo_app.errors import TrainingError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.formats.exporter import export_file
from storage.store import Store
from tests.storage.examples import corrected
from tests.training.conftest import make_sample
from training.data.samples import Sample, chosen_samples, load_samples, scene_sample, split_by_picture


def add(store: Store, shade: int = 0, **fields):
    picture = store.pictures.add(Image.new("RGB", (40, 30), (shade, 0, 0)))
    defaults = {
        "picture_id": picture.id,
        "question": "What colour?",
        "answer_shown": "It is there. <answer>red</answer>",
        "regions": (Region.box(0, 0, 20, 15),),
    }
    return corrected(store, **(defaults | fields))


def test_a_correction_without_an_answer_says_that_the_one_shown_was_right():
    with Store(Settings.from_environment()) as store:
        add(store)
        add(store, corrected_answer="blue")
        add(store, answer_shown="no idea")
        assert [sample.answer for sample in load_samples(store)] == ["red", "blue", None]


def test_drafts_rejected_and_deleted_corrections_are_left_out():
    with Store(Settings.from_environment()) as store:
        kept = add(store, question="kept?", state="accepted")
        add(store, state="draft")
        add(store, state="rejected")
        store.corrections.delete(add(store).id)
        found = load_samples(store)
        assert [sample.question for sample in found] == ["kept?"]
        assert found[0].picture_id == kept.picture_id
        assert found[0].open_picture().size == (40, 30)


def test_regions_not_to_look_at_come_along():
    away = Region.box(0, 0, 10, 10, look=False)
    with Store(Settings.from_environment()) as store:
        add(store, regions=(away,))
        add(store, regions=(away,), answer_shown="no idea")
        assert [sample.regions for sample in load_samples(store)] == [(away,), (away,)]


def test_a_scene_is_asked_about_what_its_boxes_show():
    sample = scene_sample(HELD_OUT_SEED)
    picture = sample.open_picture()
    assert sample.regions and sample.answer
    assert all(region.fitted(picture.size) == region for region in sample.regions)


@given(
    pictures=st.lists(st.integers(0, 9), min_size=2, max_size=30).filter(lambda ids: len(set(ids)) > 1),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_no_picture_is_on_both_sides_and_neither_side_is_empty(pictures: list[int], share: float, seed: int):
    samples = [replace(make_sample(0), picture_id=str(picture)) for picture in pictures]
    training, held_out = split_by_picture(samples, share, seed)
    assert training and held_out and len(training) + len(held_out) == len(samples)
    assert not {one.picture_id for one in training} & {one.picture_id for one in held_out}
    assert split_by_picture(samples, share, seed) == (training, held_out)


def held_out_pictures(samples: list[Sample], seed: int = 0) -> set[str]:
    return {sample.picture_id for sample in split_by_picture(samples, 0.25, seed)[1]}


def test_another_seed_holds_out_others_and_one_more_correction_moves_at_most_one_in():
    samples = [replace(make_sample(0), picture_id=str(i)) for i in range(24)]
    before = held_out_pictures(samples)
    assert len(before) == 6
    assert held_out_pictures(samples, seed=1) != before
    assert len(held_out_pictures([*samples, replace(samples[0], picture_id="new")]) - before) <= 1


@pytest.mark.parametrize(("count", "share"), [(1, 0.25), (0, 0.25), (5, 0.0), (5, 1.0)])
def test_a_split_that_leaves_a_side_empty_is_refused(count: int, share: float):
    samples = [replace(make_sample(0), picture_id=str(i)) for i in range(count)]
    with pytest.raises(TrainingError):
        split_by_picture(samples, share, 0)


def test_a_file_of_held_out_corrections_stands_in_for_the_share_and_none_of_its_pictures_is_trained_on(
    tmp_path: Path,
):
    with Store(Settings.from_environment()) as store:
        for shade in range(3):
            add(store, shade)
        file = tmp_path / "held-out.parquet"
        export_file(store, "jsonl", file)
        config = RunConfig(held_out_data=str(file), held_out_format="jsonl")
        with pytest.raises(TrainingError, match="all on held-out pictures"):
            chosen_samples(config, store, store.settings)
        new = [add(store, shade) for shade in (3, 4)]
        found = chosen_samples(config, store, store.settings)
        assert [sample.picture_id for sample in found.training] == [one.picture_id for one in new]
        assert [sample.open_picture().getpixel((0, 0))[0] for sample in found.held_out] == [0, 1, 2]
        assert len(found.all) == 8
        # A file to train on gives its format to both.
        both = RunConfig(data=str(file), data_format="jsonl", held_out_data=str(file))
        with pytest.raises(TrainingError, match="got 3 corrections, all on held-out pictures"):
            chosen_samples(both, store, store.settings)
        share = chosen_samples(RunConfig(held_out_share=0.4), store, store.settings)
        assert (len(share.training), len(share.held_out), len(share.all)) == (3, 2, 5)
