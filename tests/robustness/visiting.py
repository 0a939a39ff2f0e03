"""The app as a process of its own, and pages of it that are opened over HTTP, without a browser."""

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
from typing import Any

import httpx
import psutil

from sayo_app.settings import REPOSITORY_DIR

_API = "/gradio_api"


@contextmanager
def served(*flags: str, **settings: str) -> Iterator[tuple[str, psutil.Process]]:
    """(address, process) of the app, once its model is there.

    Args:
        settings: further `SAYO_*` variables by name.
    """
    environment = os.environ | {f"SAYO_{name.upper()}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", "0", *flags],
        cwd=REPOSITORY_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for line in process.stdout or ():
            found = re.search(r"SAYO Studio is at (\S+)", line)
            if found:
                url = found[1].rstrip("/")
                while httpx.get(f"{url}/healthz").json()["model"] == "loading":
                    time.sleep(0.5)
                yield url, psutil.Process(process.pid)
                return
        raise AssertionError("the app ended without an address")
    finally:
        process.kill()
        process.wait()


class Visit:
    """One page that is open.

    Attributes:
        http: keeps cookies, and asks as this page.
    """

    def __init__(self, url: str, config: dict[str, Any] | None = None) -> None:
        """Args: config: of a page that was opened before, where that need not be asked for anew."""
        self.http = httpx.Client(base_url=url, timeout=300)
        self.session = uuid.uuid4().hex[:11]
        self.config = config or self.http.get("/config").json()

    def close(self) -> None:
        """As a browser that leaves: its heartbeat ends."""
        with self.http.stream("GET", f"{_API}/heartbeat/{self.session}") as beat:
            next(beat.iter_bytes(), None)
        self.http.close()

    def numbers(self, elem_id: str, event: str) -> list[int]:
        """Of the functions that an event of a component calls; `load` of the page where there is no name."""
        named = {it["id"] for it in self.config["components"] if it["props"].get("elem_id") == elem_id}
        return [
            it["id"]
            for it in self.config["dependencies"]
            if it["backend_fn"]
            and any(name == event and (target in named or not elem_id) for target, name in it["targets"])
        ]

    def call(self, number: int, data: list[Any], **event: Any) -> dict[str, Any]:
        """What the queue said at last, with `said`, the messages to the person.

        Args:
            event: what the component sends beside.
        """
        sent = {"data": data, "fn_index": number, "session_hash": self.session, "trigger_id": None}
        if event:
            sent["event_data"] = event
        joined = self.http.post(f"{_API}/queue/join", json=sent)
        if joined.status_code != 200:
            return {"msg": "refused", "status": joined.status_code, "detail": joined.text}
        with self.http.stream("GET", f"{_API}/queue/data", params={"session_hash": self.session}) as told:
            said = []
            for line in told.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    said += [message["log"]] if message["msg"] == "log" else []
                    if message["msg"] in ("process_completed", "unexpected_error", "close_stream"):
                        return message | {"said": said}
        return {"msg": "ended"}

    def do(self, elem_id: str, event: str, data: list[Any], **more: Any) -> dict[str, Any]:
        """The one function that an event of a component calls."""
        [number] = self.numbers(elem_id, event)
        return self.call(number, data, **more)

    def upload(self, *files: tuple[str, bytes]) -> list[dict[str, Any]]:
        """As the page sends files, and what it then says they are."""
        sent = [("files", (name, data)) for name, data in files]
        answer = self.http.post(f"{_API}/upload", files=sent)
        answer.raise_for_status()
        return [
            {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}
            for path, (name, _) in zip(answer.json(), files, strict=True)
        ]
