"""A server whose limits hold for this machine too, and attackers on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from support.attacker import Attackers
from support.server import NOBODY_IS_EXEMPT, Server, run_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for the tests of a file, with all limits as by default; nobody is exempt."""
    with run_server(**NOBODY_IS_EXEMPT) as running:
        yield running


@pytest.fixture
async def attackers(server: Server) -> AsyncIterator[Attackers]:
    """Connections that end with the test."""
    async with Attackers(server) as attackers:
        yield attackers
