"""What differs from one model family to the next: processor, image grid, layers to read.

Only code in this file may know the name of a model family.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import torch
from huggingface_hub import HfApi, is_offline_mode, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
from jaxtyping import Bool, Int
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from sayo_app.core.grid import ImageGrid
from sayo_app.errors import ModelError, ModelLoadError
from sayo_app.mllm import capture
from sayo_app.mllm.patch import linear_patch_embed as linear_patch_embed
from sayo_app.mllm.processor import PictureProcessor
from sayo_app.settings import ASSETS_DIR, BUNDLED, Settings

log = logging.getLogger(__name__)

HUB_TIMEOUT_S = 8.0
LOCK_TIMEOUT_S = 600.0


@runtime_checkable
class Family(Protocol):
    """The questions that capture, chat and training ask about a model."""

    name: str

    def load_processor(self, source: str | Path, **hub: Any) -> PictureProcessor: ...

    def image_token_id(self, config: PreTrainedConfig) -> int: ...

    def never_sampled(self, config: PreTrainedConfig) -> tuple[int, ...]: ...

    def n_layers(self, config: PreTrainedConfig) -> int: ...

    def attention_layers(self, config: PreTrainedConfig) -> list[int]: ...

    def image_grids(
        self,
        config: PreTrainedConfig,
        inputs: Mapping[str, Any],
        image_sizes_wh: Sequence[tuple[int, int]],
    ) -> list[list[ImageGrid]]: ...

    def positions(
        self, model: nn.Module, inputs: Mapping[str, Any]
    ) -> tuple[Int[Tensor, "axis batch key"], Int[Tensor, " batch"]]: ...

    def text_positions(self, positions: Int[Tensor, "batch query"]) -> Int[Tensor, "axis batch query"]: ...

    def decoder_layers(self, model: nn.Module) -> nn.ModuleList: ...

    def prepare(self, model: PreTrainedModel) -> None: ...


class QwenVL:
    """Qwen2.5-VL and Qwen3-VL: one grid a picture, row-major, `merge_size` patches a side to a token."""

    def __init__(self, name: str) -> None:
        self.name = name

    def load_processor(self, source: str | Path, **hub: Any) -> PictureProcessor:
        return PictureProcessor.load(source, **hub)

    def image_token_id(self, config: PreTrainedConfig) -> int:
        return int(config.image_token_id)

    def never_sampled(self, config: PreTrainedConfig) -> tuple[int, ...]:
        """Tokens that stand for a picture: one of them in a completion fails the next forward."""
        names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
        return tuple(int(getattr(config, name)) for name in names if getattr(config, name, None) is not None)

    def n_layers(self, config: PreTrainedConfig) -> int:
        return int(config.get_text_config().num_hidden_layers)

    def attention_layers(self, config: PreTrainedConfig) -> list[int]:
        """Decoder layers with full attention; a sliding one may not reach the picture."""
        kinds = getattr(config.get_text_config(), "layer_types", None)
        if kinds is None:
            return list(range(self.n_layers(config)))
        return [index for index, kind in enumerate(kinds) if kind == "full_attention"]

    def image_grids(
        self,
        config: PreTrainedConfig,
        inputs: Mapping[str, Any],
        image_sizes_wh: Sequence[tuple[int, int]],
    ) -> list[list[ImageGrid]]:
        """One list a row of `input_ids`, one grid a picture in it.

        Args:
            inputs: what the processor returned; `input_ids` may be padded on either side.
            image_sizes_wh: original sizes of the pictures, in the order they stand in the batch.
        """
        merge = int(config.vision_config.spatial_merge_size)
        grids_hw = [(int(h) // merge, int(w) // merge) for _, h, w in inputs["image_grid_thw"].tolist()]
        left = (inputs["input_ids"] == self.image_token_id(config)).sum(dim=1).tolist()
        pictures = iter(zip(image_sizes_wh, grids_hw, strict=True))
        rows: list[list[ImageGrid]] = []
        for n_tokens in left:
            row: list[ImageGrid] = []
            while n_tokens > 0:
                image_wh, grid_hw = next(pictures)
                row.append(ImageGrid.regular(image_wh, grid_hw))
                n_tokens -= grid_hw[0] * grid_hw[1]
            rows.append(row)
        return rows

    def positions(
        self, model: nn.Module, inputs: Mapping[str, Any]
    ) -> tuple[Int[Tensor, "axis batch key"], Int[Tensor, " batch"]]:
        """Time, height and width position of each prompt token, and the position that follows each row.

        The model would remember them between forwards; given explicitly, answers do not share that memory.
        """
        core: Any = base_model(model).model
        position_ids, deltas = core.get_rope_index(
            inputs["input_ids"],
            mm_token_type_ids=inputs["mm_token_type_ids"],
            image_grid_thw=inputs["image_grid_thw"],
            attention_mask=inputs["attention_mask"],
        )
        return position_ids, inputs["attention_mask"].sum(dim=1) + deltas[:, 0]

    def text_positions(self, positions: Int[Tensor, "batch query"]) -> Int[Tensor, "axis batch query"]:
        return positions[None].expand(3, -1, -1)

    def decoder_layers(self, model: nn.Module) -> nn.ModuleList:
        decoder: Any = base_model(model).get_decoder()
        return cast(nn.ModuleList, decoder.layers)

    def prepare(self, model: PreTrainedModel) -> None:
        linear_patch_embed(model)


def base_model(model: nn.Module) -> Any:
    """The transformers model, without the PEFT model around it."""
    unwrap = getattr(model, "get_base_model", None)
    return model if unwrap is None else unwrap()


FAMILIES: dict[str, Family] = {name: QwenVL(name) for name in ("qwen3_vl", "qwen2_5_vl")}


@dataclass(eq=False)
class LoadedModel:
    """A model ready to answer, and what is needed to talk to it.

    Attributes:
        name: what `Settings.model` said: `bundled`, a folder or a model id.
        model: the transformers model, or the PeftModel around it once an adapter was loaded.
        adapter: name of the adapter that is switched on; None for the base model.
        lock: see `exclusive`.
    """

    name: str
    model: Any
    processor: PictureProcessor
    tokenizer: PreTrainedTokenizerBase
    family: Family
    device: torch.device
    dtype: torch.dtype
    adapter: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Have the model alone: one answer or one change of adapters at a time. Not re-entrant.

        A plain lock, which any thread may release: a web server may finish a generator on another thread
        than the one that began it.

        Raises:
            ModelError: it was not free within `LOCK_TIMEOUT_S`.
        """
        if not self.lock.acquire(timeout=LOCK_TIMEOUT_S):
            raise ModelError(
                expected="the model to be free",
                got=f"another answer still running after {LOCK_TIMEOUT_S:.0f} s",
                remedy="Wait for it or stop it, then try again.",
            )
        try:
            yield
        finally:
            self.lock.release()

    @property
    def config(self) -> PreTrainedConfig:
        return self.model.config

    @property
    def is_bundled(self) -> bool:
        """True for a model that answers in the paper's format without being told."""
        return bool(getattr(self.config, "sayo_bundled", False))

    @property
    def image_token_id(self) -> int:
        return self.family.image_token_id(self.config)

    @property
    def attention_layers(self) -> list[int]:
        return self.family.attention_layers(self.config)

    @property
    def n_layers(self) -> int:
        return self.family.n_layers(self.config)

    def image_columns(self, input_ids: Int[Tensor, "batch key"]) -> Bool[Tensor, "batch key"]:
        """True at image tokens, looked up row by row: padding shifts them."""
        return input_ids == self.image_token_id

    def image_grids(
        self, inputs: Mapping[str, Any], image_sizes_wh: Sequence[tuple[int, int]]
    ) -> list[list[ImageGrid]]:
        """See `Family.image_grids`."""
        return self.family.image_grids(self.config, inputs, image_sizes_wh)


