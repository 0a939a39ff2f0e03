"""A picture and a trace to store, and what then lies in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.grid import ImageGrid

if TYPE_CHECKING:
    from storage.store import CorrectionRecord, Store


def noise(seed: int = 0, wh: tuple[int, int] = (17, 9)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (wh[1], wh[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def small_trace() -> AttentionTrace:
    return AttentionTrace(
        tokens=("a", "b", "<|im_end|>"),
        token_ids=(1, 2, 3),
        attention=np.full((2, 1, 4), 0.125, dtype=np.float32),
        layers=(3,),
        depth=4,
        entropies=np.array([0.5, 0.25, 0.125], dtype=np.float32),
        grids=(ImageGrid.regular((64, 64), (2, 2)),),
        steps=(),
        text="ab",
        sink_mask=None,
    )


def corrected(store: Store, **fields: Any) -> CorrectionRecord:
    """A correction that is stored; `picture_id` has to be given, the rest where it matters."""
    plain: dict[str, Any] = {
        "question": "What is there?", "model": "bundled", "adapter_id": None, "answer_shown": "",
        "trace_id": None, "regions": (), "corrected_answer": None,
    }  # fmt: skip
    return store.corrections.add(**(plain | fields))


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
