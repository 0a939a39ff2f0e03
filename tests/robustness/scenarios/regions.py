"""Regions as no hand draws them, by the way that a click on the page takes: read, fitted, measured, saved."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value, none

WH = (160, 120)
BOX = {"kind": "box", "box_xyxy": [1, 1, 50, 50]}
BOXES = "100,000 boxes"


def regions(folder: Path) -> Mapping[str, Value]:
    from sayo_app.settings import Settings
    from storage.store import Store
    from tests.robustness.costs import cost

    store = Store(Settings.from_environment())
    picture_id = picture(store)
    sent = hostile()
    path = (store, picture_id)
    ends = {
        name: cost(take, *path, text, warm=lambda: take(*path, page([BOX]))) for name, text in sent.items()
    }
    dear = max(ends, key=lambda name: ends[name].peak_mb)
    slow = max(ends, key=lambda name: ends[name].cpu_s)
    good = {
        name: cost(take, *path, text, warm=lambda: take(*path, page([BOX]))) for name, text in large().items()
    }
    return {
        "tried": len(ends),
        "taken": sum(it.value is not None for it in ends.values()),
        "broke": sum(bool(it.broke) for it in (*ends.values(), *good.values())),
        "boxes_s": ends[BOXES].cpu_s,
        "cpu_s": ends[slow].cpu_s,
        "slow": slow,
        "peak_mb": ends[dear].peak_mb,
        "dear": dear,
        "good": sum(it.value is not None for it in good.values()),
        "good_s": max(it.cpu_s for it in good.values()),
    }


def take(store: Any, picture_id: str, text: str) -> int:
    """What the page does with what it was sent: regions, their figures, a correction."""
    from sayo_app.core.attention.heatmap import token_maps
    from sayo_app.ui.viewer.page_state import PageState, fitted
    from sayo_app.ui.viewer.payload import region_numbers
    from tests.storage.examples import corrected
    from tests.ui.driving import make_trace

    image = store.pictures.load(picture_id)
    # The code of before wants the picture itself.
    whole = "picture" in inspect.signature(fitted).parameters
    drawn = fitted(PageState.read(text).regions, image if whole else image.size)
    trace = make_trace()
    region_numbers(trace, token_maps(trace, "reward"), drawn)
    record = corrected(
        store,
        picture_id=picture_id,
        question="Which?",
        regions=drawn,
    )
    return len(record.regions)


def picture(store: Any) -> str:
    from PIL import Image

    return str(store.pictures.add(Image.new("RGB", WH, "grey")).id)


def page(drawn: list[Any], **more: Any) -> str:
    """What the page's script sends."""
    return json.dumps({"id": "a", "view": "reward", "regions": drawn, "selection": None} | more)


def star(corners: int) -> dict[str, Any]:
    """A polygon whose every side crosses every other."""
    turn = math.pi * (1 + 1 / corners) if corners % 2 else math.pi * (1 + 2 / corners)
    points = [[80 + 60 * math.cos(turn * n), 60 + 50 * math.sin(turn * n)] for n in range(corners)]
    return polygon(points)


def polygon(points: list[list[float]]) -> dict[str, Any]:
    return {"kind": "polygon", "points_xy": points}


def brush(size_hw: list[Any], counts: list[Any]) -> dict[str, Any]:
    return {"kind": "brush", "rle": {"size": size_hw, "counts": counts}}


def hostile() -> dict[str, str]:
    many = [[x / 10, x % 119] for x in range(1_000)] * 1_000
    return {
        BOXES: page([BOX] * 100_000),
        "1,001 boxes": page([BOX] * 1_001),
        "a polygon of 1,000,000 corners": page([polygon(many)]),
        "a star of 100,000 corners": page([star(100_001)]),
        "20 stars of 5,000 corners": page([star(4_999)] * 20),
        "a side that is no number": page([{"kind": "box", "box_xyxy": [0, 0, float("nan"), 9]}]),
        "a side without end": page([{"kind": "box", "box_xyxy": [0, 0, float("inf"), 9]}]),
        "a side of 10^400": page([{"kind": "box", "box_xyxy": [0, 0, 10**400, 9]}]),
        "sides of text": page([{"kind": "box", "box_xyxy": ["0", "0", "9", "9"]}]),
        "a box of no area": page([{"kind": "box", "box_xyxy": [5, 5, 5, 9]}]),
        "a box beside the picture": page([{"kind": "box", "box_xyxy": [900, 900, 990, 990]}]),
        "corners that are no numbers": page([polygon([[0, 0], [9, 9], [math.nan, 1]])]),
        "corners of three": page([polygon([[0, 0, 0], [9, 9, 9], [1, 9, 3]])]),
        "a brush as large as a country": page([brush([10**9, 10**9], [0, 10**18])]),
        "a brush of 10^12 runs": page([brush([120, 160], [10**12])]),
        "a brush with runs below 0": page([brush([120, 160], [-5, 19_205])]),
        "a brush of 1,000,000 runs": page([brush([120, 160], [0, 1] * 500_000)]),
        "a brush of another picture": page([brush([12, 16], [0, 192])]),
        "a label of 10 MB": page([BOX | {"label": "x" * 10_000_000}]),
        "a step of 10^40": page([BOX | {"step": 10**40}]),
        "fields that nobody knows": page([BOX | {"__class__": "os.system"}]),
        "no region": page(["box"]),
        "a region nested 100,000 deep": '{"id": "a", "regions": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "no JSON": "{" * 1_000_000,
        "nothing": "",
    }


def large() -> dict[str, str]:
    """As much as may be drawn: it has to be answered, and soon."""
    return {
        "1,000 boxes": page([BOX] * 1_000),
        "ten stars of 4,999 corners": page([star(4_999)] * 10),
        "1,000 triangles beyond the edge": page([polygon([[-1e9, -1e9], [1e9, -1e9], [80, 1e9]])] * 1_000),
    }


SCENARIOS = (
    Scenario(
        name="regions",
        tried="100,000 boxes, stars of 100,000 corners, brushes larger than a country, sides that are no "
        "numbers",
        figures=(
            Figure("tried", "sent in place of regions", least=25),
            none("taken", "taken"),
            none("broke", "ended otherwise than refused in words"),
            Figure("boxes_s", "100,000 boxes: CPU time, s", most=1, before="minutes"),
            Figure("cpu_s", "CPU time of the worst, s", most=2),
            Figure("slow", "which that is"),
            Figure("peak_mb", "memory of the worst, MB", most=100),
            Figure("dear", "which that is"),
            Figure("good", "as much as may be drawn (1,000 boxes, 49,990 corners), taken, of 3", least=3),
            Figure("good_s", "CPU time of the worst of these, with all figures of it, s", most=10),
        ),
        measure=regions,
        limit_s=900,
    ),
)
