"""Adapters as files that go elsewhere and come from elsewhere: a zip file, or the files of PEFT's folder.

Only three names are read, whatever else a file holds, and nothing is unpacked by a path that it names. Of the
configuration only plain settings are kept: a pattern of somebody else's would be run against every layer.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from sayo_app.core.bundles.archive import copy_member, open_archive, write_archive
from sayo_app.core.files import whole_file, whole_folder
from sayo_app.errors import AdapterError, TraceFileError
from sayo_app.mllm.models.adapter_fit import check_scale
from sayo_app.mllm.models.adapters import CONFIG_FILE, TARGETS, WEIGHTS_FILE
from sayo_app.settings import DEFAULTS, Settings

CARD_FILE = "README.md"
# A file by its name, and how it is laid at a path.
_Members = dict[str, Callable[[Path], object]]
FILES = (CONFIG_FILE, WEIGHTS_FILE, CARD_FILE)
# Of configuration and card; of the weights it is the operator's to say.
MAX_TEXT_BYTES = 1_000_000
_MAX_MEMBERS = 20
# A fresh adapter packs to half, as one of its factors is all noughts. What packs to less than this is a bomb.
_MAX_PACKING = 100
_NAME = re.compile(r"[\w.]{1,200}")
_PLAIN = {
    "peft_type": (str,),
    "task_type": (str, type(None)),
    "base_model_name_or_path": (str, type(None)),
    "r": (int,),
    "lora_alpha": (int, float),
    "lora_dropout": (int, float),
    "bias": (str,),
    "fan_in_fan_out": (bool,),
    "use_rslora": (bool,),
    "use_dora": (bool,),
}


def pack_adapter(folder: Path, path: Path) -> None:
    """The adapter's folder as a zip file.

    Raises:
        AdapterError: the folder lacks its files.
        StorageError: the file cannot be written.
    """
    members = {name: folder / name for name in FILES if (folder / name).is_file()}
    _require(members)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        write_archive(file, members)


def unpack_adapter(paths: Sequence[Path], folder: Path, base_model: str, limits: Settings = DEFAULTS) -> None:
    """Lay what somebody sent into a new folder, checked as far as that goes without the model.

    Args:
        paths: one zip file, or the files of an adapter's folder.
        base_model: what the model in use is called; one that the configuration names must be it.
        limits: of which `max_adapter_bytes`, `max_adapter_rank` and `max_adapter_alpha` are looked at.

    Raises:
        AdapterError: no adapter, a damaged or too large one, one of another base model, or one with
            settings that are not taken from elsewhere. The folder is then not there.
        StorageError: it cannot be written.
    """
    most = {CONFIG_FILE: MAX_TEXT_BYTES, WEIGHTS_FILE: limits.max_adapter_bytes, CARD_FILE: MAX_TEXT_BYTES}
    as_zip = len(paths) == 1 and paths[0].suffix == ".zip"
    with whole_folder(folder) as whole, (_zipped if as_zip else _loose)(paths, most) as members:
        _require(members)
        # The configuration first: what it says may be reason enough to leave the weights alone.
        for name in FILES:
            if name in members:
                members[name](whole / name)
            if name == CONFIG_FILE:
                config = clean_config((whole / name).read_bytes(), base_model, limits)
                (whole / name).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def clean_config(data: bytes, base_model: str, limits: Settings = DEFAULTS) -> dict[str, Any]:
    """The plain settings of an `adapter_config.json`.

    Raises:
        AdapterError: not one of a LoRA adapter, one of another base model, one with patterns, or one of a
            rank or an alpha beyond the limits.
    """
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _bad(f"{CONFIG_FILE} as JSON", str(error)[:80]) from error
    if not isinstance(values, dict) or values.get("peft_type") != "LORA":
        raise _bad("a LoRA adapter in PEFT's format", "another configuration")
    named = values.get("base_model_name_or_path")
    if isinstance(named, str) and named and PurePosixPath(named).name != PurePosixPath(base_model).name:
        raise _bad(f"an adapter made for {base_model}", f"one for {named[:80]!r}")
    config = {
        name: values[name]
        for name, kinds in _PLAIN.items()
        if name in values and isinstance(values[name], kinds)
    }
    targets = values.get("target_modules")
    if targets != TARGETS and not (isinstance(targets, list) and targets and all(map(_is_name, targets))):
        raise _bad("target_modules as a list of layer names", repr(targets)[:80])
    config["target_modules"] = targets
    for name in ("rank_pattern", "alpha_pattern"):
        pattern = values.get(name) or {}
        if not isinstance(pattern, dict) or not all(map(_is_name, pattern)):
            raise _bad(f"{name} by plain layer names", repr(pattern)[:80])
        config[name] = pattern
    rank, alpha = config.get("r"), config.get("lora_alpha")
    for one in [rank, *config["rank_pattern"].values()]:
        check_scale(one, alpha, max_rank=limits.max_adapter_rank, max_alpha=limits.max_adapter_alpha)
    for one in config["alpha_pattern"].values():
        check_scale(rank, one, max_rank=limits.max_adapter_rank, max_alpha=limits.max_adapter_alpha)
    return config


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


@contextmanager
def _zipped(paths: Sequence[Path], most: Mapping[str, int]) -> Iterator[_Members]:
    """The known files of a zip file, at its top or in its one folder."""
    try:
        with _readable(paths[0]) as file:
            archive = open_archive(file, max_members=_MAX_MEMBERS, max_bytes=sum(most.values()))
            packed = file.seek(0, io.SEEK_END)
            total = sum(member.file_size for member in archive.infolist())
            if total > _MAX_PACKING * packed + MAX_TEXT_BYTES:
                raise _bad("a whole zip file of weights that differ", f"{total:,} bytes packed to {packed:,}")
            names = [name for name in archive.namelist() if not name.endswith("/")]
            odd = [name for name in names if not _is_plain(name)]
            if odd:
                raise _bad("plain file names", repr(odd[0])[:80])
            chosen = {PurePosixPath(name).name: name for name in names}
            yield {
                name: partial(_unzip, archive, chosen[name], most[name]) for name in FILES if name in chosen
            }
    except TraceFileError as error:
        megabytes = f"{most[WEIGHTS_FILE] / 1e6:,.0f} MB"
        raise _bad(f"a whole zip file of an adapter of at most {megabytes}", error.got) from error


def _unzip(archive: zipfile.ZipFile, name: str, most: int, path: Path) -> None:
    copy_member(archive, name, path, most)


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return len(parts) <= 2 and not set(parts) & {"", ".", ".."} and "\\" not in name and ":" not in name


@contextmanager
def _loose(paths: Sequence[Path], most: Mapping[str, int]) -> Iterator[_Members]:
    found: _Members = {}
    for path in paths:
        if path.name in FILES:
            with _readable(path) as file:
                size = file.seek(0, io.SEEK_END)
            if size > most[path.name]:
                raise _bad(f"{path.name} of at most {most[path.name]:,} bytes", f"{size:,} bytes")
            found[path.name] = partial(shutil.copyfile, path)
    yield found


def _readable(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise _bad("a readable file", error.strerror or "one that is not") from error


def _require(members: Container[str]) -> None:
    missing = [name for name in (CONFIG_FILE, WEIGHTS_FILE) if name not in members]
    if missing:
        raise _bad(f"{CONFIG_FILE} and {WEIGHTS_FILE}", f"no {missing[0]}")


def _bad(expected: str, got: str) -> AdapterError:
    return AdapterError(
        expected=expected,
        got=got,
        remedy="Choose a zip that SAYO Studio exported, or the files of PEFT's folder. Nothing was changed.",
    )
