"""`python -m tests.measure_viewer --json`: how long one step of a long answer takes in Chromium.

1,000 tokens at 1,024 image tokens. A benchmark, not a test: the machine decides the figures. A step is
measured from the key to the next frame's layout: script, painting of the overlay, style and layout.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.core.rendering.offline_page import offline_page
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.page_files import script, viewer_styles
from sayo_app.ui.viewer.component import ViewerOptions
from sayo_app.ui.viewer.payload import region_numbers
from sayo_app.ui.viewer.values import answer_value, picture_value
from tests.measure_start import FLAGS
from tests.ui.driving import held, make_trace

TOKENS, IMAGE_WH, GRID_HW, STEPS = 1000, (1024, 1024), (32, 32), 300
STEP = """(steps) => {
  const viewer = sayo.viewers.offline, root = viewer.root, times = [];
  viewer.select("token", 300);
  for (let i = 0; i < steps; i++) {
    const before = performance.now();
    viewer.stepToken(1);
    void root.offsetHeight; // style and layout belong to the step
    times.push(performance.now() - before);
  }
  return times;
}"""


def page_of(trace: AttentionTrace) -> str:
    """The viewer with all that it can show: boxes, their figures, coloured tokens."""
    picture = Image.new("RGB", trace.grid.image_wh, "grey")
    answered = Answered("a", held(picture), "Where?", trace, recorded="Only its recording is here.")
    value = answer_value(picture_value(picture, "p"), answered)
    box = Region.box(100, 100, 400, 300)
    value["regions"] = [box.to_dict()]
    value["measured"] = {
        name: region_numbers(trace, answered.token_maps(name), [box]) for name in value["views"]
    }
    options = ViewerOptions("offline", editable=False).to_dict()
    return offline_page(value, options, script(), viewer_styles(), title="A long answer")


def tiled(trace: AttentionTrace) -> AttentionTrace:
    """The same image tokens as three tiles of 16 x 16 cells and a thumbnail: painted cell by cell."""
    tile = ImageGrid.regular((341, 1024), (16, 16)).cells_xyxy
    tiles = [tile + np.array([x0, 0, x0, 0]) for x0 in (0, 341, 682)]
    cells = np.concatenate([*tiles, ImageGrid.regular(IMAGE_WH, (16, 16)).cells_xyxy])
    return AttentionTrace(**{**vars(trace), "grids": (ImageGrid(IMAGE_WH, cells, None),)})


def measure() -> dict[str, Any]:
    words = (*(f" word{i}." if i % 25 == 24 else f" word{i}" for i in range(TOKENS - 1)), "<|im_end|>")
    trace = make_trace(tokens=words, image_wh=IMAGE_WH, grid_hw=GRID_HW)
    found: dict[str, Any] = {}
    path = os.environ.get("SAYO_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name, one in (("regular grid", trace), ("tiles and thumbnail", tiled(trace))):
            file = Path(folder) / "answer.html"
            file.write_text(page_of(one), encoding="utf-8")
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(file.as_uri())
            page.wait_for_function("sayo.viewers.offline.rows > 0")
            times = sorted(page.evaluate(STEP, STEPS))
            found[name] = {
                "median_ms": round(times[len(times) // 2], 2),
                "p95_ms": round(times[int(0.95 * len(times))], 2),
                "most_ms": round(times[-1], 2),
            }
            page.close()
        found["chromium"] = browser.version
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    found = {"tokens": TOKENS, "image_tokens": GRID_HW[0] * GRID_HW[1], "steps": STEPS, **measure()}
    found["machine"] = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if arguments.json else f"{found}\n")


if __name__ == "__main__":
    main()
