"""Packed pretraining batches: several questions on one picture, each seeing the picture and itself only.

A question has two or three informative tokens, so one question a picture would waste the picture. The
questions of a picture stand one behind the other; a block mask and restarted positions give every one of
them exactly the numbers it would have alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Tensor

from sayo_app.core.scenes.questions import SceneQuestion, scene_questions
from sayo_app.core.scenes.scene import COLOURS, KINDS, LETTERS, SHAPES_WH, Scene, make_scene
from training.bundled.architecture import MERGE, PATCH_PX, TOKEN_PX

PACKED_FAMILIES = (
    "description",
    "attribute",
    "attribute",
    "attribute",
    "identity",
    "identity",
    "relation",
    "relation",
    "count",
    "comparison",
)
IGNORE = -100


@dataclass
class PackedBatch:
    """Pictures of one size with their packed questions; `dense` labels each image token.

    `dense` columns: kind, colour, letter (index or -100), row third, column third of the object's centre.
    Kind has one more class, the last: background.
    """

    patches: UInt8[Tensor, "patch pixel"]
    grid_thw: Int[Tensor, "picture 3"]
    input_ids: Int[Tensor, "picture token"]
    labels: Int[Tensor, "picture token"]
    segments: Int[Tensor, "picture token"]
    position_ids: Int[Tensor, "3 picture token"]
    dense: Int[Tensor, "image 5"]

    def mask(self) -> Bool[Tensor, "picture 1 query key"]:
        """True where a token may look: before it, in the prefix or in its own question."""
        s = self.segments
        length = s.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        same = (s[:, None, :] == 0) | (s[:, None, :] == s[:, :, None])
        return (causal & same)[:, None]


def patchify(picture: Image.Image) -> UInt8[np.ndarray, "patch pixel"]:
    """Pixels in the order in which Qwen's image processor gives them, before normalisation."""
    pixels = np.asarray(picture).transpose(2, 0, 1)
    channels, height, width = pixels.shape
    rows, columns = height // PATCH_PX, width // PATCH_PX
    blocks = pixels.reshape(channels, rows // MERGE, MERGE, PATCH_PX, columns // MERGE, MERGE, PATCH_PX)
    blocks = blocks.transpose(1, 4, 2, 5, 0, 3, 6)[:, :, :, :, :, None]
    return np.ascontiguousarray(np.repeat(blocks, 2, axis=5)).reshape(rows * columns, -1)


def normalise(patches: UInt8[Tensor, "patch pixel"]) -> Float[Tensor, "patch pixel"]:
    """0..255 to -1..1, as the processor's mean and deviation of 0.5 do."""
    return patches.float() / 127.5 - 1


def dense_labels(scene: Scene, grid_wh: tuple[int, int]) -> Int[np.ndarray, "image 5"]:
    """What covers each image token: the object with the largest share, from two fifths of the cell on."""
    columns, rows = grid_wh
    width, height = scene.size_wh
    xs, ys = np.arange(columns + 1) * width / columns, np.arange(rows + 1) * height / rows
    labels = np.full((rows, columns, 5), IGNORE)
    labels[..., 0] = len(KINDS)
    best = np.full((rows, columns), 0.4)
    for thing in scene.objects:
        x0, y0, x1, y1 = thing.box_xyxy
        across = np.clip(np.minimum(xs[1:], x1) - np.maximum(xs[:-1], x0), 0, None) / (width / columns)
        down = np.clip(np.minimum(ys[1:], y1) - np.maximum(ys[:-1], y0), 0, None) / (height / rows)
        share = down[:, None] * across[None]
        taken = share > best
        cx, cy = thing.centre_xy
        labels[taken] = (
            KINDS.index(thing.kind),
            list(COLOURS).index(thing.colour),
            LETTERS.index(thing.letter),
            min(2, int(3 * cy / height)),
            min(2, int(3 * cx / width)),
        )
        best = np.where(taken, share, best)
    return labels.reshape(-1, 5)


class PackedScenes:
    """An endless row of batches; batch i depends on the seed and i alone."""

    def __init__(self, tokenizer: Any, seed: int, pictures: int) -> None:
        self.tokenizer, self.seed, self.pictures = tokenizer, seed, pictures

    def batch(self, number: int, *, large_tags: bool = False) -> PackedBatch:
        rng = np.random.default_rng([self.seed, number])
        columns, rows = SHAPES_WH[rng.integers(len(SHAPES_WH))]
        seeds = rng.integers(0, 900_000_000, self.pictures)
        scenes = [make_scene(int(seed), shape_wh=(columns, rows), large_tags=large_tags) for seed in seeds]
        packed = [
            _pack(self.tokenizer, scene_questions(s, s.seed, PACKED_FAMILIES), (columns, rows))
            for s in scenes
        ]
        size = (columns * TOKEN_PX, rows * TOKEN_PX)
        patches = [patchify(s.picture.resize(size, Image.Resampling.BICUBIC)) for s in scenes]
        ids, labels, segments = (
            torch.nn.utils.rnn.pad_sequence([p[i] for p in packed], True, value)
            for i, value in ((0, 0), (1, IGNORE), (2, -1))
        )
        positions = torch.nn.utils.rnn.pad_sequence([p[3].T for p in packed], True, 0).permute(2, 0, 1)
        return PackedBatch(
            patches=torch.from_numpy(np.concatenate(patches)),
            grid_thw=torch.tensor([[1, rows * MERGE, columns * MERGE]] * self.pictures),
            input_ids=ids,
            labels=labels,
            segments=segments,
            position_ids=positions,
            dense=torch.from_numpy(np.concatenate([dense_labels(s, (columns, rows)) for s in scenes])),
        )


def _pack(
    tokenizer: Any, questions: list[SceneQuestion], grid_wh: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ids, labels, segment numbers (0 = shared prefix) and M-RoPE positions of one picture's sequence."""

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False))

    columns, rows = grid_wh
    head, tail = encode("<|im_start|>user\n<|vision_start|>"), encode("<|vision_end|>")
    ids = head + [tokenizer.convert_tokens_to_ids("<|image_pad|>")] * (rows * columns) + tail
    labels, segments = [IGNORE] * len(ids), [0] * len(ids)
    across = np.tile(np.arange(columns), rows) + len(head)
    down = np.repeat(np.arange(rows), columns) + len(head)
    image = np.stack([np.full(rows * columns, len(head)), down, across])
    after = len(head) + max(grid_wh)
    positions = [np.tile(np.arange(len(head)), (3, 1)), image, np.full((3, 1), after)]
    for number, item in enumerate(questions, start=1):
        prompt = encode(f"{item.question}<|im_end|>\n<|im_start|>assistant\n")
        completion = encode(f"{item.completion}<|im_end|>")
        ids += prompt + completion
        labels += [IGNORE] * len(prompt) + completion
        segments += [number] * (len(prompt) + len(completion))
        positions.append(np.tile(after + 1 + np.arange(len(prompt) + len(completion)), (3, 1)))
    return (
        torch.tensor(ids),
        torch.tensor(labels),
        torch.tensor(segments),
        torch.from_numpy(np.concatenate(positions, axis=1)),
    )
