"""The admin API of a server for the tests of a file, and people on that server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from support.admin_desk import Desk
from support.websocket_clients import Clients


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """The API, with a token for each scope."""
    with Desk.opened() as made:
        yield made


@pytest.fixture
async def people(desk: Desk) -> AsyncIterator[Clients]:
    """Makes clients on the server of the desk."""
    async with Clients(desk.server) as clients:
        yield clients
