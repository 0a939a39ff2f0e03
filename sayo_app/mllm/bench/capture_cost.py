"""What reading attention costs: time and peak memory of four ways to answer, in one run.

    python -m sayo_app.mllm.bench --json --out assets/benchmarks/capture.json

See `bench_modes` for the four. Time is compared in alternating pairs of plain and capture in one process,
peak memory is measured with every mode in a fresh process of its own, above the loaded model. On a GPU the
shape is that of Qwen3-VL 8B, else a 12-layer one; weights are random in both.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sayo_app.core.files import write_text
from sayo_app.core.intervals import median_interval
from sayo_app.errors import ModelError
from sayo_app.mllm.bench.modes import FULL_8B, MODES, QUESTION_TOKENS, Shape, build, matrix_bytes, prompt
from sayo_app.mllm.machine import machine, peak_bytes, start_peak, versions
from sayo_app.mllm.models.loading import LoadedModel, pick_device

log = logging.getLogger(__name__)

PAIRS = "pairs"
MEGABYTE = 1e6
# glibc gives freed memory back at once, so that the peak is what is in use and not what lies in its pools.
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
Runner = Callable[[list[str]], dict[str, Any]]


def main(arguments: Sequence[str] | None = None, run: Runner | None = None) -> None:
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    if given.one is not None:
        print(json.dumps(one(given)))
        return
    command = "python -m sayo_app.mllm.bench " + " ".join(arguments or sys.argv[1:])
    for result in bench(given, run or in_a_process, command):
        text = json.dumps(result, indent=1)
        if given.out is not None:
            write_text(given.out, text + "\n")
    print(text if given.json else "\n".join(map(line, result["rows"])))


def bench(given: argparse.Namespace, run: Runner, command: str) -> Iterator[dict[str, Any]]:
    """The result after each number of image tokens: the last ones take long and may be stopped."""
    device = pick_device(given.device)
    rows: list[dict[str, Any]] = []
    for image_tokens in given.image_tokens:
        options = _options(given, image_tokens)
        parts = {}
        for mode in (*MODES, PAIRS):
            log.info("%s image tokens: %s", image_tokens, mode)
            parts[mode] = run(["--one", mode, *options])
        rows.append(_row(image_tokens, parts))
        log.info("%s", line(rows[-1]))
        yield {
            "command": command,
            "model": "Qwen3-VL with random weights",
            "shape": asdict(_shape(given, device)),
            "new_tokens": given.new_tokens,
            "rows": rows,
            "machine": machine(device),
            "versions": versions(),
        }


def one(given: argparse.Namespace) -> dict[str, Any]:
    """One measurement, in this process."""
    device = pick_device(given.device)
    shape, image_tokens = _shape(given, device), given.image_tokens[0]
    if given.one in ("eager", "hook"):
        element = 2 if device.type == "cuda" else 4
        need = matrix_bytes(shape, image_tokens + QUESTION_TOKENS + 2, given.new_tokens, element)
        free = _free_bytes(device if given.one == "eager" else torch.device("cpu"))
        if need > 0.9 * free:
            return {"did_not_fit": f"needs about {need / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"}
    loaded = build(shape, device)
    inputs = prompt(loaded, image_tokens)
    if given.one == PAIRS:
        return _pairs(loaded, inputs, given.new_tokens, given.pairs)
    # Kernels and buffers that every mode needs are not what it costs.
    MODES[given.one](loaded, prompt(loaded, 4), 2)
    try:
        before = start_peak(device)
        answered = MODES[given.one](loaded, inputs, given.new_tokens)
        peak = peak_bytes(device)
    except (MemoryError, torch.OutOfMemoryError):
        return {"did_not_fit": "memory ran out"}
    return {
        "seconds": round(answered.seconds, 3),
        "decode_seconds": round(answered.decode_seconds, 3),
        "peak_mb": round((peak - before) / MEGABYTE, 1),
        "exact": loaded.dtype == torch.float32,
        "token_ids": list(answered.token_ids),
    }


def _pairs(loaded: LoadedModel, inputs: dict[str, Any], new_tokens: int, pairs: int) -> dict[str, Any]:
    """Alternating runs of plain and capture, after one of each that does not count."""
    runs: dict[str, list[Any]] = {"plain": [], "capture": []}
    for _ in range(pairs + 1):
        for mode, done in runs.items():
            done.append(replace(MODES[mode](loaded, inputs, new_tokens), kept=None))
    timed = {mode: done[1:] for mode, done in runs.items()}
    result: dict[str, Any] = {"pairs": pairs}
    for name in ("seconds", "decode_seconds"):
        taken = {
            mode: np.array([getattr(answered, name) for answered in done]) for mode, done in timed.items()
        }
        result[name] = {mode: round(float(np.median(values)), 3) for mode, values in taken.items()}
        result[f"{name}_ratio"] = _median(taken["capture"] / taken["plain"])
    return result


def _median(values: np.ndarray) -> dict[str, float]:
    """A median with its 95 % interval."""
    low, high = median_interval(values)
    figures = {"median": float(np.median(values)), "low": low, "high": high}
    return {name: round(value, 4) for name, value in figures.items()}


def _row(image_tokens: int, parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The measurements of one size side by side, tokens compared.

    Raises:
        ModelError: capture gave other tokens than plain, in float32.
    """
    wanted = parts["plain"].pop("token_ids")
    for mode in MODES:
        if mode != "plain" and "token_ids" in parts[mode]:
            parts[mode]["tokens_identical"] = parts[mode].pop("token_ids") == wanted
    if not parts["capture"]["tokens_identical"] and parts["capture"]["exact"]:
        raise ModelError(
            expected="the same tokens with capture and without",
            got=f"other ones with a picture of {image_tokens} tokens",
            remedy="Correct the capture: it must not change an answer.",
        )
    row = {"image_tokens": image_tokens, **parts}
    extra = parts["capture"]["peak_mb"] - parts["plain"]["peak_mb"]
    row["capture_extra_mb"] = round(extra, 1)
    if "peak_mb" in parts["eager"]:
        eager = parts["eager"]["peak_mb"] - parts["plain"]["peak_mb"]
        row["eager_extra_mb"] = round(eager, 1)
        row["capture_share_of_eager"] = round(extra / eager, 4) if eager > 0 else None
    return row


