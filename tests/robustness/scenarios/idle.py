"""Pages that are open and looked at, and nothing happens: what they cost the server."""

from __future__ import annotations

import asyncio
import os
import random
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value

_TABS, _REAL_TABS = 200, 8
_SETTLE_S, _SECONDS = 10.0, 60.0


def idle(folder: Path) -> Mapping[str, Value]:
    from tests.robustness.crowd import served

    with served(folder) as (url, process):
        alone = asyncio.run(_share(url, process, 0))
        many = asyncio.run(_share(url, process, _TABS))
        real = _share_of_browser(url, process)
    return {"alone": alone, "many": many, "real": real}


async def _share(url: str, process: Any, tabs: int) -> float:
    """Percent of a core, while that many pages do what an idle page's scripts do."""
    from tests.robustness.crowd import client

    async with client(url) as http:
        config = (await http.get("config")).json()
        has_pulse = (await http.get("pulse?seen=")).status_code == 200
        # Before there was a pulse, a timer had handlers run once a second.
        ticks = [it for it in config["dependencies"] if any(event == "tick" for _, event in it["targets"])]
        jobs = []
        for _ in range(tabs):
            session = uuid.uuid4().hex[:11]
            jobs.append(_heartbeat(http, session))
            jobs += [_tick(http, session, it) for it in ticks]
            jobs += [_pulse(http)] if has_pulse else []
        tasks = [asyncio.create_task(job) for job in jobs]
        await asyncio.sleep(_SETTLE_S)
        share = await asyncio.to_thread(_measured, process)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return share


def _measured(process: Any) -> float:
    def spent() -> float:
        times = process.cpu_times()
        return times.user + times.system

    before, began = spent(), time.monotonic()
    time.sleep(_SECONDS)
    return round(100 * (spent() - before) / (time.monotonic() - began), 1)


async def _heartbeat(http: Any, session: str) -> None:
    async with http.stream("GET", f"gradio_api/heartbeat/{session}") as answer:
        async for _ in answer.aiter_bytes():
            pass


async def _pulse(http: Any) -> None:
    await asyncio.sleep(random.uniform(0, _SETTLE_S))
    mark = ""
    while True:
        mark = (await http.get("pulse", params={"seen": mark})).json()["mark"]


async def _tick(http: Any, session: str, handler: dict[str, Any]) -> None:
    await asyncio.sleep(random.random())
    nothing = [None] * len(handler["inputs"])
    while True:
        began = time.monotonic()
        await http.post(
            "gradio_api/run/predict",
            json={"data": nothing, "fn_index": handler["id"], "session_hash": session},
        )
        await asyncio.sleep(max(0.0, 1 - (time.monotonic() - began)))


def _share_of_browser(url: str, process: Any) -> float:
    import shutil

    from playwright.sync_api import sync_playwright

    path = os.environ.get("SAYO_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for _ in range(_REAL_TABS):
            page = browser.new_context().new_page()
            page.goto(url)
            page.locator("#ask-button").wait_for(timeout=120_000)
        time.sleep(_SETTLE_S)
        share = _measured(process)
        browser.close()
    return share


SCENARIOS = (
    Scenario(
        name="idle-tabs",
        tried=f"{_TABS} pages are open, or {_REAL_TABS} in a real browser; all looked at, nothing happens",
        figures=(
            Figure("alone", "the server without a page, percent of a core"),
            Figure("many", f"{_TABS} pages, percent of a core", most=5, before="25 fill one"),
            Figure("real", f"{_REAL_TABS} pages in Chromium, percent of a core", most=5),
        ),
        measure=idle,
        limit_s=600,
    ),
)
