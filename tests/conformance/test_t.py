"""`t`: the time, and the sign that the other end lives (docs/protocol.md 1.3)."""

from __future__ import annotations

import asyncio
import time

import pytest

from support.presets import only
from support.websocket_clients import Client, Clients, ClientsFactory, Message


@pytest.mark.case(21)
async def test_t_is_answered_to_the_sender_with_its_e(clients: Clients, room: str) -> None:
    client, other = await clients.enter(room), await clients.enter(room)
    await client.received()
    await client.send({"m": "t", "e": 123})
    (reply,) = await client.received()
    assert reply.keys() == {"m", "t", "e"}
    assert reply["e"] == 123
    assert abs(reply["t"] - time.time() * 1000) < 2000
    await other.assert_silent()


@pytest.mark.parametrize("e", [0, -1, 1.5, 1795300000000, 1795300000000.25, -0.5, 1e300])
@pytest.mark.case(21)
async def test_every_number_comes_back_as_e(clients: Clients, e: float) -> None:
    client = await clients.enter()
    await client.send({"m": "t", "e": e})
    (reply,) = await client.received()
    assert reply["e"] == e


@pytest.mark.case(22)
async def test_t_without_e_is_answered_without_e(clients: Clients) -> None:
    client = await clients.enter()
    await client.send({"m": "t"})
    (reply,) = await client.received()
    assert reply.keys() == {"m", "t"}


@pytest.mark.parametrize("e", ["123", None, True, [1], {"e": 1}])
@pytest.mark.case(22)
async def test_an_e_that_is_no_number_is_left_out(clients: Clients, e: object) -> None:
    client = await clients.enter()
    await client.send({"m": "t", "e": e})
    (reply,) = await client.received()
    assert reply.keys() == {"m", "t"}


async def test_the_time_never_goes_back(clients: Clients) -> None:
    client = await clients.enter()
    await client.send(*({"m": "t", "e": e} for e in range(10)))
    times = [message["t"] for message in await client.received()]
    assert len(times) == 10
    assert times == sorted(times)


@pytest.mark.case(21)
async def test_the_clock_runs_evenly(clients: Clients) -> None:
    client = await clients.enter()
    begin = time.monotonic()
    await client.send({"m": "t"})
    first = (await client.expect("t"))["t"]
    await asyncio.sleep(0.3)
    await client.send({"m": "t"})
    second = (await client.expect("t"))["t"]
    assert abs((second - first) - (time.monotonic() - begin) * 1000) < 100


SHORT = {"SILENCE_MS": "700"}


async def talk(client: Client, message: Message) -> None:
    """Send a message again and again."""
    while True:
        await client.send(message)
        await asyncio.sleep(0.2)


@pytest.mark.case(9)
async def test_a_client_that_stops_sending_t_is_closed(clients_with: ClientsFactory) -> None:
    clients = clients_with(**SHORT)
    other, client = await clients.enter("test/silence"), await clients.enter("test/silence")
    begin = time.monotonic()
    tasks = [
        asyncio.create_task(talk(other, {"m": "t"})),
        # Other messages are no `t`.
        asyncio.create_task(talk(client, {"m": "m", "x": 1, "y": 2})),
    ]
    assert await client.closed(within=5) == 4004
    assert 0.6 < time.monotonic() - begin < 4
    await other.expect("bye", where=lambda bye: bye["p"] == client.id)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.case(9)
async def test_a_client_that_sends_t_stays(clients_with: ClientsFactory) -> None:
    client = await clients_with(**SHORT).enter()
    for _ in range(8):
        await client.send({"m": "t"})
        await client.expect("t")
        await asyncio.sleep(0.2)


@only("quick")
@pytest.mark.case(9)
async def test_a_client_that_sends_nothing_at_all_stays(clients_with: ClientsFactory) -> None:
    """A person with wscat stays: only WebSocket pings count, which the program answers."""
    clients = clients_with(
        FORTEPIANO_LIMITS__PING_SECONDS="0.3", FORTEPIANO_LIMITS__PONG_SECONDS="0.5"
    )
    client = await clients.enter()
    await asyncio.sleep(1.5)
    await client.assert_silent()
