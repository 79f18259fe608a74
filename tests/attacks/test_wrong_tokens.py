"""One address guesses tokens: over WebSockets, in the admin API, and behind a trusted proxy.

Limits: the defaults, which hold for this machine too (`limits.exempt` is empty).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.bystanders import untroubled
from support.http_attacker import HttpAttacker
from support.raw_handshake import raw_handshake
from support.raw_peer import TEXT, frame, handshake_request
from support.server import NOBODY_IS_EXEMPT, Server, run_server

pytestmark = pytest.mark.timeout(60)

SETTINGS = NOBODY_IS_EXEMPT | {"FORTEPIANO_PROXY__TRUSTED": "127.0.0.1"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server behind a proxy on this machine, with a token of each kind."""
    with run_server(scopes=("admin", "bot"), **SETTINGS) as running:
        yield running


async def hello(server: Server, token: str, address: str) -> dict[str, Any]:
    """Send `hi` from an address that the proxy names; return the answer."""
    while True:
        handshake = await raw_handshake(server, f"X-Forwarded-For: {address}")
        try:
            if handshake.status == 101:
                return await handshake.hello(token)
        finally:
            await handshake.peer.vanish()
        await asyncio.sleep(0.1)  # connects are limited, too


def api(server: Server, token: str, address: str, path: str = "/api/v1/status") -> int:
    """Call the admin API through the proxy; return the status."""
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
    with httpx.Client(base_url=server.internal_url, trust_env=False, timeout=20) as client:
        with client.stream("GET", path, headers=headers) as answer:
            return answer.status_code


def wrong(number: int) -> str:
    return f"fp_{number:08x}_{number:064x}"


@pytest.mark.parametrize("network", ["203.0.113.7/32", "2001:db8::/64"])
async def test_of_a_guesser_the_right_token_does_not_count(server: Server, network: str) -> None:
    home, bits = network.split("/")
    addresses = [home] * 12 if bits == "32" else [f"2001:db8::{n:x}" for n in range(1, 13)]
    for number, address in enumerate(addresses):
        reply = await hello(server, wrong(number), address)
        assert reply["permissions"] == {}
    assert (await hello(server, server.tokens["admin"], addresses[0]))["permissions"] == {}
    here = (await hello(server, server.tokens["bot"], addresses[-1]))["u"]["_id"]
    assert here == (await hello(server, "", addresses[0]))["u"]["_id"]
    assert api(server, server.tokens["admin"], addresses[0]) == 429, "on no way in"
    elsewhere = "203.0.113.8" if bits == "32" else "2001:db8:0:1::1"
    assert (await hello(server, server.tokens["admin"], elsewhere))["permissions"]
    assert api(server, server.tokens["admin"], elsewhere) == 200


@pytest.mark.parametrize(
    "path", ["/api/v1/status", "/api/v1/events?duration_ms=1000", "/api/v1/nothing"]
)
async def test_the_api_locks_out_the_address_that_the_proxy_names(
    server: Server, path: str
) -> None:
    address = f"198.51.100.{len(path)}"
    statuses = [api(server, wrong(number), address, path) for number in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    assert api(server, server.tokens["admin"], address, path) == 429
    assert api(server, server.tokens["admin"], "198.51.100.99") == 200
    assert api(server, server.tokens["admin"], "127.0.0.1") == 200, "the proxy itself"


async def test_a_header_of_somebody_else_is_not_believed() -> None:
    with run_server(scopes=("admin",)) as server:
        for number in range(5):
            assert api(server, wrong(number), f"192.0.2.{number}") == 401
        assert api(server, server.tokens["admin"], "192.0.2.99") == 429


def test_guesses_by_websocket_delay_nobody(server: Server) -> None:
    hellos = [[{"m": "hi", "token": wrong(number)}] for number in range(99)]
    guesses = [handshake_request() + frame(TEXT, json.dumps(hello).encode()) for hello in hellos]
    with untroubled(server, "wrong tokens by WebSocket"), HttpAttacker(server.port) as attacker:
        attacker.knock(guesses, 4)


def test_guesses_in_the_api_delay_nobody(server: Server) -> None:
    head = "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer"
    guesses = [f"{head} {wrong(number)}\r\n\r\n".encode() for number in range(99)]
    with untroubled(server, "wrong tokens in the API"):
        with HttpAttacker(server.internal_port) as attacker:
            attacker.knock(guesses, 4)
