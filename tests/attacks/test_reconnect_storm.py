"""Thousands lose their connections in one moment and come back in the next."""

from __future__ import annotations

import resource
from contextlib import closing

import httpx
import pytest

from support.bystanders import untroubled
from support.crowd import many_files
from support.server import NOBODY_IS_EXEMPT, Server, run_server
from support.storm import Storm

BACK_SECONDS = 15.0
STORM_MS = 50
CLIENT_MS = 0.02
"""A turn of the loop takes all connections that wait to be accepted, or that have ended: so notes
wait the longer, the more there are. Nobody can make so many from one address."""

CLIENT_BYTES = 8 << 10
"""The memory for one client and its user, who is remembered for a time; free pieces between them
stay for those who come next."""


def storm_of(count: int, server: Server) -> None:
    """Let everybody come, and all of them come again before the server has seen them go."""
    most, kept = (max(size << 20, count * CLIENT_BYTES) for size in (32, 8))
    with (
        untroubled(
            server,
            f"{count} reconnect at once",
            most_ms=max(STORM_MS, count * CLIENT_MS),
            most_bytes=most,
            kept_bytes=kept,
        ),
        closing(Storm(server, count)) as storm,
    ):
        storm.come(4 * BACK_SECONDS)
        took = storm.come(BACK_SECONDS)
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        print(
            f"{count} asked within {storm.sweep_seconds * 1000:.0f} ms, back in {took:.1f} s,"
            f" {storm.attempts['refused']} refused, {server.resident_bytes >> 20} MB"
        )


def test_a_thousand_come_back_at_once(server: Server) -> None:
    many_files(1000)
    storm_of(1000, server)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ten_thousand_come_back_at_once() -> None:
    """Default limits, none of them raised: each client has an address of its own."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = 10_000 if hard == resource.RLIM_INFINITY else min(10_000, hard - 1000)
    many_files(count)
    with run_server(**NOBODY_IS_EXEMPT) as server:
        storm_of(count, server)
