"""People come through a proxy on this machine that the settings do not name.

Limits: the defaults, with loopback exempt, which must not help those behind the proxy.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from support.bystanders import untroubled
from support.http_attacker import HttpAttacker
from support.raw_handshake import RawHandshake, raw_handshake
from support.raw_peer import arrival
from support.scrape import metric
from support.server import Server, run_server

pytestmark = pytest.mark.timeout(60)

HEADERS = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with default settings."""
    with run_server() as running:
        yield running


def told(server: Server) -> list[dict[str, Any]]:
    """Return the lines of the log about forwarded headers."""
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"].startswith("forwarded")]


async def come(
    server: Server, stack: AsyncExitStack, *headers: str, address: str | None = None
) -> RawHandshake:
    handshake = await raw_handshake(server, *headers, address=address)
    stack.push_async_callback(handshake.peer.vanish)
    return handshake


@pytest.mark.parametrize("header", HEADERS)
async def test_it_is_told_once_and_limited(server: Server, header: str) -> None:
    async with AsyncExitStack() as stack:
        value = "for=192.0.2.1" if header == "Forwarded" else "192.0.2.1"
        statuses = [(await come(server, stack, f"{header}: {value}")).status for _ in range(30)]
        assert statuses == [101] * 16 + [429] * 14
        # Programs of this machine that come by themselves are exempt as ever.
        assert (await come(server, stack)).status == 101
    (line,) = told(server)
    assert (line["level"], line["unset"]) == ("warning", "proxy.trusted")
    assert line["add"] == '[proxy] trusted = ["127.0.0.1"]'
    assert metric(server, "untrusted_forwarded_total") == 30


async def test_status_shows_it(server: Server) -> None:
    with HttpAttacker(server.port, "127.0.0.1") as proxy:
        page = b"GET / HTTP/1.1\r\nHost: x\r\nX-Real-IP: 192.0.2.1\r\n\r\n"
        assert proxy.connect(page).recv(1000)
    with server.command_of("status", "--url", server.internal_url) as command:
        output, _ = command.communicate(timeout=30)
    (line,) = [line for line in output.splitlines() if "not trusted" in line]
    assert line.split()[-1] == "1"


async def test_its_connections_for_pages_are_limited_too(server: Server) -> None:
    page = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    with HttpAttacker(server.port, "127.0.0.1") as proxy:
        answers = [proxy.connect(page).recv(1000) for _ in range(260)]
    assert all(b" 200 OK" in one for one in answers[:256])
    assert all(b" 429 " in one for one in answers[256:])


async def test_rooms_are_limited_too(server: Server) -> None:
    async with AsyncExitStack() as stack:
        landed = []
        for number in range(12):
            handshake = await come(server, stack, "X-Forwarded-For: 192.0.2.1")
            await handshake.hello()
            await handshake.send({"m": "ch", "_id": f"made {number}"})
            landed.append((await handshake.expect("ch"))["ch"]["_id"])
    assert landed[:10] == [f"made {number}" for number in range(10)]
    assert landed[10:] != [f"made {number}" for number in (10, 11)]


async def test_a_trusted_proxy_that_writes_another_header_is_told() -> None:
    with run_server(FORTEPIANO_PROXY__TRUSTED="127.0.0.1") as server:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                assert (await come(server, stack, "X-Real-IP: 192.0.2.1")).status == 101
            good = await come(server, stack, "X-Real-IP: 6.6.6.6", "X-Forwarded-For: 192.0.2.1")
            assert good.status == 101
        (line,) = told(server)
        assert "proxy.header" in line["event"]
        assert line["missing"] == "x-forwarded-for"


async def test_a_stranger_cannot_make_the_log_advise_to_trust_them() -> None:
    # Behind the PROXY protocol a test can come from an address on the internet.
    settings = {
        "FORTEPIANO_PROXY__TRUSTED": "127.0.0.1",
        "FORTEPIANO_PROXY__HEADER": "none",
        "FORTEPIANO_PROXY__PROTOCOL": "true",
    }
    with run_server(first=b"PROXY UNKNOWN\r\n", **settings) as server:
        before = b"PROXY TCP4 93.184.215.14 127.0.0.1 1 2\r\n"
        for _ in range(3):
            handshake = await raw_handshake(server, "X-Forwarded-For: 1.1.1.1", before=before)
            assert handshake.status == 101
            await handshake.peer.vanish()
        (line,) = told(server)
        assert line["level"] == "info"
        assert "93.184" not in server.log


def await_look(server: Server, sockets: int) -> None:
    """Wait until the server has looked, which it does every ten seconds."""
    deadline = time.monotonic() + 30
    while metric(server, "hidden_sockets") != sockets:
        assert time.monotonic() < deadline
        time.sleep(0.2)


async def test_people_hidden_by_cloudflare_are_told() -> None:
    """The proxy on this machine is trusted, but not the edges before it, which it reports."""
    with run_server(FORTEPIANO_PROXY__TRUSTED="127.0.0.1") as behind:
        async with AsyncExitStack() as stack:
            for number in range(4):
                header = f"X-Forwarded-For: 198.51.100.{number}, 172.70.1.{number}"
                assert (await come(behind, stack, header)).status == 101
            await asyncio.to_thread(await_look, behind, 4)
        assert "clients have addresses of Cloudflare" in behind.log


def test_a_flood_through_it_delays_nobody(server: Server) -> None:
    come = arrival("through a proxy")
    forwarded = [f"Host: x\r\nX-Forwarded-For: 192.0.2.{number}".encode() for number in range(99)]
    with untroubled(server, "through a proxy that is not trusted"):
        with HttpAttacker(server.port, "127.0.0.1") as proxy:
            proxy.knock([come.replace(b"Host: localhost", lines) for lines in forwarded], 4)
