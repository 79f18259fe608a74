"""Heads of requests that RFC 9112 forbids, on both ports; an answer, and no other, comes each time.

Limits: the defaults; nobody is exempt from what is tried here.
"""

from __future__ import annotations

import pytest

from support.bad_heads import BAD_HEADS, GOOD_HEADS
from support.bystanders import untroubled
from support.http_attacker import HttpAttacker, answer
from support.server import Server

NEXT = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""A request that must not be answered after a bad head: another program may have meant it."""


@pytest.mark.parametrize("port", ["port", "internal_port"])
@pytest.mark.parametrize(("data", "status"), BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_they_are_refused_and_end_the_connection(
    server: Server, port: str, data: bytes, status: int
) -> None:
    with HttpAttacker(getattr(server, port), "127.0.0.1") as attacker:
        received = answer(attacker.connect(data + NEXT))
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [status]
    assert b"onnection: close" in received


@pytest.mark.parametrize("port", ["port", "internal_port"])
@pytest.mark.parametrize("data", GOOD_HEADS.values(), ids=GOOD_HEADS.keys())
def test_unusual_heads_that_are_valid_are_answered(server: Server, port: str, data: bytes) -> None:
    with HttpAttacker(getattr(server, port), "127.0.0.1") as attacker:
        connection = attacker.connect(data)
        received = connection.recv(65_536)
    # A handshake without a key is invalid as a handshake, not as a request.
    is_handshake = b"websocket" in data and port == "port"
    assert received.startswith(b"HTTP/1.1 ")
    assert (b"HTTP/1.1 400" in received) is is_handshake


@pytest.mark.parametrize("port", ["port", "internal_port"])
def test_a_flood_of_them_delays_nobody(server: Server, port: str) -> None:
    with (
        untroubled(server, f"bad heads, {port}"),
        HttpAttacker(getattr(server, port)) as attacker,
    ):
        attacker.knock([data for data, _ in BAD_HEADS.values()], 4)
