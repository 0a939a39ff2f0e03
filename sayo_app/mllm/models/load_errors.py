"""Why a model could not be loaded, with what somebody can do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
import transformers
from huggingface_hub.errors import GatedRepoError

from sayo_app.errors import ModelLoadError
from sayo_app.settings import BUNDLED

_HUB = "https://huggingface.co"
_INSTALL = re.compile(r"pip install (?:-U |--upgrade )?([\w.,\[\]<>=!~-]+)")

# As transformers says it of what a class of its own needs.
_LIBRARY = re.compile(r"requires the (\w+) library")


@contextmanager
def as_load_error(name: str) -> Iterator[None]:
    """Turn whatever a model that cannot be loaded makes transformers raise into a ModelLoadError."""
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
        raise _explained(name, error) from error


def unknown(name: str, why: str) -> ModelLoadError:
    """A name that leads nowhere."""
    return ModelLoadError(
        expected=f"`{BUNDLED}`, a local folder, or a Hugging Face model id that can be reached",
        got=f"{name!r}: {why}",
        remedy="Check the name and the network, or start with `--model bundled`.",
    )


def gated(name: str) -> ModelLoadError:
    """A model whose terms somebody has to agree to."""
    return ModelLoadError(
        expected=f"the right to read {name!r}",
        got="a model that its authors give to whoever asks",
        remedy=f"Ask at {_HUB}/{name}, then run `hf auth login` or set HF_TOKEN.",
    )


def damaged(name: str, why: str) -> ModelLoadError:
    """Something of a model is missing or broken."""
    return ModelLoadError(
        expected="a complete model (config, safetensors weights, tokenizer, image processor)",
        got=f"{name!r}: {why}",
        remedy="Download or copy the model again.",
    )


def no_model(name: str, folder: Path) -> ModelLoadError | None:
    """A folder that is something else than a model; None where it may be one."""
    if (folder / "config.json").exists():
        return None
    if (folder / "adapter_config.json").exists():
        return ModelLoadError(
            expected="a whole model",
            got=f"{name!r}, which is an adapter",
            remedy=f"Start with {_base_of(folder)}, and import the adapter on the Compare tab.",
        )
    if next(folder.glob("*.gguf"), None) is not None:
        return ModelLoadError(
            expected="a model of transformers, with safetensors weights",
            got=f"{name!r}, which has GGUF files of llama.cpp",
            remedy="Take the repository that they were made from.",
        )
    return None


def _base_of(adapter: Path) -> str:
    with suppress(OSError, ValueError):
        config = json.loads((adapter / "adapter_config.json").read_text())
        if isinstance(config, dict) and (named := config.get("base_model_name_or_path")):
            return f"`--model {named}`"
    return "the model that it was made for"


def _explained(name: str, error: Exception) -> ModelLoadError:
    chain = [error, *_before(error)]
    said = "\n".join(str(it) for it in chain)
    if any(isinstance(it, GatedRepoError) for it in chain) or "gated repo" in said:
        return gated(name)
    if package := _package(chain, said):
        fitting = f" (the build for torch {torch.__version__})" if package == "torchvision" else ""
        return ModelLoadError(
            expected=f"the packages that {name!r} needs",
            got=_first_line(error),
            remedy=f'`pip install "{package}"`{fitting}, or choose a model or variant that needs none.',
        )
    if "does not recognize this architecture" in said:
        return ModelLoadError(
            expected=f"a model that transformers {transformers.__version__} knows",
            got=f"{name!r}: {_first_line(error)}",
            remedy="Install a later transformers if there is one that knows it, or choose another model.",
        )
    if "contains custom code" in said:
        return ModelLoadError(
            expected="a model that needs no code of its own",
            got=f"{name!r}, which brings some",
            remedy="Read it, and if you trust its authors start with --trust-remote-code.",
        )
    pickled = next(Path(name).glob("*.bin"), None) is not None or not Path(name).is_dir()
    if pickled and "file named model.safetensors" in said:
        return ModelLoadError(
            expected="weights in safetensors",
            got=f"{name!r} without: {_first_line(error)}",
            remedy="Take a revision that has them, or load and save it once with transformers.",
        )
    return damaged(name, f"{type(error).__name__}: {_first_line(error)}")


def _package(chain: list[BaseException], said: str) -> str:
    """What to install; empty where nothing is lacking."""
    lacking = [it for it in chain if isinstance(it, ImportError)]
    if not lacking:
        return ""
    if found := _LIBRARY.search(said):
        return found[1].lower()
    if found := _INSTALL.search(said):
        return found[1].rstrip(".,")
    named = [it.name for it in lacking if it.name]
    return named[0].partition(".")[0] if named else ""


def _before(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    while (earlier := error.__cause__ or error.__context__) is not None and id(earlier) not in seen:
        seen.add(id(earlier))
        yield earlier
        error = earlier


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "").rstrip(".")
