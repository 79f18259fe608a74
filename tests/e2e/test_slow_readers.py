"""A client that does not read costs bounded memory and is closed; the others notice nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest

from support.raw_peer import PING, TEXT, RawPeer, frame
from support.server import Server, run_server
from support.websocket_clients import Clients, Message, new_room

MIB = 1 << 20

CHORD: Message = {"m": "n", "t": 1, "n": [{"n": "c3", "v": 0.5}] * 2400}
"""About 60 kB; a few hundred of them are more than any kernel's buffers take."""


@pytest.fixture(scope="module")
def generous() -> Iterator[Server]:
    """A server on which one player may play as much as it takes to flood another."""
    with run_server(
        NODE_ENV="development",
        FORTEPIANO_RULES__QUOTA_HOLDER__MAX="10000000",
        FORTEPIANO_LIMITS__STALL_SECONDS="2",
    ) as running:
        yield running


async def deaf(clients: Clients, room: str) -> tuple[RawPeer, str]:
    """Return a peer in `room` that will not read any more, and its id."""
    peer = await clients.raw_peer()
    connection = peer.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    await peer.handshake()
    await peer.send(frame(TEXT, json.dumps([{"m": "hi"}, {"m": "ch", "_id": room}]).encode()))
    while True:
        for message in json.loads(await peer.expect(TEXT)):
            if message["m"] == "ch":
                # Reading on would only happen behind our back: asyncio reads ahead.
                peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
                return peer, str(message["p"])


@pytest.mark.case(10)
async def test_a_client_that_never_reads_is_dropped_and_costs_little(generous: Server) -> None:
    room = new_room()
    async with Clients(generous) as clients:
        player, listener = await clients.enter(room), await clients.enter(room)
        _, slow = await deaf(clients, room)
        await listener.received()
        before = generous.resident_bytes
        most = before
        for _ in range(400):
            # In step with the listener, which would otherwise be a slow reader too.
            await player.send(CHORD)
            assert len((await listener.expect("n"))["n"]) == 2400
            most = max(most, generous.resident_bytes)
        # Readers lose nothing, and see that the slow one is gone.
        gone = {"m": "bye", "p": slow}
        if gone not in listener.log:
            await listener.expect("bye", within=15)
        assert [m for m in listener.log if m["m"] in {"bye", "ch"}][1:] == [gone]
        assert (await player.join(room))["ch"]["count"] == 2
        # 24 MiB were played; the hard bound of the lag is two.
        assert most - before < 12 * MIB


async def test_pings_that_nobody_collects_are_not_piled_up(server: Server) -> None:
    async with Clients(server) as clients:
        room = new_room()
        other = await clients.enter(room)
        peer, _ = await deaf(clients, room)
        await other.received()
        before = server.resident_bytes
        flood = frame(PING, b"x" * 125) * 500
        with_patience = asyncio.timeout(5)
        try:
            async with with_patience:
                for _ in range(1000):
                    await peer.send(flood)
        except TimeoutError:
            # The server has stopped reading from a client that does not read, which is right too.
            pass
        await other.received()
        # Their answers are 60 MiB; the hard bound of the lag is two, and what grows is copied.
        assert server.resident_bytes - before < 24 * MIB
