"""A local program, or a neighbour in the container's network, floods the internal port.

Limits: the defaults; `limits.head_seconds` is 1 in place of 10 where silence is waited for.
"""

from __future__ import annotations

import json
import time

import httpx
import pytest

from support.bystanders import untroubled
from support.http_attacker import HttpAttacker, answer
from support.recovery import until
from support.server import Server, run_server

pytestmark = pytest.mark.timeout(120)

BEGIN = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
METRICS = BEGIN + b"\r\n"


@pytest.mark.parametrize(
    ("begin", "data"),
    [
        (BEGIN, b"X: y\r\n" * 10_000),
        (BEGIN + b"X: ", b"x" * 65_536),
        (b"GET /", b"x" * 65_536),
        (METRICS, METRICS * 500),
        (BEGIN + b"Content-Length: 999999999\r\n\r\n", b"x" * 65_536),
        (BEGIN + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000),
    ],
    ids=["headers", "a header", "a target", "requests", "a body", "chunks"],
)
def test_a_flood_costs_no_memory_and_delays_nobody(
    server: Server, request: pytest.FixtureRequest, begin: bytes, data: bytes
) -> None:
    name = f"internal port: {request.node.callspec.id}"
    with untroubled(server, name), HttpAttacker(server.internal_port) as attacker:
        attacker.flood(begin + data, 4)


async def test_silent_connections_are_closed() -> None:
    with (
        run_server(FORTEPIANO_LIMITS__HEAD_SECONDS="1") as server,
        HttpAttacker(server.internal_port) as attacker,
    ):
        body = b"POST /api/v1/bans HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{"
        for first in (b"", b"GET / HT", BEGIN, body) * 10:
            attacker.connect(first)
        began = time.monotonic()
        await until(lambda: attacker.open_connections() == 0, 10)
        assert time.monotonic() - began > 0.5


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("Content-Length: 65537", 413),
        ("Transfer-Encoding: chunked", 411),
        ("Content-Length: 65536", 401),
        ("Content-Length: 10\r\nExpect: 100-continue", 401),
    ],
)
def test_bodies_have_a_bound(server: Server, lines: str, status: int) -> None:
    with HttpAttacker(server.internal_port) as attacker:
        head = f"POST /api/v1/bans HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"
        head += "Connection: close\r\n\r\n"
        connection = attacker.connect(head.encode())
        if "Expect" in lines:
            assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        if status == 401:
            connection.sendall(b"x" * int(lines.split()[1]))
        head_of_answer, _, body = answer(connection).partition(b"\r\n\r\n")
        assert head_of_answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert json.loads(body)["status"] == status


def test_a_body_in_pieces_is_read_to_its_end() -> None:
    with run_server(scopes=("admin",)) as server:
        body = json.dumps(
            {"subject": "f" * 24, "duration_ms": 60_000, "reason": "x" * 150}
        ).encode()
        head = (
            "POST /api/v1/bans HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {server.tokens['admin']}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with HttpAttacker(server.internal_port) as attacker:
            connection = attacker.connect(head.encode())
            for at in range(0, len(body), 20):
                connection.sendall(body[at : at + 20])
                time.sleep(0.02)  # so that they come apart
            assert answer(connection).startswith(b"HTTP/1.1 2")


def test_the_port_answers_all_the_while(server: Server) -> None:
    url = server.internal_url
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert "fortepiano_clients" in httpx.get(f"{url}/metrics").text
    assert httpx.options(f"{url}/api/v1/status").status_code == 401