def load_model(settings: Settings) -> LoadedModel:
    """Load `settings.model` in evaluation mode, with attention capture and the fast patch embedding.

    Raises:
        ModelLoadError: unknown name with no hub in reach, damaged folder, or an unsupported family.
    """
    device = pick_device(settings.device)
    source, hub = _find(settings)
    with _as_load_error(settings.model):
        config = AutoConfig.from_pretrained(source, **hub)
    family = FAMILIES.get(config.model_type)
    if family is None:
        raise ModelLoadError(
            expected="a model of a supported family (" + ", ".join(FAMILIES) + ")",
            got=f"{settings.model!r} of type {config.model_type!r}",
            remedy="Choose a model of one of these families.",
        )
    small = device.type == "cpu" or getattr(config, "sayo_bundled", False)
    dtype = torch.float32 if small else torch.bfloat16
    with _as_load_error(settings.model):
        processor = family.load_processor(source, **hub)
        loading: Any = AutoModelForImageTextToText
        model, report = loading.from_pretrained(
            source,
            config=config,
            dtype=dtype,
            attn_implementation=capture.NAME,
            use_safetensors=True,
            output_loading_info=True,
            **({} if device.type == "cpu" else {"device_map": {"": device}}),
            **hub,
        )
    if report["missing_keys"]:
        raise _damaged(settings.model, f"no weights for {sorted(report['missing_keys'])[0]}")
    family.prepare(model)
    model.eval()
    log.info("Loaded %s (%s) on %s as %s", settings.model, family.name, device, dtype)
    return LoadedModel(settings.model, model, processor, processor.tokenizer, family, device, dtype)


