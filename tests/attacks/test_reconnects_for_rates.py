"""One user reconnects for fresh rates: chat, settings, bans, custom data, lists.

Limits: the defaults; the clock is the test's.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.bystanders import untroubled
from support.dispatch_harness import DispatchHarness, FakeClient
from support.http_attacker import HttpAttacker
from support.raw_peer import TEXT, arrival, frame
from support.server import Server

pytestmark = pytest.mark.timeout(60)

ANN, BEA = "a" * 24, "b" * 24
MESSAGES: list[dict[str, Any]] = [
    {"m": "a", "message": "hello"},
    {"m": "dm", "id_": BEA, "message": "hello"},
    {"m": "userset", "set": {"color": "#112233"}},
    {"m": "chset", "set": {"color": "#112233"}},
    {"m": "chown", "id": ANN},
    {"m": "kickban", "id_": BEA, "ms": 0},
    {"m": "unban", "id_": BEA},
    {"m": "mute", "id_": BEA, "chat": True},
    {"m": "invite", "id_": BEA, "on": True},
    {"m": "coowner", "id_": BEA, "on": True},
    {"m": "bans"},
    {"m": "+ls"},
    {"m": "+custom"},
]


def connect(harness: DispatchHarness) -> FakeClient:
    client = harness.open(ANN, address="192.0.2.1", is_limited=True)
    client.send("hi")
    client.send("ch", id_="a room")
    return client


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["m"])
def test_a_reconnect_fills_no_bucket(message: dict[str, Any]) -> None:
    harness, kind = DispatchHarness(), message["m"]
    harness.enter("a room", user_id=BEA)
    for _ in range(20):
        client = connect(harness)
        for _ in range(20):
            client.send(**message)
        harness.end(client)
    counters, rules = harness.context.counters, harness.context.rules
    rate = rules.rate(kind, holder=True)
    assert rate is not None
    assert counters.received[kind] == 400
    assert counters.received[kind] - counters.too_fast[kind] <= rate.burst


def test_custom_data_is_counted_on() -> None:
    harness = DispatchHarness()
    reader = harness.enter("a room", user_id=BEA)
    reader.send("+custom")
    reader.received()
    for _ in range(20):
        client = connect(harness)
        client.send("custom", data="x" * 10_000, target={"mode": "subscribed"})
        harness.end(client)
    assert len([one for one in reader.received() if one["m"] == "custom"]) == 1


def test_a_flood_of_reconnects_delays_nobody(server: Server) -> None:
    floods = [frame(TEXT, json.dumps([message] * 20).encode()) for message in MESSAGES]
    with untroubled(server, "reconnects for fresh rates"), HttpAttacker(server.port) as attacker:
        attacker.knock([arrival("a room") + flood for flood in floods], 4)
