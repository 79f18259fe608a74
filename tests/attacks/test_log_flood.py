"""One address does again and again what the server logs or warns about.

Limits: the defaults, which hold for this machine too.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from support.bystanders import untroubled
from support.http_attacker import HttpAttacker
from support.raw_peer import handshake_request
from support.server import NOBODY_IS_EXEMPT, Server, run_server

pytestmark = pytest.mark.timeout(60)

SECONDS = 5
MOST_BYTES = 100_000

H2C = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
FLOODS = {
    "another protocol": H2C,
    "many wishes for another protocol": H2C * 20,
    "a bad target": b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that cannot be parsed": b"GET //[:0/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "garbage": b"\x16\x03\x01" + bytes(range(256)) + b"\r\n\r\n",
    "a bad escape": b"GET /%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    "handshakes": handshake_request(),
    "bad handshakes": handshake_request().replace(b"Version: 13", b"Version: 12"),
    "reports of clients": handshake_request("/", "X-Forwarded-For: 192.0.2.1"),
    "foreign pages": handshake_request("/", "Origin: https://evil.example"),
    "other methods": b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n",
    "too long heads": b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000,
    "wrong hosts": b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that lets in pages of one origin only."""
    settings = NOBODY_IS_EXEMPT | {"FORTEPIANO_ORIGINS": "https://piano.example.org"}
    with run_server(**settings) as running:
        yield running


@pytest.mark.parametrize("data", FLOODS.values(), ids=FLOODS.keys())
@pytest.mark.parametrize("port", ["port", "internal_port"])
def test_a_flood_writes_little(server: Server, data: bytes, port: str) -> None:
    before = len(server.log)
    # Each event has its own bound, so a second shows what five would write.
    seconds = SECONDS if data == H2C else 1
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with HttpAttacker(getattr(server, port)) as attacker, contextlib.suppress(OSError):
            connection = attacker.connect(data)
            while len(connection.recv(65_536)) > 0 and data == H2C:
                connection.sendall(data)  # the connection stays open
    assert len(server.log) - before < MOST_BYTES * seconds / SECONDS
    assert server.is_ready()


def test_connections_that_end_in_the_middle_of_a_response_write_nothing(server: Server) -> None:
    before = len(server.log)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        with HttpAttacker(server.port) as attacker:
            for _ in range(50):
                attacker.connect(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
    assert len(server.log) - before < 10_000
    assert server.is_ready()


@pytest.mark.parametrize("port", ["port", "internal_port"])
def test_floods_delay_nobody(server: Server, port: str) -> None:
    with (
        untroubled(server, f"what is logged, {port}"),
        HttpAttacker(getattr(server, port)) as attacker,
    ):
        for data in FLOODS.values():
            attacker.knock([data], 0.5)