def line(row: dict[str, Any]) -> str:
    """A row of the table for a person to read."""
    pairs = row[PAIRS]
    if "did_not_fit" in pairs:
        return f"{row['image_tokens']:>5} image tokens: {pairs['did_not_fit']}"
    ratio, decoding = pairs["seconds_ratio"], pairs["decode_seconds_ratio"]
    cells = [
        f"{row['image_tokens']:>5} image tokens, {pairs['pairs']} pairs: capture/plain "
        f"{ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f}), from the first token on "
        f"{decoding['median']:.3f} ({decoding['low']:.3f} to {decoding['high']:.3f})"
    ]
    for mode in MODES:
        part = row[mode]
        cells.append(
            f"{mode}: {part['did_not_fit']}"
            if "did_not_fit" in part
            else f"{mode}: {part['seconds']:.1f} s, +{part['peak_mb']:.0f} MB"
        )
    return "; ".join(cells)


def in_a_process(arguments: list[str]) -> dict[str, Any]:
    """Measure in a fresh process; one that was killed for memory did not fit.

    Raises:
        ModelError: it failed for another reason.
    """
    command = [sys.executable, "-m", "sayo_app.mllm.bench", *arguments]
    # Pairs measure time, and leave the allocator as it is.
    environment = os.environ | ({} if PAIRS in arguments else GIVE_BACK)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    if done.returncode == 0:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    if done.returncode in (-9, 137):
        return {"did_not_fit": "killed when memory ran out"}
    raise ModelError(
        expected="the measurement to finish",
        got=f"exit code {done.returncode} of {' '.join(arguments)}",
        remedy="See its messages above.",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sayo_app.mllm.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    parser.add_argument("--out", type=Path, help="write the JSON to this file")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--image-tokens", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--layers", type=int, help="decoder layers, instead of the device's shape")
    parser.add_argument("--hidden", type=int, help="hidden size; other sizes shrink with it")
    parser.add_argument("--one", choices=[*MODES, PAIRS], help="a single measurement, in this process")
    return parser


def _options(given: argparse.Namespace, image_tokens: int) -> list[str]:
    options = ["--image-tokens", str(image_tokens)]
    for name in ("device", "new_tokens", "pairs", "layers", "hidden"):
        value = getattr(given, name)
        options += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
    return options


def _shape(given: argparse.Namespace, device: torch.device) -> Shape:
    shape = FULL_8B if device.type == "cuda" else Shape()
    if given.hidden is not None:
        heads = max(2, given.hidden // 64)
        shape = replace(
            shape,
            hidden=given.hidden,
            intermediate=3 * given.hidden,
            heads=heads,
            kv_heads=heads // 2,
            head_dim=min(128, max(32, given.hidden // heads)),
            vocabulary=shape.vocabulary if given.hidden >= 512 else 2048,
            vision_hidden=min(shape.vision_hidden, given.hidden),
        )
    return shape if given.layers is None else replace(shape, layers=given.layers)


def _free_bytes(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    memory = Path("/proc/meminfo")
    if not memory.is_file():
        return float("inf")
    fields = dict(row.split(":") for row in memory.read_text().splitlines())
    return float(fields["MemAvailable"].split()[0]) * 1024
