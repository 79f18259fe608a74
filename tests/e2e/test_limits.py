"""The limits of one address, of one client and of the whole server, and the refusals beyond."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from support.crowd import few_files
from support.processor import spending
from support.raw_handshake import RawHandshake, raw_handshake
from support.raw_peer import BINARY, TEXT, RawPeer, frame
from support.server import NOBODY_IS_EXEMPT, Server, run_server


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server with the limits as they are by default, which hold for this machine too."""
    with run_server(**NOBODY_IS_EXEMPT) as running:
        yield running


@pytest.fixture
async def crowd() -> AsyncIterator[AsyncExitStack]:
    """Where connections are put that end with the test."""
    async with AsyncExitStack() as stack:
        yield stack


async def come(server: Server, crowd: AsyncExitStack, address: str, *headers: str) -> RawHandshake:
    handshake = await raw_handshake(server, *headers, address=address)
    crowd.push_async_callback(handshake.peer.vanish)
    return handshake


class TestSockets:
    async def test_the_seventeenth_of_an_address_is_refused_before_the_upgrade(
        self, strict: Server, crowd: AsyncExitStack
    ) -> None:
        here = "127.0.1.1"
        callers = [await come(strict, crowd, here) for _ in range(16)]
        assert {handshake.status for handshake in callers} == {101}
        refused = await come(strict, crowd, here)
        assert refused.status == 429
        assert int(refused.response.headers["retry-after"]) >= 1
        assert b"Too many connections" in await refused.peer.body(refused.response)
        assert await refused.peer.ended()
        # Nobody else is concerned, and a place that is free again can be taken.
        assert (await come(strict, crowd, "127.0.1.2")).status == 101
        await callers[0].peer.vanish()
        await until_one_gets_in(strict, crowd, here)

    async def test_a_bad_handshake_takes_no_place(
        self, strict: Server, crowd: AsyncExitStack
    ) -> None:
        here = "127.0.1.3"
        for _ in range(18):
            peer = await RawPeer.connect(strict, address=here)
            crowd.push_async_callback(peer.vanish)
            await peer.send(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            assert (await peer.response()).status in {400, 426}
        assert (await come(strict, crowd, here)).status == 101

    async def test_pages_are_not_counted(self, strict: Server, crowd: AsyncExitStack) -> None:
        for _ in range(30):
            peer = await RawPeer.connect(strict, address="127.0.1.4")
            crowd.push_async_callback(peer.vanish)
            await peer.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await peer.response()).status == 200

    async def test_loopback_is_exempt_by_default(
        self, server: Server, crowd: AsyncExitStack
    ) -> None:
        callers = [await come(server, crowd, "127.0.0.1") for _ in range(40)]
        assert {handshake.status for handshake in callers} == {101}


async def until_one_gets_in(server: Server, crowd: AsyncExitStack, address: str) -> None:
    for _ in range(40):
        if (await come(server, crowd, address)).status == 101:
            return
        await asyncio.sleep(0.25)
    pytest.fail("nobody was let in for ten seconds")


class TestConnects:
    async def test_more_than_twenty_at_once_are_refused_before_the_upgrade(
        self, strict: Server, crowd: AsyncExitStack
    ) -> None:
        here = "127.0.2.1"
        answers = []
        for _ in range(24):
            handshake = await come(strict, crowd, here)
            answers.append(handshake)
            await handshake.peer.vanish()
        statuses = [handshake.status for handshake in answers]
        assert statuses[:16] == [101] * 16
        assert statuses.count(429) >= 1
        assert all("retry-after" in one.response.headers for one in answers if one.status == 429)
        await until_one_gets_in(strict, crowd, here)


