from __future__ import annotations

from sayo_app.core.geometry.region import Region
from sayo_app.core.scenes.questions import FAMILIES, make_question
from storage.generated import add_generated_corrections
from storage.store import Store


def test_generated_corrections_say_so_and_hold_the_truth(store: Store) -> None:
    (made,) = add_generated_corrections(store, 1, seed=5, model="bundled")
    scene, question = make_question(5)
    assert (made.origin, made.author, made.state) == ("generated", "scene generator", "submitted")
    assert (made.question, made.corrected_answer, made.family) == (
        question.question,
        question.answer,
        question.family,
    )
    assert made.regions == tuple(Region.box(*box) for box in question.boxes_xyxy)
    assert store.pictures.load(made.picture_id).size == scene.picture.size


def test_families_take_turns_and_pictures_differ(store: Store) -> None:
    made = add_generated_corrections(store, 6, seed=0, model="bundled")
    assert {c.family for c in made} == set(FAMILIES)
    assert len({c.picture_id for c in made}) == len(made) == store.corrections.count(origin="generated") == 6


def test_asking_again_adds_new_pictures(store: Store) -> None:
    first = add_generated_corrections(store, 3, seed=0, model="bundled")
    store.corrections.delete(first[0].id)
    again = add_generated_corrections(store, 3, seed=0, model="bundled")
    assert len({c.picture_id for c in first + again}) == 6


def test_the_same_seed_gives_the_same_corrections(store: Store) -> None:
    made = [c.picture_id for c in add_generated_corrections(store, 3, seed=40, model="bundled")]
    assert made == [store.pictures.add(make_question(seed)[0].picture).id for seed in (40, 41, 42)]


def test_none_is_without_a_region(store: Store) -> None:
    assert make_question(738)[1].boxes_xyxy == ()  # it counts what is not there
    (made,) = add_generated_corrections(store, 1, seed=738, model="bundled")
    assert made.question == make_question(739)[1].question
