"""Adapters made to do harm, brought in as the page does it: into a store, onto the bundled model."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value, none

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
Make = Callable[[Path, Path], list[Path]]


def adapters(folder: Path) -> Mapping[str, Value]:
    from sayo_app.settings import Settings
    from sayo_app.ui.shared.studio import Studio
    from storage.store import Store
    from tests.robustness.costs import cost

    settings = Settings.from_environment().replace(device="cpu")
    studio = Studio(settings, Store(settings))
    studio._load()
    good = saved(studio, folder / "good")

    def bring_in(paths: list[Path]) -> set[str]:
        """The settings that were kept."""
        record = studio.import_adapter(paths, "theirs")
        kept = set(json.loads((record.path / CONFIG).read_text()))
        studio.store.adapters.delete(record.id)
        return kept

    def warm() -> None:
        record = studio.import_adapter([good / CONFIG, good / WEIGHTS], "mine")
        studio.store.adapters.delete(record.id)

    ends, sizes = {}, {}
    for number, (name, make) in enumerate((HOSTILE | BESIDES).items()):
        laid = folder / "sent" / str(number)
        laid.mkdir(parents=True)
        paths = make(good, laid)
        sizes[name] = sum(path.stat().st_size for path in paths)
        ends[name] = cost(bring_in, paths, warm=warm)
    beside = [ends.pop(name) for name in BESIDES]
    kept = [it.value & {"modules_to_save", "layer_replication", "auto_mapping"} for it in beside if it.value]
    dear = max(ends, key=lambda name: ends[name].peak_mb)
    slow = max(ends, key=lambda name: ends[name].cpu_s)
    return {
        "tried": len(ends),
        "taken": sum(it.value is not None for it in ends.values()),
        "broke": sum(bool(it.broke) for it in ends.values()),
        "rank_mb": ends[RANK].peak_mb,
        "rank_s": ends[RANK].cpu_s,
        "peak_mb": ends[dear].peak_mb,
        "dear": dear,
        "cpu_s": ends[slow].cpu_s,
        "slow": slow,
        "cleaned": sum(not it for it in kept),
        "left": len(files_below(settings.adapters_dir)) + len(studio.store.adapters.all()),
        "sent_mb": max(sizes.values()) / 1e6,
    }


def saved(studio: Any, folder: Path) -> Path:
    """A real adapter of the model, of about a megabyte."""
    from sayo_app.mllm.models.adapters import attach, lora_config, save_adapter
    from sayo_app.mllm.models.loading import load_model

    loaded = load_model(studio.settings)
    return save_adapter(attach(loaded.model, lora_config(rank=8)), "policy", folder)


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def configured(**changes: Any) -> Make:
    """The good weights, and a configuration that says something else."""

    def make(good: Path, folder: Path) -> list[Path]:
        config = json.loads((good / CONFIG).read_text()) | changes
        (folder / CONFIG).write_text(json.dumps(config))
        return [folder / CONFIG, good / WEIGHTS]

    return make


def weighing(header: bytes, body: bytes = b"", length: int | None = None) -> Make:
    """The good configuration, and weights of that header."""

    def make(good: Path, folder: Path) -> list[Path]:
        size = len(header) if length is None else length
        (folder / WEIGHTS).write_bytes(struct.pack("<Q", size) + header + body)
        return [good / CONFIG, folder / WEIGHTS]

    return make


def tensors(shape: list[int], count: int = 1, kind: str = "F32", **more: Any) -> bytes:
    """A header that says so many tensors of that shape, all of them at the same bytes."""
    entry = {"dtype": kind, "shape": shape, "data_offsets": [0, 0]} | more
    names = ["base_model.model." + "x" * 10 + f"{number}.lora_A.weight" for number in range(count)]
    return json.dumps(dict.fromkeys(names, entry)).encode()


def bomb(good: Path, folder: Path) -> list[Path]:
    with zipfile.ZipFile(folder / "sent.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(good / CONFIG, CONFIG)
        info = zipfile.ZipInfo(WEIGHTS)
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w", force_zip64=True) as file:
            for _ in range(1_900):
                file.write(bytes(1_000_000))
    return [folder / "sent.zip"]


def lying(good: Path, folder: Path) -> list[Path]:
    """64 MB of noughts that call themselves 1,000 bytes."""
    [path] = members({CONFIG: (good / CONFIG).read_bytes(), WEIGHTS: bytes(64_000_000)})(good, folder)
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 64_000_000), struct.pack("<I", 1_000)))
    return [path]


def members(named: dict[str, bytes]) -> Make:
    """A zip file of these."""

    def make(good: Path, folder: Path) -> list[Path]:
        with zipfile.ZipFile(folder / "sent.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in named.items():
                archive.writestr(name, data)
        return [folder / "sent.zip"]

    return make


def holding(files: dict[str, bytes]) -> Make:
    def make(good: Path, folder: Path) -> list[Path]:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return [folder / name for name in files]

    return make


def poisoned(good: Path, folder: Path) -> list[Path]:
    data = bytearray((good / WEIGHTS).read_bytes())
    data[-4:] = struct.pack("<f", float("inf"))
    (folder / WEIGHTS).write_bytes(bytes(data))
    return [good / CONFIG, folder / WEIGHTS]


def cut(good: Path, folder: Path) -> list[Path]:
    data = (good / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])
    return [good / CONFIG, folder / WEIGHTS]


RANK = "a rank of 10,000,000"
HOSTILE: dict[str, Make] = {
    RANK: configured(r=10_000_000),
    "the same for one layer": configured(rank_pattern={"q_proj": 10_000_000}),
    "a rank of 1,000": configured(r=1_000),
    "an alpha of 1e300": configured(lora_alpha=1e300),
    "an alpha that is no number": configured(lora_alpha=float("nan")),
    "targets by a pattern without end": configured(target_modules="(.*a+)+$"),
    "targets that are no linear layers": configured(target_modules=["embed_tokens", "norm"]),
    "biases": configured(bias="all"),
    "a configuration nested 100,000 deep": holding({CONFIG: b"[" * 100_000, WEIGHTS: b""}),
    "a header of 2^60 bytes": weighing(b"{}", length=2**60),
    "a header of 3 MB, nested": weighing(b'{"a":' * 600_000),
    "a header of 15 MB": weighing(b'{"a":' * 3_000_000),
    "20,000 tensors of nothing": weighing(tensors([0, 8], 20_000)),
    "100,000 tensors of nothing": weighing(tensors([0, 8], 100_000)),
    "a tensor of 10^12 rows": weighing(tensors([10**12, 8])),
    "a tensor of 2^62 x 4": weighing(tensors([2**62, 4])),
    "a tensor with a length below 0": weighing(tensors([-1, 8])),
    "weights that are no numbers": poisoned,
    "weights cut in the middle": cut,
    "a zip of 1.9 GB of noughts": bomb,
    "a zip that lies of its size": lying,
    "a zip of 60,000 files": members({f"{number}": b"" for number in range(60_000)}),
    "a zip that leads out": members({"../../" + CONFIG: b"{}", "/tmp/" + WEIGHTS: b""}),
    "a card of 900 MB": members({"README.md": bytes(900_000_000), CONFIG: b"{}", WEIGHTS: b""}),
    "no zip": holding({"a.zip": b"PK"}),
    # PEFT's other format, which runs code as it is opened.
    "a pickle": holding({CONFIG: b"{}", "adapter_model.bin": b"cos\nsystem\n(S'touch ran'\ntR."}),
}

# Of these only the plain settings are kept, and those are good.
BESIDES: dict[str, Make] = {
    "modules to save": configured(modules_to_save=["lm_head"]),
    "layers ten thousand times over": configured(layer_replication=[[0, 4]] * 10_000),
    "code by name": configured(auto_mapping={"parent_library": "os", "base_model_class": "system"}),
}


SCENARIOS = (
    Scenario(
        name="adapters",
        tried="adapters with a rank of 10,000,000, headers and zips that lie, 1.9 GB of noughts, patterns "
        "without end, code",
        figures=(
            Figure("tried", "adapters", least=25),
            Figure("sent_mb", "the largest file sent, MB"),
            none("taken", "taken"),
            Figure("cleaned", "three more are taken without the code and copies that they ask for", least=3),
            none("broke", "ended otherwise than refused in words"),
            Figure("rank_mb", "a rank of 10,000,000: memory, MB", most=50, before="15,900"),
            Figure("rank_s", "a rank of 10,000,000: CPU time, s", most=1, before="killed"),
            Figure("peak_mb", "memory of the worst, MB", most=50),
            Figure("dear", "which that is"),
            Figure("cpu_s", "CPU time of the worst, s", most=1),
            Figure("slow", "which that is"),
            none("left", "files and rows left"),
        ),
        measure=adapters,
    ),
)
