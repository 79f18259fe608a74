"""A leaked token goes on ruling after its end: over WebSockets, in event streams, over an upgrade.

Limits: the defaults.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest

from support.redis import run_redis
from support.server import Server, run_server
from support.websocket_clients import Client, Clients

pytestmark = pytest.mark.timeout(90)

WITHIN = 2.0
"""Seconds for a command of another process to be noticed: a second, and some for slow machines."""


@pytest.fixture(params=["SQLite", pytest.param("Redis", marks=pytest.mark.needs("redis-server"))])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with a store that other processes change."""
    if request.param == "SQLite":
        with run_server() as running:
            yield running
        return
    with run_redis() as redis, run_server(FORTEPIANO_STORE__URL=redis.url) as running:
        yield running


async def revoke(server: Server, token: str) -> None:
    command = server.command_of("token", "revoke", token.split("_")[1])
    output, _ = await asyncio.to_thread(command.communicate, timeout=30)
    assert command.returncode == 0, output


async def staff_of(clients: Clients, token: str) -> Client:
    """Connect until the token, which another process has made, counts."""
    for _ in range(50):
        staff = await clients.open()
        if (await staff.hello(token=token))["permissions"]:
            await staff.join("a room")
            return staff
        await asyncio.sleep(0.1)
    raise AssertionError("the token never counts")


@pytest.mark.parametrize("is_upgraded", [False, True])
async def test_a_revoked_token_bans_nobody(server: Server, *, is_upgraded: bool) -> None:
    token = await asyncio.to_thread(server.make_token, "admin")
    async with Clients(server) as clients:
        staff = await staff_of(clients, token)
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
    token = await asyncio.to_thread(server.make_token, "read")
    base = server.internal_url
    headers = {"Authorization": f"Bearer {token}"}
    await asyncio.sleep(0.7)  # a token that is not known yet would count as a wrong one
    async with (
        httpx.AsyncClient(base_url=base, trust_env=False, timeout=20) as http,
        http.stream("GET", "/api/events", headers=headers) as stream,
    ):
        lines = stream.aiter_lines()
        await anext(lines)
        await revoke(server, token)
        async with asyncio.timeout(WITHIN):
            rest = [line async for line in lines if line.startswith("data:")]
    assert json.loads(rest[-1].removeprefix("data:")) == {"kind": "token_ended"}
