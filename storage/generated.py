"""Corrections made from composed scenes, marked as such: the right answer and the exact boxes are known."""

from __future__ import annotations

from sayo_app.core.geometry.region import Region
from sayo_app.core.scenes.questions import make_question
from storage.base.records import CorrectionRecord
from storage.store import Store

AUTHOR = "scene generator"


def add_generated_corrections(store: Store, count: int, seed: int, model: str) -> list[CorrectionRecord]:
    """Adds `count` corrections, one a scene, from `seed` upwards.

    A scene that is already in the store is passed over, so asking again adds new pictures; so is a
    question about nothing ("How many red tags?" where there is none), as it has no region.

    Raises:
        ReadOnlyStoreError, StorageError: they cannot be written.
    """
    used = store.corrections.picture_ids()
    added: list[CorrectionRecord] = []
    while len(added) < count:
        scene, question = make_question(seed)
        seed += 1
        if not question.boxes_xyxy:
            continue
        picture = store.pictures.add(scene.picture)
        if picture.id in used:
            continue
        used.add(picture.id)
        added.append(
            store.corrections.add(
                picture_id=picture.id,
                question=question.question,
                model=model,
                adapter_id=None,
                answer_shown="",
                trace_id=None,
                regions=[Region.box(*box) for box in question.boxes_xyxy],
                corrected_answer=question.answer,
                author=AUTHOR,
                origin="generated",
                family=question.family,
            )
        )
    return added
