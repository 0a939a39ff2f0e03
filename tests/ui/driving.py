"""The app as a process, hand-made answers, and a mouse that aims in pixels of the original picture."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sayo_app.core.attention.steps import split_steps
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.held import Held
from sayo_app.settings import REPOSITORY_DIR

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What a slow, busy machine may take; nothing waits for longer than it must.
PATIENCE_MS = 180_000
SCREENSHOTS = Path(__file__).parent.parent / "screenshots"


class App:
    """`python app.py` as a process of its own; what it says is shown when the test fails."""

    def __init__(self, data_dir: Path, *flags: str, program: Path = REPOSITORY_DIR / "app.py") -> None:
        self.data_dir = data_dir
        self.program = program
        self.flags = flags
        self.process: subprocess.Popen[str] | None = None
        self.reader: threading.Thread | None = None

    def start(self, port: int = 0) -> str:
        """Serve and give the address."""
        environment = os.environ | {"SAYO_DATA_DIR": str(self.data_dir), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(self.program), "--port", str(port), *self.flags],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in self.process.stdout or ():
            sys.stdout.write(line)
            found = re.search(r"SAYO Studio is at (\S+)", line)
            if found:
                self.reader = threading.Thread(target=self._read, daemon=True)
                self.reader.start()
                return found.group(1)
        raise AssertionError("the app ended without an address")

    def _read(self) -> None:
        for line in self.process.stdout or () if self.process else ():
            sys.stdout.write(line)

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self.process is not None
        self.process.kill()
        self.stop()

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        self.process.wait()
        if self.reader is not None:
            self.reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = self.reader = None


def make_trace(
    tokens: tuple[str, ...] = (
        "The",
        " cat",
        " is",
        " here",
        ".",
        " <answer>",
        "cat",
        "</answer>",
        "<|im_end|>",
    ),
    image_wh: tuple[int, int] = (320, 240),
    grid_hw: tuple[int, int] = (6, 8),
    seed: int = 0,
) -> AttentionTrace:
    """An answer whose token i looks hardest at cell i of the grid, on two layers."""
    rng = np.random.default_rng(seed)
    cells = grid_hw[0] * grid_hw[1]
    attention = rng.uniform(0.001, 0.002, size=(len(tokens) - 1, 2, cells)).astype(np.float32)
    for row in range(len(tokens) - 1):
        attention[row, :, row % cells] = 0.2
    return AttentionTrace(
        tokens=tokens,
        token_ids=tuple(range(len(tokens))),
        attention=attention,
        layers=(1, 2),
        depth=3,
        entropies=rng.uniform(0.1, 2.0, size=len(tokens)).astype(np.float32),
        grids=(ImageGrid.regular(image_wh, grid_hw),),
        steps=split_steps(tokens),
        text="".join(tokens[:-1]),
    )


def drag(
    page: Page, layer: str, start: tuple[float, float], stop: tuple[float, float], *, scroll: bool = True
) -> None:
    """Drag with the mouse between two points given in pixels of the original picture."""
    if scroll:
        page.locator(layer).scroll_into_view_if_needed()
    move_to(page, layer, start)
    page.mouse.down()
    move_to(page, layer, ((start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2))
    move_to(page, layer, stop)
    page.mouse.up()


def click_at(page: Page, layer: str, point: tuple[float, float]) -> None:
    """Click at a pixel of the original picture."""
    page.locator(layer).scroll_into_view_if_needed()
    page.mouse.click(*screen_point(page, layer, point))


def move_to(page: Page, layer: str, point: tuple[float, float]) -> None:
    page.mouse.move(*screen_point(page, layer, point))


def screen_point(page: Page, layer: str, point: tuple[float, float]) -> tuple[float, float]:
    """Where a pixel of the original picture lies on the screen now."""
    x, y, scale_x, scale_y = page.evaluate(
        """(layer) => {
            const node = document.querySelector(layer), rect = node.getBoundingClientRect();
            const viewer = sayo.viewers[node.closest('[data-viewer]').dataset.viewer];
            const { width, height } = viewer.size;
            return [rect.left, rect.top, rect.width / width, rect.height / height];
        }""",
        layer,
    )
    return x + point[0] * scale_x, y + point[1] * scale_y


def held(*pictures: Image.Image) -> tuple[Held, ...]:
    """Pictures as a session keeps them."""
    return tuple(Held(picture.size, picture.copy) for picture in pictures)