class TestWhatAClientSends:
    async def test_too_many_messages_are_told_and_closed_with_4007(
        self, strict: Server, crowd: AsyncExitStack
    ) -> None:
        handshake = await come(strict, crowd, "127.0.3.1")
        await handshake.hello()
        many = frame(TEXT, b"[" + b",".join([b'{"m":"x"}'] * 1000) + b"]")
        for _ in range(40):
            await handshake.peer.send(many)
        assert "too many messages" in (await handshake.expect("notification"))["text"]
        assert await handshake.peer.close_code() == 4007

    async def test_too_many_bytes_are_told_and_closed_with_4002(
        self, strict: Server, crowd: AsyncExitStack
    ) -> None:
        handshake = await come(strict, crowd, "127.0.3.2")
        await handshake.hello()
        big = frame(BINARY, b"\0" * 60_000)
        for _ in range(300):
            await handshake.peer.send(big)
        assert "too much data" in (await handshake.expect("notification"))["text"]
        assert await handshake.peer.close_code() == 4002

    async def test_neither_holds_where_it_is_exempt(
        self, server: Server, crowd: AsyncExitStack
    ) -> None:
        handshake = await come(server, crowd, "127.0.0.1")
        await handshake.hello()
        many = frame(TEXT, b"[" + b",".join([b'{"m":"x"}'] * 1000) + b"]")
        big = frame(BINARY, b"\0" * 60_000)
        for _ in range(40):
            await handshake.peer.send(many, big)
        await handshake.send({"m": "t", "e": 5})
        assert (await handshake.expect("t"))["e"] == 5


async def test_an_address_makes_rooms_at_a_bounded_pace(
    strict: Server, crowd: AsyncExitStack
) -> None:
    callers = [await come(strict, crowd, "127.0.4.1") for _ in range(12)]
    landed = []
    for number, handshake in enumerate(callers):
        await handshake.hello()
        await handshake.send({"m": "ch", "_id": f"bomb {number}"})
        landed.append((await handshake.expect("ch"))["ch"]["_id"])
    assert landed[:10] == [f"bomb {number}" for number in range(10)]
    assert "test/awkward" in landed


class TestTheWholeServer:
    async def test_who_never_asks_gives_way_to_who_does(self, crowd: AsyncExitStack) -> None:
        with run_server(FORTEPIANO_LIMITS__HANDSHAKES="3") as server:
            silent = [await RawPeer.connect(server) for _ in range(3)]
            for peer in silent:
                crowd.push_async_callback(peer.vanish)
            # All have only just come, and nobody has to give way.
            assert (await come(server, crowd, "127.0.0.1")).status == 503
            async with asyncio.timeout(5):
                await until_one_gets_in(server, crowd, "127.0.0.1")
            assert (await silent[0].response()).status == 408
            # There is only one place that is taken and given back again: the others wait on.
            assert (await come(server, crowd, "127.0.0.1")).status == 101

    async def test_over_its_bound_it_is_full(self, crowd: AsyncExitStack) -> None:
        with run_server(FORTEPIANO_LIMITS__SOCKETS="3") as server:
            callers = [await come(server, crowd, "127.0.0.1") for _ in range(5)]
            assert [handshake.status for handshake in callers] == [101, 101, 101, 503, 503]
            assert "retry-after" in callers[3].response.headers
            assert server.log.count("the server is full") == 1
            await callers[0].peer.vanish()
            await until_one_gets_in(server, crowd, "127.0.0.1")
            await crowd.aclose()

    async def test_it_lives_without_open_files_and_recovers(self, crowd: AsyncExitStack) -> None:
        async def knock(server: Server) -> int:
            # Connections that are not even accepted end without an answer.
            try:
                return (await come(server, crowd, "127.0.0.1")).status
            except (EOFError, ConnectionError):
                return 0

        with run_server(before_exec=few_files) as server:
            answers = await asyncio.gather(*(knock(server) for _ in range(400)))
            assert set(answers) <= {101, 503, 0}
            assert 150 <= answers.count(101) < 256
            with spending(server) as spent:
                await asyncio.sleep(2)  # this is what is measured: a server with nothing to do
            assert spent.cpu_seconds / spent.seconds < 0.1
            assert server.log.count("the server is full") <= 2 + spent.seconds
            await crowd.aclose()
            async with asyncio.timeout(2):
                await until_one_gets_in(server, crowd, "127.0.0.1")
            await crowd.aclose()
