"""How much a request may send, by what it is for and what kind of file it really is."""

from __future__ import annotations

import os
import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gradio import route_utils
from starlette.applications import Starlette
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from sayo_app.access.roles import Person, Role
from sayo_app.settings import Settings
from sayo_app.ui.web.bodies import Allowance, Bodies, look_at_uploads
from sayo_app.ui.web.uploads import Uploads
from tests.ui.laying_out import in_own_loop

LIMITS = {
    "max_file_bytes": 1_000,
    "max_trace_bytes": 2_000,
    "max_import_bytes": 3_000,
    "max_adapter_bytes": 4_000,
    "max_request_bytes": 100_000,
    "low_disk_bytes": 0,
    "reserved_disk_bytes": 0,
}
PICTURE = b"\x89PNG\r\n\x1a\n"
ZIP = b"PK\x03\x04"
WEIGHTS = struct.pack("<Q", 9_000) + b"{"
TABLE = b"PAR1"
TEXT = b'{"question": "'
OTHER = b"\x7fELF\0\0\0\0"


class Server:
    """Gradio's upload, and an address that asks, behind the bounds."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self.folder, self.person, self.read = folder, Person(Role.OWNER), 0
        self.settings = Settings(data_dir=folder, **LIMITS | limits)
        self.uploads = Uploads(self.settings, folder / "uploads", lambda _: self.person)
        app = Starlette(
            routes=[
                Route("/gradio_api/upload", self._upload, methods=["POST"]),
                Route("/gradio_api/queue/join", self._asked, methods=["POST"]),
                Route("/gradio_api/component_server", self._asked, methods=["POST"]),
            ],
            middleware=[Middleware(Bodies, settings=self.settings, uploads=self.uploads)],
        )
        self.client = TestClient(app)

    async def _upload(self, request: Request) -> Any:
        most = self.settings.max_adapter_bytes
        try:
            made, *_ = await route_utils.upload_fn(
                request, self.folder / "uploads", most, None, force_move=False
            )
        except MultiPartException as error:
            return PlainTextResponse(error.message, 413 if "maximum allowed size" in error.message else 400)
        return JSONResponse([str(it) for it in made])

    async def _asked(self, request: Request) -> Any:
        async for chunk in request.stream():
            self.read += len(chunk)
        return JSONResponse(self.read)

    def send(self, *files: bytes) -> Any:
        return self.client.post("/gradio_api/upload", files=[("files", ("a.png", it)) for it in files])

    def there(self) -> list[Path]:
        return [it for it in (self.folder / "uploads").rglob("*") if it.is_file()]


@pytest.fixture(autouse=True)
def looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_utils, "GradioMultiPartParser", route_utils.GradioMultiPartParser)
    look_at_uploads()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    yield Server(tmp_path)


@pytest.mark.parametrize(
    ("role", "head", "most"),
    [
        (Role.VISITOR, PICTURE, 1_000),
        (Role.VISITOR, ZIP, 2_000),
        (Role.VISITOR, TEXT, 1_000),
        (Role.VISITOR, WEIGHTS, 1_000),
        (Role.VISITOR, OTHER, 1_000),
        (Role.OWNER, PICTURE, 1_000),
        (Role.OWNER, ZIP, 4_000),
        (Role.OWNER, TEXT, 3_000),
        (Role.OWNER, TABLE, 3_000),
        (Role.OWNER, WEIGHTS, 4_000),
        (Role.OWNER, OTHER, 1_000),
    ],
)
def test_each_kind_of_file_has_a_limit_whatever_it_is_called(
    server: Server, role: Role, head: bytes, most: int
) -> None:
    server.person = Person(role, "Ada", 1)
    assert server.send(head.ljust(most, b"x")).status_code == 200
    answer = server.send(head.ljust(most + 1, b"x"))
    assert (answer.status_code, "maximum allowed size" in answer.text) == (413, True)
    assert len(server.there()) == 1, "nothing is left of the one that was refused"


def test_a_picture_is_refused_while_it_comes_in(server: Server) -> None:
    """Two gigabytes are not read to their end."""
    taken = 0

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + PICTURE
        for _ in range(2_000):
            yield bytes(1_000_000)

    async def run() -> list[dict[str, Any]]:
        nonlocal taken
        said: list[dict[str, Any]] = []
        chunks = body()

        async def receive() -> dict[str, Any]:
            nonlocal taken
            taken += 1
            return {"type": "http.request", "body": next(chunks), "more_body": True}

        async def send(message: Any) -> None:
            said.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/gradio_api/upload",
            "raw_path": b"/gradio_api/upload",
            "root_path": "",
            "query_string": b"",
            "headers": [
                (b"content-type", b"multipart/form-data; boundary=b"),
                (b"transfer-encoding", b"chunked"),
            ],
        }
        await server.client.app(scope, receive, send)
        return said

    said = in_own_loop(run)
    assert said[0]["status"] == 413 and len(said) > 1 and said[1]["body"]
    # So much is read to nowhere that a browser which sends little more hears why.
    assert 30 < taken < 40 and (b"connection", b"close") in said[0]["headers"]
    assert server.there() == []


def test_a_request_that_asks_sends_little(server: Server) -> None:
    ask = "/gradio_api/queue/join"
    assert server.client.post(ask, content=b"x" * 100_000).json() == 100_000
    answer = server.client.post(ask, content=b"x" * 100_001)
    assert answer.status_code == 413 and "100 KB" not in answer.text and "may send" in answer.text

    def in_pieces() -> Iterator[bytes]:
        for _ in range(1_000):
            yield b"x" * 10_000

    server.read = 0
    assert server.client.post(ask, content=in_pieces()).status_code == 413
    assert server.read <= 100_000


def test_ways_that_no_part_of_the_page_uses_are_closed(server: Server) -> None:
    for path in ("component_server", "component_server/", "process_recording", "deep_link"):
        assert server.client.post(f"/gradio_api/{path}", content=b"x").status_code == 404


def test_a_visitor_sends_so_much_a_day_and_others_go_on(tmp_path: Path) -> None:
    server = Server(tmp_path, max_upload_bytes_each=1_500)
    server.person = Person(Role.ANNOTATOR, "Ada", 1)
    assert server.send(PICTURE.ljust(900, b"x")).status_code == 200
    assert server.send(PICTURE.ljust(900, b"x")).status_code == 413
    server.person = Person(Role.ANNOTATOR, "Bo", 2)
    assert server.send(PICTURE.ljust(900, b"x")).status_code == 200


def test_the_oldest_make_room_and_what_was_just_sent_stays(tmp_path: Path) -> None:
    server = Server(tmp_path, max_upload_bytes=2_000, upload_hours=1)
    for number in range(3):
        assert server.send(PICTURE.ljust(900 + number, b"x")).status_code == 200
    refused = server.send(PICTURE)
    assert refused.status_code == 507 and "Wait ten minutes" in refused.text
    oldest = min(server.there(), key=lambda it: it.stat().st_size)
    _age(oldest, 700)
    assert server.send(PICTURE).status_code == 200
    assert not oldest.exists() and len(server.there()) == 3
    left = max(server.there(), key=lambda it: it.stat().st_size)
    _age(left, 3_700)  # not the one that is sent again: it would lie there anew
    server.send(PICTURE)
    assert not left.exists()


def _age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_an_upload_stops_where_the_disk_is_for_corrections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SimpleNamespace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    server = Server(tmp_path, reserved_disk_bytes=999)
    assert server.send(PICTURE).status_code == 200
    disk.free = 998
    answer = server.send(PICTURE)
    assert answer.status_code == 507 and "Corrections are still saved" in answer.text


@pytest.mark.parametrize(("left", "all_of_it"), [(20_000_000, 10_000_000), (7_000_000, 8_000_000)])
def test_a_whole_request_has_room_for_the_largest_file_and_what_is_around_it(
    left: int, all_of_it: int
) -> None:
    assert Allowance({"picture": 5_000_000, "zip": 9_000_000}, left, Settings()).all == all_of_it
