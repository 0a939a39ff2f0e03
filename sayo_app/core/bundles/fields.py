"""The fields of an exported trace's JSON, checked one by one: it may come from anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from sayo_app.core.attention.trace import AttentionTrace, Step
from sayo_app.core.bundles.archive import ANEW
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.errors import SayoError, TraceFileError

# Far above every model; below it, a grid or a mask takes a few MB.
MAX_IMAGE_TOKENS = 2**18
_NUMBER = (int, float)


@dataclass(frozen=True, eq=False)
class Header:
    """What stands in the JSON, each field of the right type and size."""

    question: str
    model: str
    adapter: str | None
    text: str
    tokens: tuple[str, ...]
    token_ids: tuple[int, ...]
    entropies: Float[np.ndarray, " token"]
    steps: tuple[Step, ...]
    layers: tuple[int, ...]
    depth: int
    grids: tuple[ImageGrid, ...]
    digests: tuple[str, ...]
    regions: tuple[tuple[Region, ...], ...]
    sink_mask: Bool[np.ndarray, " image"] | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the attention (row, layer, image)."""
        return len(self.tokens) - 1, len(self.layers), sum(grid.n_tokens for grid in self.grids)

    def trace(self, attention: Float[np.ndarray, "row layer image"]) -> AttentionTrace:
        """The trace with its rows.

        Raises:
            CaptureError: parts that do not fit together.
        """
        return AttentionTrace(
            tokens=self.tokens,
            token_ids=self.token_ids,
            attention=attention,
            layers=self.layers,
            depth=self.depth,
            entropies=self.entropies,
            grids=self.grids,
            steps=self.steps,
            text=self.text,
            sink_mask=self.sink_mask,
        )


def parse_header(data: Any, name: str, version: int) -> Header:
    """The fields of a parsed JSON document.

    Args:
        data: numbers in it are finite.
        name: what `format` must say.
        version: the newest that can be read.

    Raises:
        TraceFileError: another format, a newer version, or a field that is missing or wrong.
    """
    if not isinstance(data, dict) or data.get("format") != name:
        raise TraceFileError(
            expected=f"a trace exported by SAYO Studio (format {name!r})",
            got="a file of another format",
            remedy=ANEW,
        )
    found = _field(data, "version", int)
    if found > version:
        raise TraceFileError(
            expected=f"a trace file of version {version} at most",
            got=f"version {found}, from a newer SAYO Studio",
            remedy="Update SAYO Studio, or export the answer with this version.",
        )
    _check(found >= 1, "a version from 1", found)
    entries = _list(data, "pictures", dict)
    _check(bool(entries), "at least one picture", "none")
    grids = _grids([_field(entry, "grid", dict) for entry in entries])
    adapter = data.get("adapter")
    _check(adapter is None or isinstance(adapter, str), "adapter as text or null", adapter)
    entropies = _list(data, "entropies", _NUMBER)
    _check(all(entropy >= 0 for entropy in entropies), "entropies from 0", "others")
    tokens = tuple(_list(data, "tokens", str))
    _check(bool(tokens), "at least one token", "none")
    layers = tuple(_list(data, "layers", int))
    _check(bool(layers) and min(layers) >= 0, "layers from 0", layers)
    return Header(
        question=_field(data, "question", str),
        model=_field(data, "model", str),
        adapter=adapter,
        text=_field(data, "answer", str),
        tokens=tokens,
        token_ids=tuple(_list(data, "token_ids", int)),
        entropies=np.array(entropies, dtype=np.float32),
        steps=_steps(_list(data, "steps", dict)),
        layers=layers,
        depth=_field(data, "depth", int),
        grids=grids,
        digests=tuple(_field(entry, "sha256", str) for entry in entries),
        regions=tuple(
            _regions(_list(entry, "regions", dict), grid) for entry, grid in zip(entries, grids, strict=True)
        ),
        sink_mask=_sink_mask(data.get("sinks"), sum(grid.n_tokens for grid in grids)),
    )


def _grids(entries: list[dict[str, Any]]) -> tuple[ImageGrid, ...]:
    """Grids of a sane size: the cells of a regular one follow from two numbers, which are checked first."""
    grids: list[ImageGrid] = []
    left = MAX_IMAGE_TOKENS
    for entry in entries:
        sides = _list(entry, "image_wh", int)
        _check(len(sides) == 2 and min(sides) >= 1, "image_wh as width and height", sides)
        if entry.get("grid_hw") is not None:
            shape = _list(entry, "grid_hw", int)
            _check(len(shape) == 2 and min(shape) >= 1, "grid_hw as rows and columns", shape)
            count = shape[0] * shape[1]
        else:
            cells = _list(entry, "cells_xyxy", list)
            sound = all(len(cell) == 4 and all(type(edge) in _NUMBER for edge in cell) for cell in cells)
            _check(sound, "cells of four numbers", "others")
            _check(any(x1 > x0 and y1 > y0 for x0, y0, x1, y1 in cells), "a cell with an area", "none")
            count = len(cells)
        left -= count
        _check(left >= 0, f"at most {MAX_IMAGE_TOKENS} image tokens", "more")
        grids.append(_made(ImageGrid.from_dict, entry))
    return tuple(grids)


def _steps(entries: list[dict[str, Any]]) -> tuple[Step, ...]:
    steps: list[Step] = []
    stop = 0
    for index, entry in enumerate(entries):
        kind = entry.get("kind")
        _check(kind in ("reasoning", "answer"), "a step of reasoning or answer", kind)
        step = Step(
            _field(entry, "index", int),
            _field(entry, "start", int),
            _field(entry, "stop", int),
            _field(entry, "text", str),
            "answer" if kind == "answer" else "reasoning",
        )
        _check(step.index == index and step.start >= stop, "steps one after the other", entry)
        stop = step.stop
        steps.append(step)
    return tuple(steps)


def _regions(entries: list[dict[str, Any]], grid: ImageGrid) -> tuple[Region, ...]:
    return tuple(
        _made(lambda entry: Region.from_dict(entry).fitted(grid.image_wh), entry) for entry in entries
    )


def _sink_mask(sinks: Any, count: int) -> Bool[np.ndarray, " image"] | None:
    if sinks is None:
        return None
    places = _list({"sinks": sinks}, "sinks", int)
    _check(all(0 <= place < count for place in places), f"sinks among {count} image tokens", "others")
    mask = np.ones(count, dtype=bool)
    mask[np.array(places, dtype=int)] = False
    return mask


def _made(make: Any, entry: dict[str, Any]) -> Any:
    """What `make` makes of an entry, its errors being those of the file."""
    try:
        return make(entry)
    except SayoError as error:
        raise _wrong(error.expected, error.got) from error


def _field(data: dict[str, Any], key: str, kind: type) -> Any:
    value = data.get(key)
    # Not isinstance: true and false would pass for whole numbers.
    _check(type(value) is kind, f"{key!r} as {kind.__name__}", value)
    return value


def _list(data: dict[str, Any], key: str, kinds: type | tuple[type, ...]) -> list[Any]:
    values = _field(data, key, list)
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    _check(all(type(value) in allowed for value in values), f"{key!r} of {allowed[-1].__name__}", values)
    return list(values)


def _check(right: bool, expected: str, got: Any) -> None:
    if not right:
        raise _wrong(expected, got if isinstance(got, str) else repr(got))


def _wrong(expected: str, got: str) -> TraceFileError:
    return TraceFileError(expected=f"a sound trace file: {expected}", got=got[:200], remedy=ANEW)
