"""One address sends requests without waiting for the responses, and reads none.

Limits: the defaults, which hold for this machine too.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.bystanders import untroubled
from support.http_attacker import HttpAttacker, answer
from support.server import Server

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("path", ["/", "/readyz"])
@pytest.mark.parametrize("connections", [1, 10])
def test_a_flood_costs_no_memory_and_delays_nobody(
    server: Server, path: str, connections: int
) -> None:
    requests = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 2000
    with (
        untroubled(server, f"pipelined requests for {path}, {connections} at once"),
        HttpAttacker(server.port) as attacker,
        ThreadPoolExecutor(connections) as threads,
    ):
        for _ in range(connections):
            threads.submit(attacker.flood, requests, 3)
    assert server.is_ready()


def test_too_many_requests_at_once_end_the_connection_after_the_first(server: Server) -> None:
    with HttpAttacker(server.port) as attacker:
        connection = attacker.connect(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 1500)
        # The server has not read everything: a reset may end the connection.
        assert answer(connection).count(b"HTTP/1.1 200") <= 1


def test_some_requests_at_once_are_answered_in_order(server: Server) -> None:
    paths = [b"/healthz", b"/ws", b"/healthz", b"/readyz"]
    with HttpAttacker(server.port) as attacker:
        connection = attacker.connect(
            b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths)
        )
        received = b""
        while received.count(b'"status":') < 3:
            received += connection.recv(65_536)
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 400, 200, 200]
