"""What open pages cost the server, while they are open and afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.robustness.registry import Figure, Scenario, Value, none

_WARM, _OPENS, _ANSWERED = 50, 2_000, 60


def opens(folder: Path) -> Mapping[str, Value]:
    """Pages that are opened, refreshed once, and closed."""
    from tests.robustness.costs import memory
    from tests.robustness.visiting import Visit, served

    with served() as (url, process):
        config = Visit(url).config

        def open_one() -> None:
            visit = Visit(url, config)
            visit.http.get("/")
            # One, or this fails: without it the page would be opened and never refreshed.
            [beat] = visit.numbers("pulse", "beat")
            for number in [*visit.numbers("", "load"), beat]:
                inputs = next(it["inputs"] for it in config["dependencies"] if it["id"] == number)
                visit.call(number, [None] * len(inputs), mark="")
            visit.close()

        for _ in range(_WARM):
            open_one()
        before = memory("VmRSS", process.pid)
        for _ in range(_OPENS):
            open_one()
        grown = memory("VmRSS", process.pid) - before
    return {"opens": _OPENS, "grown_mb": round(grown / 1e6, 1)}


def answered(folder: Path) -> Mapping[str, Value]:
    """Pages on which a question was asked, all left open."""
    from tests.robustness.costs import memory
    from tests.robustness.visiting import Visit, served

    with served() as (url, process):
        config = Visit(url).config
        broke = 0

        def ask() -> None:
            nonlocal broke
            visit = Visit(url, config)
            visit.do("ask-examples", "pick", [None, ""], id=0)
            told = visit.do("ask-button", "click", [None, "What is left of A?"])
            broke += not told.get("success")

        for _ in range(5):
            ask()
        before = memory("VmRSS", process.pid)
        for _ in range(_ANSWERED):
            ask()
        grown = memory("VmRSS", process.pid) - before
    return {"pages": _ANSWERED, "broke": broke, "each_mb": round(grown / 1e6 / _ANSWERED, 2)}


def held(folder: Path) -> Mapping[str, Value]:
    """Six pages with four pictures each, of 39 megapixels in 5 KB."""
    from tests.robustness.costs import memory
    from tests.robustness.scenarios.pictures import png
    from tests.robustness.visiting import Visit, served

    picture = png(6_300, 6_300)
    with served() as (url, process):
        config = Visit(url).config
        broke, most = 0, 0
        small = Visit(url, config)
        small.do("ask-upload", "upload", [small.upload(("a.png", png(640, 480))), None])
        before = memory("VmRSS", process.pid)
        visits = [Visit(url, config) for _ in range(6)]
        for visit in visits:
            files = visit.upload(*((f"{number}.png", picture) for number in range(4)))
            told = visit.do("ask-upload", "upload", [files, None])
            broke += not told.get("success")
            most = max(most, memory("VmHWM", process.pid))
        kept = memory("VmRSS", process.pid) - before
    return {
        "broke": broke,
        "kept_mb": round(kept / 1e6, 1),
        "peak_mb": round((most - before) / 1e6, 1),
    }


SCENARIOS = (
    Scenario(
        name="page-opens",
        tried="the page is opened, refreshes and is closed, over and over",
        figures=(
            Figure("opens", "opened"),
            Figure("grown_mb", "memory that the server has gained by then, MB", most=100, before="1,180"),
        ),
        measure=opens,
        limit_s=2_400,
    ),
    Scenario(
        name="page-answers",
        tried="pages on which the bundled model has answered are left open",
        figures=(
            Figure("pages", "pages"),
            none("broke", "not answered"),
            Figure("each_mb", "memory for each, MB", most=0.6, before="1.8"),
        ),
        measure=answered,
        limit_s=900,
    ),
    Scenario(
        name="held-pictures",
        tried="six pages have four pictures each, of 39 megapixels in 5 KB",
        figures=(
            none("broke", "pages that could not show theirs"),
            Figure("kept_mb", "memory that the server keeps for all of them, MB", most=150, before="4,700"),
            Figure("peak_mb", "the most that it took meanwhile, MB", most=600),
        ),
        measure=held,
    ),
)
