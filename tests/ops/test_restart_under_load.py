"""A thousand people are back on a restarted server within seconds, and find all as it was."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from support.server import Server
from support.websocket_clients import Client, Clients, new_address

pytestmark = [pytest.mark.ops, pytest.mark.timeout(600)]

PEOPLE, ROOMS = 1000, 20
BACK_SECONDS = 15.0
PAUSES = (0.05, 2.5, 10.0)
"""When stock clients try again, seconds; after `hi` they begin anew."""


class ReturningClient:
    """A stock client: after a close it comes back, says `hi`, and goes where it was."""

    def __init__(self, server: Server, address: str, room: str) -> None:
        self.server = server
        self.address = address
        self.room = room
        self.codes: list[int] = []
        self.welcomes: list[dict[str, Any]] = []
        self.was_refused = False
        self.is_in = asyncio.Event()
        self.last_in = 0.0

    async def live(self) -> None:
        """Stay connected until cancelled."""
        tries = 0
        while True:
            try:
                async with connect(
                    self.server.ws_url,
                    compression=None,
                    proxy=None,
                    ping_interval=None,
                    local_addr=(self.address, 0),
                    max_queue=None,
                ) as connection:
                    await connection.send(json.dumps([{"m": "hi"}, {"m": "ch", "_id": self.room}]))
                    async for frame in connection:
                        for message in json.loads(frame):
                            self.receive(message)
                            tries = 0
                    raise ConnectionClosed(connection.protocol.close_rcvd, None)
            except ConnectionClosed as closed:
                if closed.rcvd is not None:
                    self.codes.append(closed.rcvd.code)
            except (OSError, InvalidHandshake, TimeoutError):
                pass
            self.is_in.clear()
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    def receive(self, message: dict[str, Any]) -> None:
        """Take notice of a message."""
        if message["m"] == "ch":
            self.welcomes.append(message["ch"])
            self.last_in = time.monotonic()
            self.is_in.set()
        elif message["m"] == "notification":
            self.was_refused = True


async def made_permanent(server: Server, token: str, rooms: list[str]) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    base = server.internal_url
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as client:
        for room in rooms:
            wish = {"permanent": True}
            answer = await client.put("/api/v1/room/permanent", params={"name": room}, json=wish)
            assert answer.is_success, answer.text


async def test_a_thousand_are_back_in_time() -> None:
    server = Server()
    token = server.make_token("admin")
    server.start()
    rooms = [f"hall{number}" for number in range(ROOMS)]
    returning = [ReturningClient(server, new_address(), rooms[n % ROOMS]) for n in range(PEOPLE)]
    tasks: list[asyncio.Task[None]] = []
    try:
        async with Clients(server) as clients:
            holders: list[Client] = []
            for room in rooms:
                settings = {"color": "#123456", "chat": False}
                holders.append(await clients.enter(room, settings, address=new_address()))
            await made_permanent(server, token, rooms[::2])
            for each in returning:
                tasks.append(asyncio.create_task(each.live()))
                await asyncio.sleep(0.002)
            await asyncio.gather(*(each.is_in.wait() for each in returning))
            crowns = {room: holder.id for room, holder in zip(rooms, holders, strict=True)}
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(server.process.wait, 30)
            drained = server.moment("stopped") - server.moment("stopping")
            assert status == 0
            restarted = time.monotonic()
            for each in returning:
                each.is_in.clear()
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(2 * BACK_SECONDS):
                await asyncio.gather(*(each.is_in.wait() for each in returning))
            took = max(each.last_in for each in returning) - restarted
            assert drained < timedelta(seconds=13)
            assert took < BACK_SECONDS, took
            for each in returning:
                assert each.codes == [4000]
                assert each.was_refused
                room = each.welcomes[-1]
                assert (room["settings"]["color"], room["settings"]["chat"]) == ("#123456", False)
                assert room["crown"]["userId"] == crowns[each.room]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.close()
