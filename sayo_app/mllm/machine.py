"""What figures were measured on, and how much memory was in use."""

from __future__ import annotations

import os
import platform
import resource
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def machine(device: torch.device) -> dict[str, Any]:
    """The device's name, cores, threads and the version of Python."""
    on_gpu = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Those of the libraries that the figures hang on."""
    return {name: version(name) for name in ("torch", "transformers", "numpy")}


def start_peak(device: torch.device) -> float:
    """Forget the peak that loading left; bytes in use now."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return float(torch.cuda.memory_allocated(device))
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")
    return _status_bytes("VmRSS") or peak_bytes(device)


def peak_bytes(device: torch.device) -> float:
    """The most bytes that this process has had in use, or the device where that is a GPU."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    # macOS counts in bytes, Linux in kilobytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return _status_bytes("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status_bytes(name: str) -> float | None:
    status = Path("/proc/self/status")
    rows = status.read_text().splitlines() if status.is_file() else []
    values = [row.split()[1] for row in rows if row.startswith(f"{name}:")]
    return float(values[0]) * 1024 if values else None
