"""One address asks for responses on thousands of connections, and reads none of them.

Limits: the defaults, but `limits.stall_seconds` is 2 in place of 10, so that the test is short.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from support.bystanders import untroubled
from support.http_attacker import PAGE, HttpAttacker, answer
from support.recovery import until
from support.scrape import metric
from support.server import NOBODY_IS_EXEMPT, Server, run_server

pytestmark = pytest.mark.timeout(120)

STALL_SECONDS = 2
SPARE = 32
"""Files for refusals that are being sent, and for the metrics."""
MANY = PAGE * 400
"""As many requests as may come at once, of more bytes than sockets hold."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on which responses that nobody takes end soon."""
    settings = NOBODY_IS_EXEMPT | {"FORTEPIANO_LIMITS__STALL_SECONDS": str(STALL_SECONDS)}
    with run_server(**settings) as running:
        yield running


async def test_one_address_has_a_bounded_number_of_connections(server: Server) -> None:
    refused = 'refused_connections_total{reason="too_many_connections"}'
    with untroubled(server, "2500 connections that read nothing"):
        before = open_files(server)
        with HttpAttacker(server.port) as attacker:
            for _ in range(2500):
                attacker.connect(PAGE * 100)
            # Those that were idle for five seconds have made room for others on a slow machine.
            await until(lambda: metric(server, refused) >= 1500, 30)
            assert open_files(server) - before <= 256 + SPARE
            assert server.is_ready()


def open_files(server: Server) -> int:
    """Return how many files a server has open, its sockets among them."""
    return len(os.listdir(f"/proc/{server.pid}/fd"))


async def test_a_response_that_nobody_takes_ends_the_connection(server: Server) -> None:
    with HttpAttacker(server.port) as attacker:
        for _ in range(50):
            attacker.connect(MANY)
        await until(lambda: metric(server, "stalled_responses_total") == 50, 20)
        assert attacker.open_connections() == 0


async def test_a_refusal_that_nobody_takes_ends_the_connection(server: Server) -> None:
    with HttpAttacker(server.port) as attacker:
        # The last request is refused while the responses before it are not taken.
        attacker.connect(MANY + b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: metric(server, "stalled_responses_total") == 1, 20)


def test_responses_that_are_taken_slowly_are_taken_to_their_end(server: Server) -> None:
    with HttpAttacker(server.port) as attacker:
        connection = attacker.connect(MANY)
        end, received = time.monotonic() + 3 * STALL_SECONDS, b""
        while time.monotonic() < end:
            received += connection.recv(20_000)
            time.sleep(0.1)
        assert metric(server, "stalled_responses_total") == 0
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        received += answer(connection)
    assert received.count(b"HTTP/1.1 200 OK") == 400
