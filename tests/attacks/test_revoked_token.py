"""A leaked token goes on ruling after its end: over WebSockets, in event streams, over an upgrade.

Limits: the defaults.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest

from fortepiano.store.records import TokenScope
from support.admin_desk import stream_events
from support.bystanders import untroubled
from support.http_attacker import HttpAttacker
from support.raw_peer import TEXT, frame, handshake_request
from support.redis import run_redis
from support.server import Server, run_server
from support.websocket_clients import Clients

pytestmark = pytest.mark.timeout(90)

SCOPES: tuple[TokenScope, ...] = ("admin", "read")

WITHIN = 2.0
"""Seconds for a command of another process to be noticed: a second, and some for slow machines."""


@pytest.fixture(params=["SQLite", pytest.param("Redis", marks=pytest.mark.needs("redis-server"))])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with a store that other processes change."""
    if request.param == "SQLite":
        with run_server(scopes=SCOPES) as running:
            yield running
        return
    with (
        run_redis() as redis,
        run_server(scopes=SCOPES, FORTEPIANO_STORE__URL=redis.url) as running,
    ):
        yield running


async def revoke(server: Server, token: str) -> None:
    command = server.command_of("token", "revoke", token.split("_")[1])
    output, _ = await asyncio.to_thread(command.communicate, timeout=30)
    assert command.returncode == 0, output


@pytest.mark.parametrize("is_upgraded", [False, True])
async def test_a_revoked_token_bans_nobody(server: Server, *, is_upgraded: bool) -> None:
    token = server.tokens["admin"]
    async with Clients(server) as clients:
        staff = await clients.enter("a room", token=token)
        victim = await clients.enter(address="127.0.0.9")
        await staff.send({"m": "v", "vanish": True})
        if is_upgraded:
            await asyncio.to_thread(server.upgrade)
        await revoke(server, token)
        code = await staff.expect("notification", within=WITHIN)
        assert code["code"] == "token_ended"
        await staff.send({"m": "siteban", "id": victim.id, "permanent": True}, {"m": "hi"})
        reply = await staff.expect("hi")
        assert reply["permissions"] == {}
        assert "vanished" not in reply["u"]
        await victim.send({"m": "t", "e": 1})
        await victim.expect("t")


async def test_a_stream_of_events_ends(server: Server) -> None:
    token = server.tokens["read"]
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=server.internal_url, trust_env=False, timeout=20) as http,
        http.stream("GET", "/api/v1/events", headers=headers) as stream,
    ):
        events = stream_events(stream)
        await anext(events)
        await revoke(server, token)
        async with asyncio.timeout(WITHIN):
            rest = [event async for _, event in events]
    assert rest[-1] == {"kind": "token_ended"}


async def test_its_further_use_delays_nobody(server: Server) -> None:
    token = server.tokens["admin"]
    await revoke(server, token)
    messages = [{"m": "hi", "token": token}, *[{"m": "siteban", "id": "f" * 24}] * 20]
    request = handshake_request() + frame(TEXT, json.dumps(messages).encode())
    with untroubled(server, "a revoked token"), HttpAttacker(server.port) as attacker:
        await asyncio.to_thread(attacker.knock, [request], 4)
