"""Stored corrections as training samples, and which of them are held out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from sayo_app.core.attention.steps import answer_text
from sayo_app.core.geometry.region import Region
from sayo_app.core.picture import open_picture
from sayo_app.core.scenes.questions import make_question
from sayo_app.errors import TrainingError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.base.pictures import pixel_hash
from storage.base.records import COUNTED_STATES
from storage.formats.catalogue import find_format
from storage.formats.common.rows import ReadOptions, Row
from storage.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Sample:
    """A question on a picture, with what is wanted of the answer.

    Attributes:
        picture_id: the same for samples on the same picture; the split is by it.
        open_picture: gives the RGB picture; opened when needed, so a set of any size fits in memory.
        answer: the right answer, or None where nobody said what it is.
        regions: where to look and where not to, original pixels; empty where nobody drew.
        family: the question's family, "" where unknown.
    """

    picture_id: str
    open_picture: Callable[[], Image.Image]
    question: str
    answer: str | None
    regions: tuple[Region, ...]
    family: str = ""


@dataclass(frozen=True, eq=False)
class Chosen:
    """The corrections of a run; no picture is both trained on and held out.

    Attributes:
        all: whatever the run was given, in order.
    """

    all: list[Sample]
    training: list[Sample]
    held_out: list[Sample]


def chosen_samples(config: RunConfig, store: Store, settings: Settings) -> Chosen:
    """Those of the run's file or else of the store, and of its file of held-out ones or else a share.

    Raises:
        ImportFileError: a file that cannot be read or trusted.
        TrainingError: too few to train on or to hold out.
    """
    samples = (
        read_samples(Path(config.data), config.data_format, settings) if config.data else load_samples(store)
    )
    if not config.held_out_data:
        return Chosen(samples, *split_by_picture(samples, config.held_out_share, config.seed))
    held_out_format = config.held_out_format or config.data_format
    held_out = read_samples(Path(config.held_out_data), held_out_format, settings)
    return Chosen([*samples, *held_out], without_pictures_of(held_out, samples), held_out)


def load_samples(store: Store) -> list[Sample]:
    """Every submitted or accepted correction that says where to look or what to answer, oldest first.

    A correction without a right answer means that the answer shown was right.
    """
    samples = []
    for correction in reversed(store.corrections.all(COUNTED_STATES)):
        answer = correction.corrected_answer or answer_text(correction.answer_shown)
        if answer is None and not correction.regions:
            continue
        samples.append(
            Sample(
                picture_id=correction.picture_id,
                open_picture=partial(store.pictures.load, correction.picture_id),
                question=correction.question,
                answer=answer,
                regions=correction.regions,
                family=correction.family or "",
            )
        )
    return samples


def read_samples(path: Path, format_name: str, settings: Settings) -> list[Sample]:
    """The corrections of a file in one of `storage.formats`, without storing them.

    Rows that cannot be used are passed over, and so are those that say neither where to look nor what is
    right; the log says how many.

    Raises:
        ImportFileError: an unknown format, or a file that cannot be read or trusted.
        TrainingError: no row that can be trained on.
    """
    chosen = find_format(format_name)
    if path.is_dir() and chosen.file is not None:
        path = path / chosen.file
    samples: list[Sample] = []
    rows = 0
    for row in chosen.read(path, ReadOptions(settings)):
        rows += 1
        if isinstance(row, Row):
            said = row.now
            answer = said.answer or answer_text(row.answer_shown)
            if (said.state or "submitted") in COUNTED_STATES and (answer or said.regions):
                samples.append(_row_sample(row, answer, settings))
    logger.info("%d of %d rows of %s can be trained on", len(samples), rows, path.name)
    if not samples:
        raise TrainingError(
            expected=f"{chosen.title} with corrections that can be trained on",
            got=f"{rows} rows, none of which can",
            remedy="See that each row has a picture, a question, and a region or an answer.",
        )
    return samples


def _row_sample(row: Row, answer: str | None, settings: Settings) -> Sample:
    data = row.picture if isinstance(row.picture, bytes) else row.picture.read_bytes()
    return Sample(
        picture_id=hashlib.sha256(data).hexdigest(),
        open_picture=partial(
            open_picture,
            row.picture,
            max_bytes=settings.max_file_bytes,
            max_pixels=settings.max_picture_pixels,
        ),
        question=row.now.question,
        answer=answer,
        regions=tuple(row.now.regions),
        family=row.family or "",
    )


def scene_sample(seed: int) -> Sample:
    """The composed scene and question of this seed, with its true boxes and answer."""
    scene, question = make_question(seed)
    return Sample(
        picture_id=f"scene-{scene.seed}",
        open_picture=lambda: make_question(seed)[0].picture,
        question=question.question,
        answer=question.answer,
        regions=tuple(Region.box(*box) for box in question.boxes_xyxy),
        family=question.family,
    )


def split_by_picture(
    samples: Sequence[Sample], held_out_share: float, seed: int
) -> tuple[list[Sample], list[Sample]]:
    """Training and held-out samples; all samples of a picture fall on the same side.

    Pictures are ranked by a hash of seed and picture, so one more correction moves at most one other.

    Raises:
        TrainingError: fewer than two pictures, or a share that is not between 0 and 1.
    """
    if not 0 < held_out_share < 1:
        raise TrainingError(
            expected="a held-out share between 0 and 1",
            got=str(held_out_share),
            remedy="Set held_out_share to 0.25, say.",
        )
    pictures = sorted({sample.picture_id for sample in samples}, key=lambda name: _rank(name, seed))
    if len(pictures) < 2:
        raise TrainingError(
            expected="corrections on at least two pictures, one of them to be held out",
            got=f"{len(samples)} corrections on {len(pictures)} pictures",
            remedy="Correct answers on more pictures, or add generated corrections.",
        )
    count = min(max(1, round(held_out_share * len(pictures))), len(pictures) - 1)
    held_out = set(pictures[:count])
    return (
        [sample for sample in samples if sample.picture_id not in held_out],
        [sample for sample in samples if sample.picture_id in held_out],
    )


def without_pictures_of(held_out: Sequence[Sample], samples: Sequence[Sample]) -> list[Sample]:
    """The samples on other pictures than the held-out ones, told apart by their pixels.

    Raises:
        TrainingError: there is none.
    """
    apart = {pixel_hash(sample.open_picture()) for sample in held_out}
    kept = [sample for sample in samples if pixel_hash(sample.open_picture()) not in apart]
    if len(kept) < len(samples):
        logger.info("%d corrections are on held-out pictures: left out", len(samples) - len(kept))
    if not kept:
        raise TrainingError(
            expected="corrections on other pictures than the held-out ones",
            got=f"{len(samples)} corrections, all on held-out pictures",
            remedy="Name another file with held_out_data, or correct answers on other pictures.",
        )
    return kept


def _rank(picture_id: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{picture_id}".encode()).hexdigest()
