"""SIGTERM: all clients get the notice, no new ones come in, and all are back soon after."""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import timedelta

import httpx
import pytest

from support.raw_peer import RawPeer, handshake_request
from support.server import run_server
from support.websocket_clients import Clients, new_address, new_room


async def test_everybody_is_told_and_nobody_comes_in() -> None:
    with run_server(FORTEPIANO_LIMITS__DRAIN_SECONDS="60") as server:
        async with Clients(server) as clients:
            people = [await clients.enter(new_room(), address=new_address()) for _ in range(300)]
            silent = await clients.open(address=new_address())
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            told = await people[-1].expect("notification")
            assert "restart" in told["text"]
            # With as many people as this the closes take some seconds yet.
            async with httpx.AsyncClient() as client:
                ready = await client.get(f"{server.url}/readyz")
                assert ready.status_code == 503
                alive = await client.get(f"{server.url}/healthz")
                assert alive.status_code == 200
            peer = await RawPeer.connect(server)
            await peer.send(handshake_request())
            response = await peer.response()
            assert response.status == 503
            assert int(response.headers["retry-after"]) > 0
            await peer.vanish()
            # Clients play on until they are closed.
            await people[-1].send({"m": "a", "message": "still here"})
            await people[-1].expect("a")
            await asyncio.to_thread(server.stop)
            # A second signal, which `stop` sends, ends at once: some clients receive nothing more.
            codes = [await client.closed() for client in [*people, silent]]
            assert set(codes) <= {4000, 1006}
            assert codes[0] == 4000


async def test_the_closes_are_spread_over_the_time() -> None:
    with run_server(FORTEPIANO_LIMITS__DRAIN_SECONDS="1") as server:
        async with Clients(server) as clients:
            people = [await clients.enter(new_room(), address=new_address()) for _ in range(50)]

            async def left(number: int) -> float:
                assert await people[number].closed() == 4000
                return time.monotonic()

            ends = [asyncio.create_task(left(number)) for number in range(50)]
            begin = time.monotonic()
            assert await asyncio.to_thread(server.stop) == 0
            times = sorted([await end for end in ends])
            # Fifty people are no stampede: they need not wait for the whole second.
            assert 0.25 < times[-1] - times[0] < 1.5
            assert times[-1] - begin < 3


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_is_at_once(which: signal.Signals) -> None:
    with run_server(FORTEPIANO_LIMITS__DRAIN_SECONDS="60") as server:
        async with Clients(server) as clients:
            people = [await clients.enter(new_room(), address=new_address()) for _ in range(300)]
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            await people[-1].expect("notification")
            assert await asyncio.to_thread(server.stop, which) == 0
            took = server.moment("stopped") - server.moment("stopping")
            # The closes alone would have taken three seconds.
            assert took < timedelta(seconds=2)
