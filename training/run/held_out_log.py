"""What each held-out correction was answered at each evaluation, in files that the page and the verdict read.

Beside `progress.jsonl`, in `evaluations/`: `000020.json` with the figures of all answers after step 20, and
pictures of where the first few of them looked.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sayo_app.core.files import write_text
from sayo_app.core.rendering.animate import view, write_png
from sayo_app.core.verdict import COMPARED, Verdict, judge_change
from sayo_app.errors import SayoError
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import encode
from training.data.samples import Sample
from training.rl.judging import Judged, summary

log = logging.getLogger(__name__)
FOLDER = "evaluations"
DRAWN = 4
PICTURE_SIDE = 240


class HeldOut:
    """Keeps every evaluation of a run's held-out corrections."""

    def __init__(self, folder: Path, loaded: LoadedModel, samples: Sequence[Sample]) -> None:
        """Args: folder: the run's own."""
        self.folder, self.samples, self._loaded = folder / FOLDER, samples, loaded

    def keep(self, step: int, judged: Sequence[Judged]) -> None:
        """Write the figures of all answers and draw the first few.

        Raises:
            StorageError: the folder cannot be written.
        """
        pairs = list(zip(self.samples, judged, strict=True))
        rows: list[dict[str, Any]] = [_row(sample, one) for sample, one in pairs]
        for number, (sample, one) in enumerate(pairs[:DRAWN]):
            name = f"{step:06d}-{number}.png"
            if self._draw(self.folder / name, sample, one):
                rows[number]["drawn"] = name
        text = json.dumps({"step": step, "summary": summary(judged), "answers": rows}, allow_nan=False)
        write_text(self.folder / f"{step:06d}.json", text)

    def verdict(self, step: int) -> Verdict:
        """Compare the answers before the first step with those after so many, pair by pair."""
        before, after = (
            json.loads((self.folder / f"{number:06d}.json").read_text(encoding="utf-8"))["answers"]
            for number in (0, step)
        )
        return judge_change(before, after)

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


def _row(sample: Sample, judged: Judged) -> dict[str, Any]:
    return {
        "picture_id": sample.picture_id,
        "question": sample.question,
        "wanted": sample.answer,
        "text": judged.text,
        **{name: getattr(judged, name) for name in COMPARED},
    }
