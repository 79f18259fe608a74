"""Addresses open as many connections as they can, and use none of them.

Limits: the defaults, which hold for this machine too; where a test has fewer open files or other
limits, it says so.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support.bystanders import untroubled
from support.crowd import few_files
from support.http_attacker import PAGE, HttpAttacker, answer
from support.processor import spending
from support.raw_handshake import raw_handshake
from support.recovery import until
from support.scrape import metric
from support.server import NOBODY_IS_EXEMPT, Server, run_server

pytestmark = pytest.mark.timeout(120)

IDLE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with the limits as they are by default."""
    with run_server(**NOBODY_IS_EXEMPT) as running:
        yield running


@pytest.mark.parametrize("first", [b"", PAGE[:-2]])
async def test_the_257th_of_an_address_is_refused(server: Server, first: bytes) -> None:
    with HttpAttacker(server.port) as attacker:
        for _ in range(256):
            attacker.connect(first)
        await until(lambda: server.is_ready(), 5)
        refused = answer(attacker.connect(IDLE))
        assert refused.startswith(b"HTTP/1.1 429 ")
        assert b"Retry-After" in refused
        handshake = await raw_handshake(server, address="127.9.0.8")
        assert handshake.status == 101
        await handshake.peer.vanish()


def test_connections_between_two_requests_count_too() -> None:
    settings = NOBODY_IS_EXEMPT | {"FORTEPIANO_LIMITS__CONNECTIONS_PER_ADDRESS": "20"}
    with run_server(**settings) as server, HttpAttacker(server.port) as attacker:
        for _ in range(20):
            assert b" 200 OK" in attacker.connect(IDLE).recv(1000)
        assert answer(attacker.connect(IDLE)).startswith(b"HTTP/1.1 429 ")


async def test_a_connection_that_ends_makes_room_for_another(server: Server) -> None:
    with HttpAttacker(server.port) as attacker:
        for _ in range(256):
            attacker.connect()
        assert b"429" in answer(attacker.connect(IDLE))
        attacker.connections.pop(0).close()
        await until(lambda: b" 200 OK" in _first(attacker), 5)


def test_a_flood_beyond_the_limit_delays_nobody(server: Server) -> None:
    with untroubled(server, "256 silent connections, and more"):
        with HttpAttacker(server.port) as attacker:
            for _ in range(256):
                attacker.connect(PAGE[:-2])
            attacker.knock([b"", IDLE], 4)


def test_a_flood_that_ends_at_once_delays_nobody(server: Server) -> None:
    with untroubled(server, "256 connections end at once, again and again"):
        end = time.monotonic() + 4
        while time.monotonic() < end:
            with HttpAttacker(server.port) as attacker:
                for _ in range(256):
                    attacker.connect(PAGE * 100)


async def test_websockets_count_until_they_end(server: Server) -> None:
    sockets = [await raw_handshake(server, address="127.9.0.9") for _ in range(16)]
    with HttpAttacker(server.port) as attacker:
        for _ in range(240):
            attacker.connect()
        assert b"429" in answer(attacker.connect(IDLE))
        await sockets.pop().peer.vanish()
        await until(lambda: b" 200 OK" in _first(attacker), 5)
    for handshake in sockets:
        await handshake.peer.vanish()


def _first(attacker: HttpAttacker) -> bytes:
    """Return the beginning of the answer to one more request, which then ends."""
    connection = attacker.connect(IDLE)
    received = connection.recv(1000)
    attacker.connections.remove(connection)
    connection.close()
    return received


async def test_no_address_takes_more_than_a_quarter_of_the_files() -> None:
    with (
        run_server(before_exec=few_files, **NOBODY_IS_EXEMPT) as server,
        HttpAttacker(server.port) as attacker,
    ):
        for _ in range(300):
            attacker.connect()
        await until(lambda: attacker.open_connections() <= 256 // 4, 5)
        assert server.is_ready()


def test_many_addresses_fill_a_server_that_stays_idle_and_recovers() -> None:
    with (
        run_server(before_exec=few_files, **NOBODY_IS_EXEMPT) as server,
        ExitStack() as stack,
    ):
        addresses = [f"127.9.1.{n}" for n in range(1, 9)]
        attackers = [stack.enter_context(HttpAttacker(server.port, one)) for one in addresses]
        for _ in range(60):
            for attacker in attackers:
                attacker.connect()
        with spending(server) as spent:
            time.sleep(2)  # this is what is measured: a full server with nothing to do
        assert spent.cpu_seconds / spent.seconds < 0.1
        assert server.log.count("the server is full") <= 3 + spent.seconds
        # The silent ones give way to those who ask.
        assert server.is_ready()
        assert metric(server, 'refused_connections_total{reason="server_full"}') > 0
        stack.close()
        assert server.is_ready()


async def test_files_that_others_use_up_are_reported_once_a_second() -> None:
    # The limit sinks while the server runs: as if the store had taken all of them.
    with run_server(**NOBODY_IS_EXEMPT) as server:
        before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (8, before[1]))
        began = time.monotonic()
        await until(lambda: server.log.count("no open files are left") >= 2, 10)
        lines = server.log.count("no open files are left")
        assert lines <= 2 + (time.monotonic() - began)
        with HttpAttacker(server.port) as attacker:
            with spending(server) as spent:
                for _ in range(100):
                    attacker.connect(IDLE)
            assert spent.cpu_seconds < 1
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
        await until(server.is_ready, 2)
        assert metric(server, "file_shortages_total") >= 2
        server.excuse()


class TestBehindAProxy:
    @pytest.fixture
    def server(self) -> Iterator[Server]:
        """A server that trusts a proxy on this machine; twenty connections an address."""
        settings = {
            "FORTEPIANO_PROXY__TRUSTED": "127.0.0.1",
            "FORTEPIANO_LIMITS__CONNECTIONS_PER_ADDRESS": "20",
            "FORTEPIANO_LIMITS__STALL_SECONDS": "600",
        }
        with run_server(**settings) as running:
            yield running

    async def test_connections_of_a_proxy_count_for_whom_it_names(self, server: Server) -> None:
        slow = PAGE.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        other = IDLE.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n")
        with HttpAttacker(server.port, "127.0.0.1") as proxy:
            for _ in range(40):
                proxy.connect(slow * 200)  # whose responses are not read
            name = 'refused_connections_total{reason="too_many_connections"}'
            await until(lambda: metric(server, name) == 20, 10)
            assert b" 200 OK" in proxy.connect(other).recv(1000)

    def test_idle_connections_of_a_proxy_count_for_nobody(self, server: Server) -> None:
        request = IDLE.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        with HttpAttacker(server.port, "127.0.0.1") as proxy:
            for _ in range(40):
                assert b" 200 OK" in proxy.connect(request).recv(1000)


async def test_exempt_networks_have_no_limit_of_connections() -> None:
    with run_server() as server, HttpAttacker(server.port, "127.0.0.1") as attacker:
        for _ in range(300):
            assert b" 200 OK" in attacker.connect(IDLE).recv(1000)
