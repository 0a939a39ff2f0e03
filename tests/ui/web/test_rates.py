"""How often one visitor may ask: at once as often as a page does, and then at a rate."""

from __future__ import annotations

from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from sayo_app.access.roles import Person, Role
from sayo_app.ui.shared.visitors import with_person
from sayo_app.ui.web.rates import Calm, Rates


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_a_burst_and_then_a_rate() -> None:
    clock = Clock()
    rates = Rates(2.0, clock)
    assert [rates.take("ada") for _ in range(40)] == [0.0] * 40
    assert rates.take("ada") == 0.5
    assert rates.take("bob") == 0.0
    clock.now = 0.5
    assert rates.take("ada") == 0.0 and rates.take("ada") > 0
    clock.now = 1000.0
    assert [rates.take("ada") for _ in range(41)].count(0.0) == 40


def test_not_everybody_is_remembered() -> None:
    rates = Rates(1.0, Clock())
    for number in range(10_100):
        rates.take(str(number))
    assert len(rates._buckets) == 10_000 and "0" not in rates._buckets


def test_whoever_floods_is_told_to_wait_and_others_are_not() -> None:
    calm = Calm(page, Rates(0.5, Clock()))

    async def behind_the_gate(scope: Scope, receive: Receive, send: Send) -> None:
        name = dict(scope["headers"]).get(b"account", b"").decode()
        person = Person(Role.VISITOR, name, int(name)) if name else Person(Role.VISITOR)
        await calm(with_person(scope, person), receive, send)

    flood = TestClient(behind_the_gate, client=("203.0.113.5", 1))
    other = TestClient(behind_the_gate, client=("203.0.113.6", 1))
    answers = [flood.get("/", headers={"account": "7"}) for _ in range(11)]
    assert [it.status_code for it in answers] == [204] * 10 + [429]
    assert answers[-1].headers["retry-after"] == "3" and "Wait a moment." in answers[-1].json()["detail"]
    assert other.get("/", headers={"account": "7"}).status_code == 429
    assert other.get("/", headers={"account": "8"}).status_code == other.get("/").status_code == 204
    assert flood.get("/assets/x.js", headers={"account": "7"}).status_code == 204
