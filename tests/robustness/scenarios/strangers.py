"""Whoever reaches the server by plain HTTP: without a name, from another page, after files and addresses."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from tests.robustness.registry import Figure, Scenario, Value, none

SECRET = "the-text-of-a-file-that-nobody-may-read"
# What may be reached without a name: the sign-in page, the word on how the server is, and what Gradio asks.
OPEN = ("/sign-in", "/sign-out", "/healthz", "/gradio_api/startup-events")
FORGED = (
    {"x-forwarded-user": "Olga"},
    {"cookie": "sayo_session=e30="},
    {"authorization": "Basic T2xnYTo="},
    {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1"},
)
NAMES = ("../../out.txt", "/out.txt", "..\\..\\out.txt", "a/../../../out.txt", "a\0b", "x" * 5_000)
# Long enough for an answer; what waits for longer has given nothing away.
PATIENCE_S = 4


def nameless(folder: Path) -> Mapping[str, Value]:
    """Every address and every function of a server where people sign in, asked without a cookie."""
    import httpx

    with served(folder, sign_in="local") as (page, url), httpx.Client(base_url=url, timeout=60) as web:
        known = [it for it in addresses(page) if it[1] not in OPEN]
        entered = [enters(web, method, path) for method, path in known]
        calls = [
            enters(
                web, "POST", f"/gradio_api/{path}", json={"fn_index": number, "data": [], "session_hash": "t"}
            )
            for number, it in page.fns.items()
            for path in ("queue/join", "queue/join/", f"run/{it.api_name}", f"call/{it.api_name}")
        ]
        forged = [enters(web, "GET", "/config", headers=headers) for headers in FORGED]
    return {
        "addresses": len(known),
        "functions": len(page.fns),
        "calls": len(calls),
        "forged": len(forged),
        "entered": sum(entered) + sum(calls) + sum(forged),
    }


def enters(web: Any, method: str, path: str, **more: Any) -> bool:
    """Whether the answer is anything but that one has to sign in first, or is refused to everybody."""
    import httpx

    try:
        answer = web.request(method, path, **more)
    except httpx.TransportError:  # hung up on: nothing was told
        return False
    if path.startswith("/sign-in") and answer.status_code == 404:
        return False
    refused = answer.status_code in (401, 403, 421)
    return not (refused or answer.headers.get("location", "").endswith("sign-in"))


def addresses(page: Any) -> list[tuple[str, str]]:
    """Method and path of all that the server has a route for, and how one might slip past."""
    found = [
        (method, re.sub(r"[{}]|:path", "", route.path))
        for router in (page.app, *(it.original_router for it in page.app.routes if not hasattr(it, "path")))
        for route in router.routes
        if hasattr(route, "path")
        for method in sorted({*(getattr(route, "methods", None) or ("GET",))} - {"HEAD", "OPTIONS"})
    ]
    odd = ("//config", "/sign-in/../config", "/sign-in%2f..%2fconfig", "/./config", "/config/", "/CONFIG")
    return [*found, *(("GET", path) for path in odd), ("POST", "/"), ("PUT", "/config"), ("TRACE", "/")]


def files(folder: Path) -> Mapping[str, Value]:
    """A server that everybody may use: which files and addresses it can be talked into."""
    import httpx

    secret = folder / "secret.txt"
    secret.write_text(SECRET)
    with ExitStack() as stack:
        page, url = stack.enter_context(served(folder))
        inside, heard = stack.enter_context(listener())
        web = stack.enter_context(httpx.Client(base_url=url, timeout=60))
        (folder / "data" / "notes.txt").write_text(SECRET)
        mine = web.post("/gradio_api/upload", files={"files": ("a.txt", SECRET.encode())}).json()[0]
        paths = [SECRET in as_it_is(url, path) for path in asked(folder, secret, inside)]
        sent = [
            SECRET in result_of(web, number, page, one)
            for number in page.fns
            for one in sendable(secret, inside)
        ]
        before = outside(folder)
        for name in NAMES:
            web.post("/gradio_api/upload", files={"files": (name, b"here")})
        answers = [
            web.post(f"/gradio_api/{path}", json={"data": []}, headers=headers)
            for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"host": "evil.example"})
            for path in ("queue/join", "upload", "run/on_load")
        ]
        return {
            "tried": len(paths) + len(sent) + len(NAMES) + len(answers),
            "mine": int(SECRET in as_it_is(url, f"file={mine}")),
            "leaked": sum(paths) + sum(sent),
            "fetched": len(heard),
            "written": len(outside(folder) - before),
            "foreign": sum(
                it.status_code not in (403, 421) or "access-control-allow-origin" in it.headers
                for it in answers
            ),
        }


def as_it_is(url: str, path: str) -> str:
    """What the server answers to a path that no client has tidied up."""
    connection = http.client.HTTPConnection(url.partition("//")[2], timeout=60)
    connection.putrequest("GET", f"/gradio_api/{path}")
    connection.endheaders()
    text = connection.getresponse().read().decode(errors="replace")
    connection.close()
    return text


def asked(folder: Path, secret: Path, inside: str) -> list[str]:
    """Of the address that hands out files."""
    data = folder / "data"
    up = "../" * 20
    targets = [
        *(str(it) for it in (secret, data / "notes.txt", data / "studio.db", data / "session-secret")),
        *(f"{start}{up}{str(secret).lstrip('/')}" for start in ("", "/", f"{data}/uploads/", "./")),
        str(secret).replace("/", "%2f"),
        f"{up.replace('.', '%2e')}{str(secret).lstrip('/')}",
        f"{data}/uploads/..%2fnotes.txt",
        f"{data}/uploads%00/../notes.txt",
        "~/.bashrc",
        "/etc/passwd",
        "/proc/self/environ",
        "app.py",
        f"{inside}/a.png",
        f"{inside.replace('http', 'HTTP')}/a.png",
        f"//{inside.partition('//')[2]}/a.png",
        "file:///etc/passwd",
        "data:text/html,<script>alert(1)</script>",
    ]
    return [*(f"file={it}" for it in targets), f"proxy={inside}/a.png", f"stream/a/b/{up}c"]


def sendable(secret: Path, inside: str) -> list[dict[str, Any]]:
    """What is said to be a file that was uploaded."""
    kept = {"meta": {"_type": "gradio.FileData"}, "orig_name": "a.png", "size": 40, "mime_type": "image/png"}
    return [
        kept | {"path": str(secret)},
        kept | {"path": f"{inside}/a.png", "url": f"{inside}/a.png"},
        kept | {"path": "/etc/passwd", "url": f"file://{secret}"},
    ]


def result_of(web: Any, number: int, page: Any, sent: dict[str, Any]) -> str:
    """All that the server says to the call."""
    import httpx

    data: list[Any] = [sent] * len(page.fns[number].inputs)
    tab = f"tab{number}"
    said = web.post(
        "/gradio_api/queue/join", json={"fn_index": number, "data": data, "session_hash": tab}
    ).text
    try:
        events = web.stream("GET", "/gradio_api/queue/data", params={"session_hash": tab}, timeout=PATIENCE_S)
        with events as answer:
            for line in answer.iter_lines():
                said += line
                if "process_completed" in line or "close_stream" in line or "unexpected_error" in line:
                    break
    except httpx.TimeoutException:
        pass
    return said


def outside(folder: Path) -> set[Path]:
    """Files anywhere but where uploads go; what the app itself writes is in data."""
    top = (path for place in (folder, folder.parent) for path in place.glob("*.txt"))
    return {*top, *(folder / "data").glob("*.txt"), *Path("/").glob("out.txt")}


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[tuple[Any, str]]:
    """The page of this process, and its address."""
    from sayo_app.settings import Settings
    from sayo_app.ui.serving import serve
    from sayo_app.ui.shared.studio import Studio
    from storage.store import Store

    # What is asked here in a minute is more than a visitor asks, and that is not the question.
    calm = {name: 1_000_000 for name in ("max_requests_each",) if name in Settings.model_fields}
    settings = Settings.from_environment(port=0, **calm, **options)
    studio = Studio(settings, Store(settings))
    page, url = serve(studio)
    studio.loaded()
    try:
        yield page, url.rstrip("/")
    finally:
        page.close(verbose=False)


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server inside, and what it was asked."""
    heard: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(json.dumps(self.path))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(SECRET.encode())

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()


SCENARIOS = (
    Scenario(
        name="nameless",
        tried="where people sign in: every address and every function by plain HTTP, without a name or with "
        "a forged one",
        figures=(
            Figure("addresses", "addresses asked", least=50),
            Figure("functions", "functions", before="101"),
            Figure("calls", "calls of them", least=400),
            Figure("forged", "names that were forged, cookies and headers"),
            none("entered", "let in", before="all"),
        ),
        measure=nameless,
    ),
    Scenario(
        name="files",
        tried="where nobody signs in: paths that lead out, addresses within the server's network, every "
        "function sent what is said to be an upload, uploads by names that lead out, pages of elsewhere",
        figures=(
            Figure("tried", "requests", least=300),
            Figure("mine", "a file that one has sent oneself comes back, of 1", least=1),
            none("leaked", "files of the server that were handed out", before="0"),
            none("fetched", "addresses that the server fetched"),
            none("written", "files written beside the place for uploads"),
            none("foreign", "requests of foreign pages and hosts that were answered"),
        ),
        measure=files,
        limit_s=600,
    ),
)
