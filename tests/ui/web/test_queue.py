"""The page's queues: who waits is told where, takes turns, and keeps nobody else from saving."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio import routes
from playwright.sync_api import Page, expect

from sayo_app.settings import Settings
from sayo_app.ui.serving import launch_options
from sayo_app.ui.web.queue import open_queue
from sayo_app.ui.web.sessions import FairHolder
from tests.ui.laying_out import in_own_loop

API = "/gradio_api"
ASK, SAVE = 0, 1


@dataclass
class Shop:
    """A page that answers when it is let, and saves at once.

    Attributes:
        asked, saved: by whom, in the order in which it was done.
    """

    url: str = ""
    served: gr.Blocks | None = None
    asked: list[str] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    def page(self) -> gr.Blocks:
        with gr.Blocks() as page:
            name = gr.Textbox()

            def ask(name: str) -> str:
                self.asked.append(name)
                assert self.go_on.wait(60)
                return name

            name.submit(ask, name, name, concurrency_id="model", concurrency_limit=1)
            name.blur(self.saved.append, name, None)
        return page

    def send(self, what: int, tab: str, name: str = "") -> httpx.Response:
        """Args: name: what is typed; the tab where nothing is said."""
        body = {"data": [name or tab], "fn_index": what, "session_hash": tab}
        return httpx.post(f"{self.url}{API}/queue/join", json=body)

    def told(self, tab: str, until: str = "process_completed") -> list[dict[str, Any]]:
        """What a tab is told, up to a kind of message; a tab that no longer listens has left."""
        said: list[dict[str, Any]] = []
        with httpx.stream("GET", f"{self.url}{API}/queue/data?session_hash={tab}", timeout=60) as answer:
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    said.append(json.loads(line[5:]))
                    if said[-1]["msg"] == until:
                        break
        return said


Opens = Callable[..., Shop]


@pytest.fixture
def opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opens]:
    """Opens a shop with these settings."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    with ExitStack() as stack:

        def opened(**settings: Any) -> Shop:
            shop = Shop()

            async def launched() -> Any:
                page = shop.page()
                open_queue(page, Settings(data_dir=tmp_path, **settings))
                return page, page.launch(**launch_options(Settings(data_dir=tmp_path, port=0)))[1]

            page, url = in_own_loop(launched)  # Gradio leaves a loop open that it makes itself
            shop.url, shop.served = url.rstrip("/"), page
            stack.callback(page.close, verbose=False)
            stack.callback(shop.go_on.set)
            return shop

        yield opened


def test_fifty_who_ask_at_once_are_all_taken_and_told_their_place(opens: Opens) -> None:
    shop = opens()
    answers = [shop.send(ASK, f"tab{number}").status_code for number in range(50)]
    assert answers == [200] * 50
    assert shop.send(SAVE, "ada").status_code == 200
    shop.told("ada")
    assert shop.saved == ["ada"] and len(shop.asked) == 1
    shop.go_on.set()
    for number in range(50):
        said = shop.told(f"tab{number}")
        places = [it["rank"] for it in said if it["msg"] == "estimation"]
        assert places == sorted(places, reverse=True) and places[0] in (number, number - 1)
        assert said[-1]["success"]


def test_one_who_floods_is_refused_in_words_and_goes_after_the_others(opens: Opens) -> None:
    shop = opens(max_waiting_each=5)
    refused = [it for it in (shop.send(ASK, "flood") for _ in range(20)) if it.status_code != 200]
    assert len(refused) >= 14 and {it.status_code for it in refused} == {429}
    assert "You have 5 things waiting here already." in refused[0].json()["detail"]
    assert int(refused[0].headers["retry-after"]) > 0
    assert shop.send(ASK, "ada").status_code == shop.send(SAVE, "ada").status_code == 200
    shop.go_on.set()
    shop.told("ada", "close_stream")
    assert shop.asked.index("ada") <= 2


def test_who_would_wait_too_long_is_told_how_long(opens: Opens) -> None:
    shop = opens(max_wait_seconds=3)
    answers = [shop.send(ASK, f"tab{number}") for number in range(8)]
    assert [it.status_code for it in answers[:4]] == [200] * 4
    assert answers[-1].status_code == 429
    assert "it would take about 1 minute." in answers[-1].json()["detail"]


def test_what_is_refused_makes_no_page_and_what_is_taken_makes_one_of_its_address(
    opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "StateHolder", lambda: FairHolder(timedelta(hours=1), timedelta(hours=1)))
    shop = opens(max_waiting_each=2, people_an_address=3)
    taken = [f"tab{number}" for number in range(12) if shop.send(ASK, f"tab{number}").status_code == 200]
    assert shop.served is not None and 0 < len(taken) < 12
    pages = shop.served.state_holder
    assert isinstance(pages, FairHolder) and [*pages.session_data] == taken
    for page in ("nobody's", *taken):  # that one has not been used for longest
        pages[page]
    pages.capacity = 2
    pages.update(taken[-1])
    assert [*pages.session_data] == ["nobody's", taken[-1]]


def test_an_address_has_an_end_too(opens: Opens) -> None:
    shop = opens(max_waiting_each=2, people_an_address=3)
    answers = [shop.send(ASK, f"tab{number}").status_code for number in range(12)]
    assert answers[:6] == [200] * 6 and answers[-4:] == [429] * 4


def test_one_visitor_has_only_so_much_running(opens: Opens) -> None:
    shop = opens(max_running_each=1)
    shop.send(ASK, "ada")
    while not shop.asked:
        time.sleep(0.01)
    shop.send(SAVE, "ada")
    shop.send(SAVE, "bob")
    shop.told("bob")
    assert shop.saved == ["bob"]
    shop.go_on.set()
    shop.told("ada", "close_stream")
    assert shop.saved == ["bob", "ada"]


def test_a_tab_that_does_not_listen_is_not_told_every_place(opens: Opens) -> None:
    shop = opens()
    for number in range(30):
        shop.send(ASK, f"tab{number}")
    shop.send(ASK, "deaf")
    shop.go_on.set()
    while "deaf" not in shop.asked:
        time.sleep(0.01)
    assert 0 < [it["msg"] for it in shop.told("deaf")].count("estimation") <= 20


def test_the_page_says_why_it_was_refused(opens: Opens, open_page: Callable[..., Page]) -> None:
    shop = opens(max_wait_seconds=1)
    for tab in "abc":
        shop.send(ASK, tab)
    page = open_page(shop.url, loses_server=True)
    page.locator("textarea").press("Enter")
    expect(page.locator(".toast-body")).to_contain_text(
        "So many are waiting that it would take about 1 minute."
    )


@pytest.mark.parametrize("path", ["run/ask", "run/predict", "api/ask"])
def test_what_waits_in_a_queue_cannot_be_had_past_it(opens: Opens, path: str) -> None:
    shop = opens()
    body = {"data": ["ada"], "fn_index": ASK, "session_hash": "tab"}
    assert httpx.post(f"{shop.url}{API}/{path}", json=body).status_code == 404
    assert shop.asked == []


def test_the_plain_interface_waits_like_everybody(opens: Opens) -> None:
    shop = opens(max_waiting_each=1)
    answers = [httpx.post(f"{shop.url}{API}/call/ask", json={"data": ["a"]}).status_code for _ in range(5)]
    assert answers.count(429) >= 3
