"""The overlay in files is the overlay on the page: both are given the same maps, pixel by pixel."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.rendering.colormap import TABLE
from sayo_app.core.rendering.overlay import overlay
from sayo_app.ui.shared.page_files import UI_DIR

if TYPE_CHECKING:
    from playwright.sync_api import Browser


SIZE_WH = (240, 160)
TILES = np.array([[0, 0, 120, 160], [120, 0, 240, 160], [0, 0, 240, 160], [240, 0, 240, 160]], float)
ADDRESS = "http://sayo.test/"
PAGE = """<body style="margin: 0"><style>
#stage { position: relative; width: 240px; height: 160px; }
#stage > * { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
</style><div id="stage"><img><canvas></canvas></div>"""
PAINT = """async ({ picture, grid, bytes, table, strength }) => {
  const [{ bytesOf }, { useColours }, { layoutOf }, { paint }] = await Promise.all(
    ["bytes", "colours", "layout", "paint"].map((name) => import(`/maps/${name}.js`)));
  useColours(table);
  const layout = layoutOf({ width: 240, height: 160, grid });
  paint([document.querySelector("canvas")], [layout], bytesOf(bytes), strength);
  const image = document.querySelector("img");
  image.src = picture;
  return image.decode();
}"""


@pytest.mark.parametrize(
    ("grid", "strength"),
    [
        (ImageGrid.regular(SIZE_WH, (4, 6)), 0.75),
        (ImageGrid.regular(SIZE_WH, (4, 6)), 1.0),
        (ImageGrid(SIZE_WH, TILES, None), 0.6),
    ],
    ids=["grid", "opaque", "tiles"],
)
def test_files_show_what_the_page_shows(browser: Browser, grid: ImageGrid, strength: float) -> None:
    random = np.random.default_rng(0)
    pixels = np.asarray(Image.fromarray(random.integers(0, 255, (4, 6, 3), dtype=np.uint8)).resize(SIZE_WH))
    values = random.integers(0, 256, grid.n_tokens).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    page = browser.new_page(viewport={"width": 240, "height": 160})
    # A browser imports modules from an address only.
    page.route(ADDRESS, lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.route(
        f"{ADDRESS}**/*.js", lambda route: route.fulfill(path=UI_DIR / urlsplit(route.request.url).path[1:])
    )
    page.goto(ADDRESS)
    page.evaluate(
        PAINT,
        {
            "picture": f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}",
            "grid": grid.to_dict(),
            "bytes": base64.b64encode(values.tobytes()).decode(),
            "table": base64.b64encode(TABLE.tobytes()).decode(),
            "strength": strength,
        },
    )
    shown = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    page.close()
    wanted = overlay(pixels, values.astype(float), grid, strength).astype(int)
    # A browser blends between cells in 16 steps: up to a sixteenth of the largest contrast apart.
    apart = np.abs(shown - wanted)
    assert apart.mean() <= 2 and apart.max() <= 255 / 16 + 4
