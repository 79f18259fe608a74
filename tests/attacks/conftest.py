"""A server whose limits hold for this machine too, and attackers on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from support.attacker import Attackers
from support.server import Server, run_server


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of its own with all limits as they are by default, but without exempt networks."""
    with run_server(FORTEPIANO_LIMITS__EXEMPT="[]") as running:
        yield running


@pytest.fixture
async def attackers(server: Server) -> AsyncIterator[Attackers]:
    """Connections that end with the test."""
    async with Attackers(server) as attackers:
        yield attackers
