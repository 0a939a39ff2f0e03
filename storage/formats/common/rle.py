"""Masks as run lengths, as COCO and as Label Studio write them.

COCO (pycocotools `maskApi.c`): the mask is read column by column; run lengths alternate between outside and
inside, outside first. As text, each run from the fourth on is written as the difference to the run two
before it, five bits a character from the lowest up, bit 5 says that more follow, and 48 is added to make it
a letter.

Label Studio (`rle-pack` of thi.ng/umbrella): a bit stream over the RGBA bytes of the mask, row by row; of
those only alpha counts. 32 bits: number of bytes; 5 bits: word size less 1 (8 bits a word here); four times
4 bits: widths of the run-length fields, less 1. Then, until all bytes are there: 1 bit, repeated or not; 2
bits, which width; length less 1 in that width; then one word to be repeated, or as many words as the length
says.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool

from sayo_app.errors import ImportRowError
from storage.formats.common.rows import unfit

_WORD_BITS = 8
# The widths that Label Studio itself writes.
_LENGTH_BITS = (3, 4, 8, 16)
_CHANNELS = 4
_OPAQUE = 128


def counts_to_mask(counts: Sequence[int], size_hw: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """The mask of COCO's run lengths.

    Raises:
        ImportRowError: they do not add up to the size.
    """
    height, width = size_hw
    if sum(counts) != height * width or min(counts, default=0) < 0:
        raise unfit(f"run lengths for {width} x {height} px", f"{len(counts)} that add up to {sum(counts)}")
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(width, height).T


def text_to_counts(text: str) -> list[int]:
    """COCO's run lengths from their compressed text.

    Raises:
        ImportRowError: characters that cannot be in one, or a text that is cut short.
    """
    counts: list[int] = []
    value, shift = 0, 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or shift > 60:
            raise unfit("compressed run lengths", f"text with {letter!r} at a wrong place")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise unfit("compressed run lengths", "text that is cut short")
    return counts


def counts_to_text(counts: Sequence[int]) -> str:
    """COCO's compressed text of run lengths."""
    letters = []
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            letters.append(chr(48 + bits + 32 * more))
    return "".join(letters)


def unpack_brush(packed: Sequence[Any], size_hw: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """The mask of a Label Studio brush: True where alpha is at least half.

    Raises:
        ImportRowError: cut short, or of another size.
    """
    height, width = size_hw
    total = height * width * _CHANNELS
    stream = _Bits(packed)
    if stream.read(32) != total:
        raise unfit(f"a brush mask of {width} x {height} px", "one of another size")
    word_bits = stream.read(5) + 1
    widths = [stream.read(4) + 1 for _ in range(4)]
    if word_bits != _WORD_BITS:
        raise unfit("a brush mask of 8 bits a channel", f"{word_bits} bits")
    values = np.zeros(total, dtype=np.uint8)
    at = 0
    while at < total:
        repeated = stream.read(1)
        count = min(stream.read(widths[stream.read(2)]) + 1, total - at)
        if repeated:
            values[at : at + count] = stream.read(_WORD_BITS)
        else:
            values[at : at + count] = stream.words(count)
        at += count
    return values.reshape(height, width, _CHANNELS)[:, :, 3] >= _OPAQUE


def pack_brush(mask: Bool[np.ndarray, "height width"]) -> list[int]:
    """A mask as a Label Studio brush: all four channels are 255 inside and 0 outside."""
    bits = [_binary(mask.size * _CHANNELS, 32), _binary(_WORD_BITS - 1, 5)]
    bits += [_binary(width - 1, 4) for width in _LENGTH_BITS]
    pixels = mask.ravel()
    edges = [0, *(np.flatnonzero(np.diff(pixels)) + 1).tolist(), pixels.size]
    for start, stop in pairwise(edges):
        left, word = (stop - start) * _CHANNELS, 255 if pixels[start] else 0
        while left:
            count = min(left, 1 << _LENGTH_BITS[-1])
            which = next(i for i, width in enumerate(_LENGTH_BITS) if count <= 1 << width)
            bits += ["1", _binary(which, 2), _binary(count - 1, _LENGTH_BITS[which]), _binary(word, 8)]
            left -= count
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    return [int(stream[at : at + 8], 2) for at in range(0, len(stream), 8)]


def _binary(value: int, width: int) -> str:
    return f"{value:0{width}b}"


class _Bits:
    """A bit stream, highest bit first."""

    def __init__(self, packed: Sequence[Any]) -> None:
        if not all(isinstance(byte, int) and 0 <= byte <= 255 for byte in packed):
            raise unfit("a brush mask as bytes from 0 to 255", "other values")
        self._data = bytes(packed)
        self._at = 0

    def read(self, width: int) -> int:
        stop = self._at + width
        if stop > len(self._data) * 8:
            raise self._cut_short()
        first, last = self._at // 8, (stop + 7) // 8
        value = int.from_bytes(self._data[first:last], "big") >> (last * 8 - stop)
        self._at = stop
        return value & ((1 << width) - 1)

    def words(self, count: int) -> np.ndarray:
        """`count` words of 8 bits, wherever they begin in a byte."""
        first, shift = divmod(self._at, 8)
        data = np.frombuffer(self._data, np.uint8, offset=first)[: count + (shift > 0)].astype(np.uint16)
        if self._at + count * _WORD_BITS > len(self._data) * 8:
            raise self._cut_short()
        self._at += count * _WORD_BITS
        if not shift:
            return data.astype(np.uint8)
        return ((data[:-1] << shift | data[1:] >> (8 - shift)) & 255).astype(np.uint8)

    @staticmethod
    def _cut_short() -> ImportRowError:
        return unfit("a whole brush mask", "one that is cut short")
