"""What each held-out correction was answered at each evaluation, kept in the run's folder.

As `core.evaluations` has it, where the page and the verdict read it; of the first few answers with a picture
of where the model looked.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from sayo_app.core.evaluations import (
    Evaluation,
    HeldOutAnswer,
    picture_path,
    verdict_after,
    write_evaluation,
)
from sayo_app.core.rendering.animate import view, write_png
from sayo_app.core.verdict import Verdict
from sayo_app.errors import SayoError
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import encode
from training.data.samples import Sample
from training.rl.judging import Judged, summary

log = logging.getLogger(__name__)
DRAWN = 4
PICTURE_SIDE = 240


class HeldOut:
    """Keeps every evaluation of a run's held-out corrections."""

    def __init__(self, folder: Path, loaded: LoadedModel, samples: Sequence[Sample]) -> None:
        """Args: folder: the run's own."""
        self.folder, self.samples, self._loaded = folder, samples, loaded

    def keep(self, step: int, judged: Sequence[Judged]) -> None:
        """Write the figures of all answers and draw the first few.

        Raises:
            StorageError: the folder cannot be written.
        """
        answers = []
        for number, (sample, one) in enumerate(zip(self.samples, judged, strict=True)):
            path = picture_path(self.folder, step, number)
            drawn = path.name if number < DRAWN and self._draw(path, sample, one) else None
            answers.append(_answer(sample, one, drawn))
        write_evaluation(self.folder, Evaluation(step, summary(judged), tuple(answers)))

    def verdict(self, step: int) -> Verdict:
        """Compare the answers before the first step with those after so many, pair by pair."""
        return verdict_after(self.folder, step)

    def _draw(self, path: Path, sample: Sample, judged: Judged) -> bool:
        if judged.attention_map is None:
            return False
        try:
            grid = encode(self._loaded, sample).grid
            write_png(path, view([sample.open_picture()], (grid,), judged.attention_map, side=PICTURE_SIDE))
        except SayoError as error:
            # A picture for people to look at is not worth a run.
            log.warning("%s", error)
            return False
        return True


def _answer(sample: Sample, judged: Judged, drawn: str | None) -> HeldOutAnswer:
    return HeldOutAnswer(
        sample.picture_id, sample.question, sample.answer, judged.text, figures=judged.figures, drawn=drawn
    )
