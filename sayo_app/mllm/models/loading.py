"""Load a model by name: bundled, a folder or a Hugging Face id; say in plain words what went wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi, is_offline_mode, try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError
from jaxtyping import Bool, Int
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
from transformers.utils import logging as transformers_logging

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.errors import ModelError, ModelLoadError
from sayo_app.mllm.attention import capture
from sayo_app.mllm.models.families import FAMILIES
from sayo_app.mllm.models.family import Family, Seen
from sayo_app.mllm.models.load_errors import as_load_error, damaged, gated, no_model, unknown
from sayo_app.mllm.models.unknown import Unknown
from sayo_app.settings import ASSETS_DIR, BUNDLED, Settings

log = logging.getLogger(__name__)
# What transformers says goes where all else is said, in the same format.
transformers_logging.disable_default_handler()
transformers_logging.enable_propagation()

HUB_TIMEOUT_S = 8.0
LOCK_TIMEOUT_S = 600.0


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
    processor: Any
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
        """One list a row of `input_ids`, one grid a picture in it; see `Family.image_grids`."""
        return self.family.image_grids(Seen(self.config, self.processor, inputs, image_sizes_wh))


def load_model(settings: Settings) -> LoadedModel:
    """Load `settings.model` in evaluation mode, with attention capture and the fast patch embedding.

    Raises:
        ModelLoadError: unknown name with no hub in reach, damaged folder, or a model that something cannot be
            worked out of: the image token, a processor, reachable attention.
    """
    device = pick_device(settings.device)
    source, hub = _find(settings)
    with as_load_error(settings.model):
        config = AutoConfig.from_pretrained(source, **hub)
    family = _family(config, settings)
    _check_config(config, family, settings.model)
    small = device.type == "cpu" or getattr(config, "sayo_bundled", False)
    dtype = torch.float32 if small else torch.bfloat16
    with as_load_error(settings.model):
        processor = family.load_processor(source, config, **hub)
    _check_template(processor, settings.model)
    with as_load_error(settings.model):
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
        raise damaged(settings.model, f"no weights for {sorted(report['missing_keys'])[0]}")
    family.prepare(model)
    loaded = LoadedModel(settings.model, model.eval(), processor, processor.tokenizer, family, device, dtype)
    _check_reach(loaded)
    log.info("Loaded %s (%s) on %s as %s", settings.model, family.name, device, dtype)
    return loaded


def _family(config: PreTrainedConfig, settings: Settings) -> Family:
    """The family of a model; one that is not known gets a try if it takes pictures at all."""
    known = FAMILIES.get(config.model_type)
    if known is not None:
        return known
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING and not settings.trust_remote_code:
        raise ModelLoadError(
            expected="a model that answers about pictures (" + ", ".join(FAMILIES) + ", or another)",
            got=f"{settings.model!r} of type {config.model_type!r}",
            remedy="Choose an image-text-to-text model.",
        )
    log.warning("%r is of an unknown family (%s); giving it a try", settings.model, config.model_type)
    return Unknown(config.model_type)


def _check_config(config: PreTrainedConfig, family: Family, name: str) -> None:
    """What the configuration alone can tell, before any weights are read.

    Raises:
        ModelLoadError: no image token id, or no layer with full attention.
    """
    family.image_token_id(config)
    if not family.attention_layers(config):
        raise _unreadable(name, "no layer with full attention")


def _check_template(processor: Any, name: str) -> None:
    """Raises ModelLoadError: no chat template, or one that has no place for a picture."""
    text, picture = {"type": "text", "text": "?"}, {"type": "image"}

    def rendered(*content: Any) -> str:
        chat = [{"role": "user", "content": [*content]}]
        return str(processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))

    try:
        fits = rendered(picture, text) != rendered(text)
        why = "one that says nothing of a picture"
    except Exception as error:
        fits, why = False, next(iter(str(error).strip().splitlines()), type(error).__name__)
    if not fits:
        raise ModelLoadError(
            expected=f"a chat template in {name!r} with a place for pictures",
            got=why,
            remedy="Choose its instruction-tuned variant, or put a chat_template.jinja into its folder.",
        )


@torch.no_grad()
def _check_reach(loaded: LoadedModel) -> None:
    """Read the rows of two tokens: a model whose attention cannot be read says so now, not after an answer.

    Raises:
        ModelLoadError: rows that do not come.
    """
    text = torch.tensor([[0, 1] if loaded.image_token_id > 1 else [2, 3]], device=loaded.device)
    layers = frozenset(loaded.attention_layers)
    request = capture.CaptureRequest(layers, torch.tensor([[True, False]], device=loaded.device))
    reason = "no layer whose attention is computed through transformers' AttentionInterface"
    try:
        loaded.model(input_ids=text, attention_mask=torch.ones_like(text), sayo_capture=request)
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    missing = sorted(layers - set(request.rows))
    if missing:
        raise _unreadable(loaded.name, f"none from layers {missing}" if request.rows else reason)


def _unreadable(name: str, why: str) -> ModelLoadError:
    return ModelLoadError(
        expected=f"attention rows that can be read from {name!r}",
        got=why,
        remedy=f"Choose a model of a supported family ({', '.join(FAMILIES)}).",
    )


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
        if (other := no_model(name, folder)) is not None:
            raise other
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
        raise unknown(name, "neither a folder nor a model id") from error
    reason = "HF_HUB_OFFLINE is set"
    if not is_offline_mode():
        try:
            HfApi().model_info(name, timeout=HUB_TIMEOUT_S)
            return None
        except GatedRepoError as error:
            raise gated(name) from error
        except RepositoryNotFoundError as error:
            raise unknown(name, "no model of that name on the hub, or no right to read it") from error
        except Exception as error:
            # Whatever the HTTP library of the day raises: no answer is no answer.
            reason = next(iter(str(error).splitlines()), type(error).__name__)
    if not isinstance(copy, str):
        raise unknown(name, f"the hub cannot be reached ({reason}) and it was never downloaded")
    log.warning("The hub is out of reach (%s); using the copy of %s on disk", reason, name)
    return Path(copy).parent
