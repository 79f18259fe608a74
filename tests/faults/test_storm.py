"""A storm of reconnects: all clients come back at once and find their rooms."""

from __future__ import annotations

import time

import pytest

from support.crowd import Crowd, many_files
from support.server import run_server

CROWD = 10_000
BACK_SECONDS = 15.0
MOST_BYTES = 400 << 20

pytestmark = pytest.mark.slow


@pytest.mark.timeout(180)
def test_ten_thousand_come_back_at_once() -> None:
    many_files(CROWD)
    with run_server(NODE_ENV="development", FORTEPIANO_LIMITS__DRAIN_SECONDS="0") as server:
        crowd = Crowd(server)
        try:
            for _ in range(CROWD):
                crowd.come()
            crowd.settle()
            crowd.close()
            crowd.settle()
            begun = time.monotonic()
            for _ in range(CROWD):
                crowd.come()
            crowd.settle()
            took = time.monotonic() - begun
            assert took <= BACK_SECONDS
            assert server.resident_bytes < MOST_BYTES
            print(f"{CROWD} back in {took:.1f} s")
        finally:
            crowd.close()
