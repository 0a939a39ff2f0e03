"""The app as a process of its own, and many of its pages at once: what their scripts ask, and no browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sayo_app.settings import REPOSITORY_DIR

_API = "gradio_api"


@contextmanager
def served(folder: Path, **settings: object) -> Iterator[tuple[str, Any]]:
    """(address, process) of the app, once its model is there. Args: settings: as `SAYO_*` variables."""
    import psutil

    told = folder / "told"
    environment = os.environ | {f"SAYO_{name.upper()}": str(value) for name, value in settings.items()}
    with told.open("wb") as log:
        app = subprocess.Popen(
            [sys.executable, "app.py", "--port", "0"],
            cwd=REPOSITORY_DIR,
            env=environment | {"PYTHONUNBUFFERED": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        while not (url := re.search(r"SAYO Studio is at (\S+)", told.read_text())):
            time.sleep(0.2)
        while "ready after" not in told.read_text():
            time.sleep(0.2)
        yield url[1], psutil.Process(app.pid)
    finally:
        app.kill()
        app.wait()


class Functions:
    """Of a page, by the component and the event that they belong to."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._ids = {it["props"].get("elem_id"): it["id"] for it in config["components"]}
        self.all: list[dict[str, Any]] = config["dependencies"]

    def number(self, elem_id: str, event: str) -> int:
        target = [self._ids[elem_id], event]
        return next(it["id"] for it in self.all if target in it["targets"] and it["backend_fn"])


class Tab:
    """One page that is open.

    Attributes:
        refused: whatever did not get into the queue.
        places: that it was told, of all that it sent.
    """

    def __init__(self, http: Any, functions: Functions, session: str = "") -> None:
        self._http = http
        self._functions = functions
        self.session = session or uuid.uuid4().hex[:11]
        self.refused = 0
        self.places: list[int] = []

    async def send(self, elem_id: str, event: str, data: list[Any], **event_data: Any) -> bool:
        """Whether it got into the queue."""
        sent = {
            "data": data,
            "fn_index": self._functions.number(elem_id, event),
            "session_hash": self.session,
            "event_data": event_data or None,
        }
        answer = await self._http.post(f"{_API}/queue/join", json=sent)
        self.refused += answer.status_code != 200
        return bool(answer.status_code == 200)

    async def told(self) -> str:
        """All that it is told until nothing of it waits."""
        said = []
        address = f"{_API}/queue/data?session_hash={self.session}"
        async with self._http.stream("GET", address) as answer:
            async for line in answer.aiter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                said.append(line)
                if message["msg"] == "estimation":
                    self.places.append(message["rank"])
                if message["msg"] == "close_stream":
                    break
        return "\n".join(said)

    async def pick(self, number: int) -> None:
        """An example, as the next question's picture."""
        if await self.send("ask-examples", "pick", [None, ""], id=number):
            await self.told()

    async def ask(self) -> str:
        """The id of the answer; empty where it was refused."""
        if not await self.send("ask-button", "click", [None, "What is left of the ball?"]):
            return ""
        found = re.search(r'"id": ?"(answer[^"]*)"', await self.told())
        return found[1] if found else ""

    async def save(self, answer_id: str) -> bool:
        """Whether a correction was saved."""
        state = json.dumps({"id": answer_id, "regions": []})
        if not await self.send("correct-save", "click", [state, "a ball", "", None, None]):
            return False
        return "Find it in the Corrections tab" in await self.told()


def client(url: str, address: str | None = None) -> Any:
    """An HTTP client that opens as many connections as it needs. Args: address: where it asks from."""
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    transport = httpx.AsyncHTTPTransport(local_address=address, limits=limits)
    return httpx.AsyncClient(base_url=url, transport=transport, timeout=600)
