"""An answer as one file: export it, and look at it again without the model.

The file is a zip of

    trace.json      question, model, tokens, entropies, steps, grids, regions: everything but arrays
    attention.npz   `attention` (row, layer, image) in float16
    picture-0.png   the pictures of the question, in order

and comes back from anybody, so `read_bundle` believes nothing in it.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.bundles.archive import (
    ANEW,
    Readable,
    damaged,
    open_archive,
    packed_archive,
    read_member,
    too_large,
    write_archive,
)
from sayo_app.core.bundles.fields import Header, parse_header
from sayo_app.core.files import whole_file
from sayo_app.core.geometry.region import Region
from sayo_app.core.picture import open_picture
from sayo_app.errors import SayoError, TraceFileError
from sayo_app.settings import DEFAULTS

FORMAT = "sayo-trace"
VERSION = 1
MAX_PICTURES = 8
MAX_BYTES = 512 * 1024**2
_HEADER, _ATTENTION = "trace.json", "attention.npz"
_MAX_HEADER_BYTES = 8 * 1024**2
# Token ids, pixels, entropies: no number in a trace is larger.
_MOST = 2.0**31


@dataclass(frozen=True, eq=False)
class Bundle:
    """An answer with all that is needed to look at it.

    Attributes:
        pictures: RGB, one for each grid of the trace and of its size.
        question: as it was asked.
        model: name or folder of the model that answered.
        adapter: name of the adapter it answered with, None for none.
        trace: tokens, attention, steps.
        regions: drawn regions, one group for each picture.

    Raises:
        TraceFileError: parts that do not fit together.
    """

    pictures: tuple[Image.Image, ...]
    question: str
    model: str
    adapter: str | None
    trace: AttentionTrace
    regions: tuple[tuple[Region, ...], ...]

    def __post_init__(self) -> None:
        wanted = [grid.image_wh for grid in self.trace.grids]
        sizes = [picture.size for picture in self.pictures]
        if sizes != wanted or len(self.regions) != len(wanted) or len(wanted) > MAX_PICTURES:
            raise TraceFileError(
                expected=f"at most {MAX_PICTURES} pictures of {_sizes(wanted)} and their regions",
                got=f"pictures of {_sizes(sizes)} and {len(self.regions)} groups of regions",
                remedy="Export the answer with the pictures it was asked about.",
            )
        if not (np.isfinite(self.trace.attention).all() and np.isfinite(self.trace.entropies).all()):
            raise TraceFileError(
                expected="an answer with finite attention and entropies",
                got="one with some that are not numbers",
                remedy="Ask the question again.",
            )


def trace_json(bundle: Bundle) -> str:
    """Everything but the arrays, as JSON: what `trace.json` in the file holds."""
    return _header_json(bundle, [_png(picture) for picture in bundle.pictures])


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Write one file; other readers never see half of it. The same bundle gives the same bytes.

    Raises:
        StorageError: the file cannot be written.
    """
    pictures = [_png(picture) for picture in bundle.pictures]
    array = io.BytesIO()
    np.lib.format.write_array(array, bundle.trace.attention.astype("<f2"), allow_pickle=False)
    members = {
        _HEADER: _header_json(bundle, pictures).encode(),
        _ATTENTION: packed_archive({"attention.npy": array.getvalue()}),
    } | {_picture_name(index): data for index, data in enumerate(pictures)}
    with whole_file(path) as temporary, temporary.open("wb") as file:
        write_archive(file, members)


