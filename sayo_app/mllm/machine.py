"""What figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
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
