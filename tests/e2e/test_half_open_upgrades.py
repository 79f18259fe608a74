"""Connections that have not said all, or got all, outlive an upgrade."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from support.raw_peer import TEXT, RawPeer, Response, frame, handshake_request
from support.server import Server, run_server

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HANDSHAKE = handshake_request()
PREFACE = b"PROXY TCP4 198.51.100.7 127.0.0.1 40000 8080\r\n"
WHOLE_SECONDS = 10.0
IDLE_SECONDS = 4.0
"""Less than the time after which a connection without a request is closed."""

PATIENT = {"FORTEPIANO_LIMITS__HEAD_SECONDS": "60"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_server(scopes=("admin",), **PATIENT, NODE_ENV="development") as running:
        yield running


@pytest.fixture(scope="module")
def proxied() -> Iterator[Server]:
    settings = {"FORTEPIANO_PROXY__PROTOCOL": "true", "FORTEPIANO_PROXY__TRUSTED": '["127.0.0.1"]'}
    with run_server(first=b"PROXY UNKNOWN\r\n", **PATIENT, **settings) as running:
        yield running


async def response(peer: RawPeer) -> tuple[Response, bytes]:
    head = await peer.response()
    length = int(head.headers.get("content-length", 0))
    return head, await asyncio.wait_for(peer.reader.readexactly(length), WHOLE_SECONDS)


async def upgrade(server: Server) -> None:
    await asyncio.to_thread(server.upgrade)


@asynccontextmanager
async def peers(
    server: Server, count: int, *, internal: bool = False
) -> AsyncIterator[list[RawPeer]]:
    port = server.internal_port if internal else server.port
    async with AsyncExitStack() as stack:
        made = [await RawPeer.connect(server, port=port) for _ in range(count)]
        for peer in made:
            stack.push_async_callback(peer.vanish)
        yield made


async def greet(peer: RawPeer) -> None:
    """Send `hi`, and wait for the reply."""
    await peer.send(frame(TEXT, b'[{"m":"hi"}]'))
    while not any(one["m"] == "hi" for one in json.loads(await peer.expect(TEXT))):
        pass


PIECES = [0, 1, 5, 60, len(HANDSHAKE) - 1, len(HANDSHAKE)]


async def test_a_handshake_goes_on_where_it_was(server: Server) -> None:
    async with peers(server, len(PIECES)) as all_of:
        for peer, sent in zip(all_of, PIECES, strict=True):
            await peer.send(HANDSHAKE[:sent])
        await upgrade(server)
        await upgrade(server)
        for peer, sent in zip(all_of, PIECES, strict=True):
            await peer.send(HANDSHAKE[sent:])
            assert (await peer.response()).status == 101
            await greet(peer)


async def test_an_answered_handshake_before_hi(server: Server) -> None:
    async with peers(server, 2) as (silent, begun):
        for peer in (silent, begun):
            assert (await peer.handshake()).status == 101
        hello = frame(TEXT, b'[{"m":"hi"}]')
        await begun.send(hello[:5])
        await upgrade(server)
        await begun.send(hello[5:])
        while b'"hi"' not in await begun.expect(TEXT):
            pass
        await greet(silent)


@pytest.mark.parametrize("internal", [False, True], ids=["public", "internal"])
async def test_requests_of_both_ports(server: Server, internal: bool) -> None:
    async with peers(server, 4, internal=internal) as (nothing, half, idle, twice):
        await half.send(REQUEST[:20])
        await idle.send(REQUEST)
        await twice.send(REQUEST, REQUEST[:7])
        for peer in (idle, twice):
            assert (await response(peer))[0].status == 200
        asked = time.monotonic()
        await upgrade(server)
        for peer, left in ((nothing, 0), (half, 20), (twice, 7)):
            await peer.send(REQUEST[left:])
            assert (await response(peer))[0].status == 200
        if time.monotonic() - asked < IDLE_SECONDS:
            for _ in range(2):
                await idle.send(REQUEST)
                assert (await response(idle))[0].status == 200


async def test_a_body_that_is_not_whole_yet(server: Server) -> None:
    body = b'{"subject": "203.0.113.9", "reason": "a test"}'
    head = (
        "POST /api/v1/bans HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {server.tokens['admin']}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    async with peers(server, 1, internal=True) as (peer,):
        await peer.send(head, body[:9])
        await upgrade(server)
        await peer.send(body[9:])
        answer, text = await response(peer)
        assert answer.status in (200, 201), text


async def test_what_was_asked_is_answered(server: Server) -> None:
    """Each request that was sent before an upgrade, or while it goes on, gets its response."""
    over, answered = asyncio.Event(), 0
    audit = (
        "GET /api/v1/audit HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {server.tokens['admin']}\r\n\r\n"
    ).encode()

    async def ask(request: bytes, *, internal: bool, again: bool) -> None:
        nonlocal answered
        while not over.is_set():
            async with peers(server, 1, internal=internal) as (peer,):
                for _ in range(20 if again else 1):
                    await peer.send(request)
                    head, _ = await response(peer)
                    assert head.status in (101, 200)
                    answered += 1
                    if head.status == 101:
                        await greet(peer)

    asking = [
        asyncio.create_task(ask(request, internal=internal, again=again))
        for request, internal, again in (
            (REQUEST, False, False),
            (REQUEST, False, True),
            (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", False, True),
            (HANDSHAKE, False, False),
            (audit, True, False),
            (audit, True, True),
        )
    ]
    for _ in range(5):
        await upgrade(server)
    over.set()
    await asyncio.gather(*asking)
    assert answered > 100


async def test_a_proxy_header_goes_on_where_it_was(proxied: Server) -> None:
    whole = PREFACE + HANDSHAKE
    pieces = [0, 3, len(PREFACE) - 1, len(PREFACE), len(PREFACE) + 9]
    async with peers(proxied, len(pieces)) as all_of:
        for peer, sent in zip(all_of, pieces, strict=True):
            await peer.send(whole[:sent])
        await upgrade(proxied)
        ids = set()
        for peer, sent in zip(all_of, pieces, strict=True):
            await peer.send(whole[sent:])
            assert (await peer.response()).status == 101
            await peer.send(frame(TEXT, b'[{"m":"hi"}]'))
            while b'"hi"' not in (text := await peer.expect(TEXT)):
                pass
            ids.add(json.loads(text)[0]["u"]["_id"])
        assert len(ids) == 1  # the address is that of the header, before the upgrade and after


@pytest.mark.parametrize("sent", [b"", b"GET /ws HT"])
async def test_the_time_for_a_request_goes_on(sent: bytes) -> None:
    seconds = 8.0
    with run_server(FORTEPIANO_LIMITS__HEAD_SECONDS=str(seconds)) as server:
        async with peers(server, 1) as (peer,):
            begun = time.monotonic()
            await peer.send(sent)
            await upgrade(server)
            upgraded = time.monotonic()
            assert (await peer.response()).status == 408
            ended = time.monotonic()
            assert ended - begun >= seconds - 0.5
            assert ended - upgraded < seconds - (upgraded - begun) / 2


def some(requests: Sequence[bytes], number: int) -> bytes:
    return requests[number % len(requests)]


async def test_many_of_all_kinds(server: Server) -> None:
    """More than one call of the kernel passes, and than one turn of the loop handles."""
    requests = (HANDSHAKE, REQUEST)
    async with peers(server, 240) as all_of:
        for number, peer in enumerate(all_of):
            request = some(requests, number)
            await peer.send(request[: number % (len(request) + 1)])
        await upgrade(server)
        for number, peer in enumerate(all_of):
            request = some(requests, number)
            await peer.send(request[number % (len(request) + 1) :])
        for number, peer in enumerate(all_of):
            expected = 101 if some(requests, number) is HANDSHAKE else 200
            assert (await peer.response()).status == expected