def read_bundle(
    path: Path, *, max_bytes: int = MAX_BYTES, max_pixels: int = DEFAULTS.max_picture_pixels
) -> Bundle:
    """Read what `write_bundle` wrote; attention comes back as float32.

    Args:
        path: the file, from wherever.
        max_bytes: largest file, and largest sum of what is in it, unpacked; checked before unpacking.
        max_pixels: largest width x height of a picture; checked in its header.

    Raises:
        TraceFileError: no exported trace, a damaged or changed one, one over a limit, or one that a
            newer version wrote.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise too_large(f"{size / 1e6:.0f} MB", max_bytes)
        with path.open("rb") as file:
            return _read(file, max_bytes, max_pixels)
    except OSError as error:
        raise TraceFileError(
            expected="a trace file", got=f"no readable file named {path.name!r}", remedy="Choose it again."
        ) from error


def _read(file: Readable, max_bytes: int, max_pixels: int) -> Bundle:
    with open_archive(file, max_members=2 + MAX_PICTURES, max_bytes=max_bytes) as archive:
        names = archive.namelist()
        if _HEADER not in names:
            raise TraceFileError(
                expected=f"a trace exported by SAYO Studio (with a {_HEADER} inside)",
                got="a zip file of something else",
                remedy=ANEW,
            )
        header = parse_header(_json(read_member(archive, _HEADER, _MAX_HEADER_BYTES)), FORMAT, VERSION)
        pictures = [_picture_name(index) for index in range(len(header.grids))]
        if {*names} != {_HEADER, _ATTENTION, *pictures}:
            raise TraceFileError(
                expected=f"{_HEADER}, {_ATTENTION}, {', '.join(pictures)} and nothing else in the file",
                got=", ".join(name[:80] for name in names),
                remedy=ANEW,
            )
        # Packed data is never much larger than what it holds.
        attention = _attention(
            read_member(archive, _ATTENTION, _slack(2 * math.prod(header.shape))), header, max_bytes
        )
        areas = [math.prod(grid.image_wh) for grid in header.grids]
        files = [
            read_member(archive, name, _slack(3 * min(area, max_pixels)))
            for name, area in zip(pictures, areas, strict=True)
        ]
    try:
        return Bundle(
            pictures=tuple(
                _picture(data, digest, max_pixels) for data, digest in zip(files, header.digests, strict=True)
            ),
            question=header.question,
            model=header.model,
            adapter=header.adapter,
            trace=header.trace(attention),
            regions=header.regions,
        )
    except TraceFileError:
        raise
    except SayoError as error:
        raise TraceFileError(
            expected=f"a sound trace file: {error.expected}", got=error.got, remedy=ANEW
        ) from error


def _header_json(bundle: Bundle, pictures: list[bytes]) -> str:
    trace = bundle.trace
    header = {
        "format": FORMAT,
        "version": VERSION,
        "question": bundle.question,
        "model": bundle.model,
        "adapter": bundle.adapter,
        "answer": trace.text,
        "tokens": trace.tokens,
        "token_ids": trace.token_ids,
        "entropies": [float(entropy) for entropy in trace.entropies],
        "steps": [asdict(step) for step in trace.steps],
        "layers": trace.layers,
        "depth": trace.depth,
        "sinks": None if trace.sink_mask is None else np.flatnonzero(~trace.sink_mask).tolist(),
        "pictures": [
            {
                "file": _picture_name(index),
                "sha256": hashlib.sha256(data).hexdigest(),
                "grid": grid.to_dict(),
                "regions": [region.to_dict() for region in regions],
            }
            for index, (data, grid, regions) in enumerate(
                zip(pictures, trace.grids, bundle.regions, strict=True)
            )
        ],
    }
    return json.dumps(header, ensure_ascii=False, allow_nan=False, indent=1)


def _json(data: bytes) -> Any:
    """Strict JSON: no NaN, no infinity, no number that has no business here, no half characters."""
    try:
        found = json.loads(data, parse_constant=_refused, parse_int=_whole, parse_float=_finite)
        # "\\ud800" alone is valid JSON, but no text that could be written anywhere again.
        json.dumps(found, ensure_ascii=False).encode()
        return found
    except (ValueError, RecursionError) as error:
        raise TraceFileError(
            expected=f"a {_HEADER} of text and finite numbers", got="other content", remedy=ANEW
        ) from error


def _refused(text: str) -> float:
    raise ValueError(f"{text} is no number of a trace")


def _whole(text: str) -> int:
    number = int(text)
    return number if abs(number) <= _MOST else int(_refused(text[:20]))


def _finite(text: str) -> float:
    number = float(text)
    return number if abs(number) <= _MOST else _refused(text[:20])


def _attention(data: bytes, header: Header, max_bytes: int) -> Float[np.ndarray, "row layer image"]:
    """The rows in float32. The array's own header is read first, and no more memory taken than it fits."""
    shape = header.shape
    with open_archive(io.BytesIO(data), max_members=1, max_bytes=max_bytes) as archive:
        array = io.BytesIO(read_member(archive, "attention.npy", _slack(2 * math.prod(shape))))
    try:
        version = np.lib.format.read_magic(array)
        got, fortran, kind = np.lib.format.read_array_header_1_0(array)
    except Exception as error:  # numpy evaluates the header as Python literals.
        raise damaged(error) from error
    body = array.getbuffer()[array.tell() :]
    if version != (1, 0) or fortran or kind != np.dtype("<f2") or got != shape:
        raise TraceFileError(
            expected=f"attention of shape {shape} (row, layer, image) in float16",
            got=f"{str(got)[:80]} in {str(kind)[:40]}",
            remedy=ANEW,
        )
    if len(body) != 2 * math.prod(shape):
        raise damaged(ValueError(f"{len(body)} bytes of attention for {shape}"))
    attention = np.frombuffer(body, dtype="<f2").reshape(shape).astype(np.float32)
    # The comparison is False for NaN too. Rounding to float16 may lift a weight of 1 no higher than 1.
    if not ((attention >= 0) & (attention <= 1)).all():
        raise TraceFileError(
            expected="attention weights from 0 to 1",
            got="others (negative, above 1 or no number)",
            remedy=ANEW,
        )
    return attention


def _slack(size: int) -> int:
    """Bytes that so much data has at most, with a file's own words about it."""
    return size + size // 100 + 2**16


def _picture(data: bytes, digest: str, max_pixels: int) -> Image.Image:
    if hashlib.sha256(data).hexdigest() != digest:
        raise TraceFileError(
            expected="the picture that the question was asked about", got="a changed one", remedy=ANEW
        )
    return open_picture(data, max_bytes=len(data), max_pixels=max_pixels)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # A plain copy of the pixels: colour profiles and other extras of the upload stay out of the file.
    Image.fromarray(np.asarray(picture.convert("RGB"))).save(buffer, "PNG")
    return buffer.getvalue()


def _picture_name(index: int) -> str:
    return f"picture-{index}.png"


def _sizes(sizes_wh: list[tuple[int, int]]) -> str:
    return ", ".join(f"{width} x {height} px" for width, height in sizes_wh) or "no size"
