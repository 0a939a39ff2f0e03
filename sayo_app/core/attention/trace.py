"""What a model looked at while it answered."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from sayo_app.core.files import whole_file
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.errors import CaptureError, NotFoundError, SayoError, StorageError


@dataclass(frozen=True)
class Step:
    """A sentence of reasoning, or the answer block: tokens `start` up to, not including, `stop`."""

    index: int
    start: int
    stop: int
    text: str
    kind: Literal["reasoning", "answer"]


@dataclass(frozen=True, eq=False)
class AttentionTrace:
    """Attention from the tokens of one completion to the image tokens of its picture or pictures.

    Attributes:
        tokens: the completion's T text pieces, in order; the last one usually ends the turn.
        token_ids: their ids.
        attention: T - 1 rows: row i has completion token i as the query, heads averaged, image
            columns only and not renormalised, so that a row's sum is its attention on the image.
            With several pictures their image tokens follow each other in the order of `grids`.
        layers: decoder layer of each entry of axis 1, ascending; the last is the model's last
            full-attention layer.
        depth: number of decoder layers in the model.
        entropies: in nats, of the distribution that token i was drawn from.
        grids: one for each picture of the question, where its image tokens lie on it.
        steps: reasoning steps and answer.
        text: the whole answer.
        sink_mask: True for image tokens to keep, False for attention sinks; None if not known.

    Raises:
        CaptureError: parts that do not fit together.
    """

    tokens: tuple[str, ...]
    token_ids: tuple[int, ...]
    attention: Float[np.ndarray, "row layer image"]
    layers: tuple[int, ...]
    depth: int
    entropies: Float[np.ndarray, " token"]
    grids: tuple[ImageGrid, ...]
    steps: tuple[Step, ...]
    text: str
    sink_mask: Bool[np.ndarray, " image"] | None = None

    def __post_init__(self) -> None:
        count, images = len(self.tokens), sum(grid.n_tokens for grid in self.grids)
        if not self.grids:
            raise _misfit("a grid for each picture", "none")
        if count < 1 or len(self.token_ids) != count or self.entropies.shape != (count,):
            raise _misfit(
                "at least one token, with one id and one entropy each",
                f"{count} tokens, {len(self.token_ids)} ids and {len(self.entropies)} entropies",
            )
        wanted = (count - 1, len(self.layers), images)
        if self.attention.shape != wanted:
            raise _misfit(f"attention of shape {wanted} (row, layer, image)", f"{self.attention.shape}")
        if not self.layers or list(self.layers) != sorted({*self.layers}) or not self.layers[-1] < self.depth:
            raise _misfit(f"ascending layers below {self.depth}", f"{self.layers}")
        if self.sink_mask is not None and self.sink_mask.shape != (images,):
            raise _misfit(f"a sink mask of {images} image tokens", f"{self.sink_mask.shape}")
        if any(not 0 <= step.start < step.stop <= count for step in self.steps):
            raise _misfit(f"steps within {count} tokens", f"{[(s.start, s.stop) for s in self.steps]}")

    @property
    def grid(self) -> ImageGrid:
        """The grid of the first picture, which is the only one in most questions."""
        return self.grids[0]

    def of_picture(self, index: int) -> AttentionTrace:
        """The same trace with the image tokens of one picture only.

        Raises:
            CaptureError: there is no such picture.
        """
        if not 0 <= index < len(self.grids):
            raise _misfit(f"a picture from 0 to {len(self.grids) - 1}", str(index))
        if len(self.grids) == 1:
            return self
        start = sum(grid.n_tokens for grid in self.grids[:index])
        own = slice(start, start + self.grids[index].n_tokens)
        mask = None if self.sink_mask is None else self.sink_mask[own]
        return replace(self, grids=(self.grids[index],), attention=self.attention[:, :, own], sink_mask=mask)

    def save(self, path: Path) -> None:
        """Write one file; other readers never see half of it. Raises: StorageError."""
        with whole_file(path) as temporary:
            temporary.write_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Compressed, attention in float16; the same trace gives the same bytes."""
        header = {
            "tokens": self.tokens,
            "token_ids": self.token_ids,
            "layers": self.layers,
            "depth": self.depth,
            "grids": [grid.to_dict() for grid in self.grids],
            "steps": [asdict(step) for step in self.steps],
            "text": self.text,
        }
        arrays: dict[str, np.ndarray] = {
            "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
            "attention": self.attention.astype(np.float16),
            "entropies": self.entropies.astype(np.float32),
        }
        if self.sink_mask is not None:
            arrays["sink_mask"] = self.sink_mask
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays, allow_pickle=False)
        return buffer.getvalue()

    @classmethod
    def load(cls, path: Path) -> AttentionTrace:
        """Read what `save` wrote; attention comes back as float32.

        Raises:
            NotFoundError: there is no such file.
            StorageError: the file is damaged.
        """
        if not path.is_file():
            raise NotFoundError(
                expected=f"the trace {path.name}", got="no such file", remedy="Ask the question again."
            )
        try:
            # np.load would leave the file open on some kinds of damage.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                header = json.loads(arrays["header"].tobytes())
                return cls(
                    tokens=tuple(header["tokens"]),
                    token_ids=tuple(header["token_ids"]),
                    attention=arrays["attention"].astype(np.float32),
                    layers=tuple(header["layers"]),
                    depth=header["depth"],
                    entropies=arrays["entropies"],
                    grids=_grids(header),
                    steps=tuple(Step(**step) for step in header["steps"]),
                    text=header["text"],
                    sink_mask=arrays.get("sink_mask"),
                )
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, SayoError) as error:
            raise StorageError(
                expected=f"a whole trace in {path.name}",
                got=f"a damaged file ({error})",
                remedy="Ask the question again.",
            ) from error


def _grids(header: dict[str, Any]) -> tuple[ImageGrid, ...]:
    """Files written before questions could have several pictures hold one grid by another name."""
    grids = header["grids"] if "grids" in header else [header["grid"]]
    return tuple(ImageGrid.from_dict(grid) for grid in grids)


def _misfit(expected: str, got: str) -> CaptureError:
    return CaptureError(expected=expected, got=got, remedy="Ask the question again to record a new trace.")
