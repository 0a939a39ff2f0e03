"""Many who ask at once, and one who asks for more than everybody: who is served, and who is told what."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value, none

_ASKERS, _OTHERS, _SAVES = 50, 10, 5
_FLOODS_AT_ONCE, _FLOOD_S = 16, 30.0


def askers(folder: Path) -> Mapping[str, Value]:
    from tests.robustness.crowd import served

    with served(folder) as (url, _):
        return asyncio.run(_all_ask(url))


def flood(folder: Path) -> Mapping[str, Value]:
    from tests.robustness.crowd import served

    with served(folder) as (url, _):
        return asyncio.run(_one_floods(url))


async def _all_ask(url: str) -> Mapping[str, Value]:
    from tests.robustness.crowd import Functions, Tab, client

    async with client(url) as http:
        functions = Functions((await http.get("config")).json())
        tabs = [Tab(http, functions) for _ in range(_ASKERS)]
        for number, tab in enumerate(tabs):
            await tab.pick(number)
        alone = [await _timed(tab) for tab in (tabs[0], tabs[0], tabs[0])]
        answer = await tabs[0].ask()
        for tab in tabs:
            tab.places.clear()
        asking = [asyncio.create_task(_timed(tab)) for tab in tabs[1:]]
        await asyncio.sleep(1)
        saved = await tabs[0].save(answer)
        waits = await asyncio.gather(*asking)
    served = [wait for wait, answered in waits if answered]
    return {
        "refused": sum(tab.refused for tab in tabs),
        "told": sum(bool(tab.places) for tab in tabs[1:]),
        "answered": len(served),
        "median": round(median(served) / median(wait for wait, _ in alone), 1) if served else 0,
        "unsaved": int(not saved),
    }


async def _timed(tab: Any) -> tuple[float, bool]:
    began = time.monotonic()
    answered = bool(await tab.ask())
    return time.monotonic() - began, answered


async def _one_floods(url: str) -> Mapping[str, Value]:
    from tests.robustness.crowd import Functions, Tab, client

    async with client(url) as http, client(url, "127.0.0.2") as elsewhere:
        functions = Functions((await http.get("config")).json())
        tabs = [Tab(http, functions) for _ in range(_OTHERS)]
        answers = []
        for number, tab in enumerate(tabs):
            await tab.pick(number)
            answers.append(await tab.ask())
        until = time.monotonic() + _FLOOD_S
        floods = [
            asyncio.create_task(_flood(elsewhere, functions, until, "" if number % 2 else "flood"))
            for number in range(_FLOODS_AT_ONCE)
        ]
        await asyncio.sleep(2)
        saved = await asyncio.gather(
            *(_save_on(tab, answer) for tab, answer in zip(tabs, answers, strict=True))
        )
        asked = await asyncio.gather(*(tab.ask() for tab in tabs))
        sent = [sum(counts) for counts in zip(*await asyncio.gather(*floods), strict=True)]
    return {
        "sent": sent[0],
        "taken": sent[1],
        "saved": round(100 * sum(saved) / (_OTHERS * _SAVES)),
        "asked": round(100 * sum(map(bool, asked)) / _OTHERS),
    }


async def _flood(http: Any, functions: Any, until: float, session: str) -> tuple[int, int]:
    """(sent, taken). Args: session: a tab; another one each time where none is given."""
    from tests.robustness.crowd import Tab

    sent = taken = 0
    while time.monotonic() < until:
        tab = Tab(http, functions, session)
        taken += await tab.send("ask-button", "click", [None, "What is left of the ball?"])
        sent += 1
    return sent, taken


async def _save_on(tab: Any, answer: str) -> int:
    saved = 0
    for _ in range(_SAVES):
        saved += await tab.save(answer)
        await asyncio.sleep(1)
    return saved


SCENARIOS = (
    Scenario(
        name="askers",
        tried=f"{_ASKERS - 1} people ask the bundled model at once, and one saves",
        figures=(
            none("refused", "refused", before="34 %"),
            Figure("told", "who were told their place", least=_ASKERS - 1),
            Figure("answered", "who got an answer", least=_ASKERS - 1),
            Figure("median", "median wait, in answers of one who asks alone"),
            none("unsaved", "corrections that could not be saved meanwhile"),
        ),
        measure=askers,
        limit_s=900,
    ),
    Scenario(
        name="flood",
        tried=f"one visitor asks without end, half of it under another name each time; {_OTHERS} others save "
        f"{_SAVES} times each, and ask",
        figures=(
            Figure("sent", "what that one sent in half a minute"),
            Figure("taken", "of that, what got into the queue"),
            Figure("saved", "the others' saves that went through, percent", least=100, before="5"),
            Figure("asked", "the others' questions that were answered, percent", least=100),
        ),
        measure=flood,
        limit_s=900,
    ),
)
