"""What if it had looked here? Chosen heads are biased towards a region while the model answers.

Biasing all heads destroys generation; a selected tenth or fewer steers it. Which heads those are is found
per model (`heads.find_heads`), measured (`python -m sayo_app.mllm.steer_table`) and kept with the model.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from sayo_app.core.files import write_text
from sayo_app.errors import InputError, ModelError, RegionError, StorageError
from sayo_app.mllm.attention.bias import SteerRequest
from sayo_app.mllm.models.loading import LoadedModel
from sayo_app.settings import ASSETS_DIR, BUNDLED, Settings

MAX_STRENGTH = 20.0
FILE = "steering.json"


@dataclass(frozen=True)
class Steering:
    """Which heads to bias towards a region, and how much.

    Attributes:
        heads: by decoder layer, ascending; None stands for all heads of the layer.
        strength: what is added to the attention scores of the region's keys, in nats.
        prompt: bias the prompt's text after the picture as well, not the answer's tokens alone.

    Raises:
        InputError: no layer, a head twice or below 0, or a strength that is not finite or too large.
    """

    heads: Mapping[int, tuple[int, ...] | None]
    strength: float
    prompt: bool = False

    def __post_init__(self) -> None:
        if not self.heads or any(layer < 0 for layer in self.heads):
            raise _unusable("at least one decoder layer to steer", f"{list(self.heads)}")
        for layer, chosen in self.heads.items():
            if chosen is not None and (not chosen or list(chosen) != sorted({*chosen}) or chosen[0] < 0):
                raise _unusable("ascending heads of each layer, or all", f"{chosen} in layer {layer}")
        if not math.isfinite(self.strength) or abs(self.strength) > MAX_STRENGTH:
            raise _unusable(f"a strength from {-MAX_STRENGTH:g} to {MAX_STRENGTH:g}", f"{self.strength:g}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; layers become text."""
        heads = {str(layer): chosen and list(chosen) for layer, chosen in sorted(self.heads.items())}
        return {"heads": heads, "strength": self.strength, "prompt": self.prompt}

    @classmethod
    def from_dict(cls, data: Any) -> Steering:
        """The inverse of `to_dict`.

        Raises:
            InputError: a field that is missing, unknown or of the wrong type.
        """
        fields = {"heads", "strength", "prompt"}
        if not isinstance(data, dict) or data.keys() != fields or not isinstance(data["heads"], dict):
            raise _unusable(f"an object with the fields {', '.join(sorted(fields))}", repr(data)[:200])
        strength, prompt, heads = data["strength"], data["prompt"], {}
        if (
            not isinstance(strength, int | float)
            or isinstance(strength, bool)
            or not isinstance(prompt, bool)
        ):
            raise _unusable("strength as a number and prompt as true or false", f"{strength!r}, {prompt!r}")
        for layer, chosen in data["heads"].items():
            whole = chosen is None or (isinstance(chosen, list) and all(type(head) is int for head in chosen))
            if not str(layer).isdecimal() or not whole:
                raise _unusable("layers with a list of heads or null", f"{layer!r}: {chosen!r}"[:200])
            heads[int(layer)] = None if chosen is None else tuple(chosen)
        return cls(heads, float(strength), prompt)


def check_heads(loaded: LoadedModel, heads: Mapping[int, Sequence[int] | None]) -> None:
    """Raises: ModelError: a layer without reachable attention, or a head that the model lacks."""
    n_heads = int(loaded.config.get_text_config(decoder=True).num_attention_heads)
    layers = loaded.attention_layers
    for layer, chosen in heads.items():
        if layer not in layers or not 0 <= max(chosen or (0,)) < n_heads:
            raise ModelError(
                expected=f"heads 0 to {n_heads - 1} of the layers {', '.join(map(str, layers))}",
                got=f"{'all heads' if chosen is None else f'heads {list(chosen)}'} of layer {layer}",
                remedy="Choose heads of this model, or find its own anew.",
            )


def steer_request(
    loaded: LoadedModel,
    input_ids: Int[Tensor, "batch key"],
    steering: Steering,
    region_masks: Sequence[Bool[np.ndarray, " _"] | None],
) -> SteerRequest:
    """The request for a prompt or a padded batch of them.

    Args:
        region_masks: one a batch row, over the image tokens of all its pictures in order; None leaves the
            row as it is.

    Raises:
        ModelError: heads that the model lacks.
        RegionError: a mask without an image token, or not of the row's number of them.
    """
    check_heads(loaded, steering.heads)
    image = loaded.image_columns(input_ids)
    columns = torch.zeros_like(image)
    for row, mask in enumerate(region_masks):
        if mask is None:
            continue
        count = int(image[row].sum())
        if mask.shape != (count,) or not mask.any():
            raise RegionError(
                expected=f"a region on the picture, as a mask of {count} image tokens",
                got=f"{int(mask.sum())} of {len(mask)} tokens",
                remedy="Draw a region on the picture to look at.",
            )
        columns[row, image[row]] = torch.from_numpy(mask).to(columns.device)
    # Text after the last picture: no image token at or behind it.
    behind = image.flip(1).cumsum(dim=1).flip(1) == 0
    return SteerRequest(columns, steering.heads, steering.strength, behind if steering.prompt else None)


@dataclass(frozen=True)
class Found:
    """The steering that was found to help a model, kept with it.

    Attributes:
        model: its name, as in `Settings.model`.
        steering: what the page starts from; its layers and heads are offered to the reward.
        measured: how it was found: scenes, seed, accuracies, versions.
    """

    model: str
    steering: Steering
    measured: Mapping[str, Any] = field(default_factory=dict)


def found_path(name: str, settings: Settings) -> Path:
    """In the bundled model's own folder; for any other model in the data folder."""
    if name == BUNDLED:
        return ASSETS_DIR / BUNDLED / FILE
    readable = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[-60:]
    return settings.data_dir / "steering" / f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"


def save_found(found: Found, settings: Settings) -> Path:
    """Write it where `found_steering` looks; the file appears whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    path = found_path(found.model, settings)
    content = {"model": found.model, "steering": found.steering.to_dict(), "measured": dict(found.measured)}
    write_text(path, json.dumps(content, indent=2) + "\n")
    return path


def found_steering(model: LoadedModel | str, settings: Settings) -> Found | None:
    """What was found for a model, loaded or by name; None where nobody looked yet.

    Raises:
        StorageError: the file is damaged.
        ModelError: the file is another model's: its heads are not there. Only for a loaded model.
    """
    path = found_path(model if isinstance(model, str) else model.name, settings)
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = Found(str(data["model"]), Steering.from_dict(data["steering"]), dict(data["measured"]))
    except (OSError, ValueError, KeyError, TypeError, InputError) as error:
        raise StorageError(
            expected=f"layers and heads to steer in {path.name}",
            got=f"a damaged file ({error})",
            remedy="Delete it, or measure the model's heads again.",
        ) from error
    if not isinstance(model, str):
        check_heads(model, found.steering.heads)
    return found


def _unusable(expected: str, got: str) -> InputError:
    return InputError(expected=expected, got=got, remedy="Choose other layers, heads or strength.")