def pick_device(wanted: str) -> torch.device:
    """`auto` is CUDA, then Apple's GPU, then the CPU.

    Raises:
        ModelLoadError: a device that does not exist here.
    """
    available: dict[str, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return torch.device(next(name for name, here in available.items() if here))
    try:
        device = torch.device(wanted)
        usable = available.get(device.type, False)
    except RuntimeError:
        usable = False
    if not usable or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        here = ", ".join(name for name, usable in available.items() if usable)
        raise ModelLoadError(
            expected=f"a device of this machine ({here})",
            got=repr(wanted),
            remedy="Set the device to `auto`.",
        )
    return device


def _find(settings: Settings) -> tuple[str | Path, dict[str, Any]]:
    """Where to load from, and the arguments that keep loading off the network where it can be."""
    name = settings.model
    hub: dict[str, Any] = {"trust_remote_code": settings.trust_remote_code}
    folder = ASSETS_DIR / BUNDLED if name == BUNDLED else Path(name).expanduser()
    if folder.is_dir():
        return folder, hub | {"local_files_only": True}
    if name == BUNDLED or folder.is_absolute() or name.startswith((".", "~")):
        raise ModelLoadError(
            expected="a folder with a model",
            got=f"no folder at {folder}",
            remedy="Restore the folder, or name another model.",
        )
    downloaded = _hub_or_copy(name)
    return (name, hub) if downloaded is None else (downloaded, hub | {"local_files_only": True})


def _hub_or_copy(name: str) -> Path | None:
    """None if the hub serves this model; else the folder it was downloaded to before.

    One request with a short limit comes first: loading straight away retries each file for half a minute,
    and some files in spite of `local_files_only`, unless it is given a folder.
    """
    try:
        copy = try_to_load_from_cache(name, "config.json")
    except HFValidationError as error:
        raise _unknown(name, "neither a folder nor a model id") from error
    reason = "HF_HUB_OFFLINE is set"
    if not is_offline_mode():
        try:
            HfApi().model_info(name, timeout=HUB_TIMEOUT_S)
            return None
        except RepositoryNotFoundError as error:
            raise _unknown(name, "no model of that name on the hub, or no right to read it") from error
        except Exception as error:
            # Whatever the HTTP library of the day raises: no answer is no answer.
            reason = next(iter(str(error).splitlines()), type(error).__name__)
    if not isinstance(copy, str):
        raise _unknown(name, f"the hub cannot be reached ({reason}) and it was never downloaded")
    log.warning("The hub is out of reach (%s); using the copy of %s on disk", reason, name)
    return Path(copy).parent


def _unknown(name: str, why: str) -> ModelLoadError:
    return ModelLoadError(
        expected=f"`{BUNDLED}`, a local folder, or a Hugging Face model id that can be reached",
        got=f"{name!r}: {why}",
        remedy="Check the name and the network, or start with `--model bundled`.",
    )


def _damaged(name: str, why: str) -> ModelLoadError:
    return ModelLoadError(
        expected="a complete model (config, safetensors weights, tokenizer, image processor)",
        got=f"{name!r}: {why}",
        remedy="Download or copy the model again.",
    )


@contextmanager
def _as_load_error(name: str) -> Iterator[None]:
    """Turn whatever a damaged model makes transformers raise into a ModelLoadError."""
    try:
        yield
    except ModelLoadError:
        raise
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelLoadError(
            expected="enough memory for the model",
            got=f"{name!r} does not fit",
            remedy="Choose a smaller model or a larger device.",
        ) from error
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), "")
        raise _damaged(name, f"{type(error).__name__}: {reason}") from error
