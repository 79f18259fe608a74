"""Servers of both presets for what clients send; npm's libraries have one of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from support.people import Company, House
from support.presets import PRESETS, Preset
from support.server import Fleet


@pytest.fixture(scope="session", params=PRESETS)
def preset(request: pytest.FixtureRequest) -> Preset:
    """The rules under test."""
    return PRESETS[request.param]


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """All servers of this folder but those of the libraries."""
    fleet = Fleet()
    yield fleet
    fleet.close()


@pytest.fixture
async def house(fleet: Fleet, preset: Preset) -> AsyncIterator[House]:
    """Make companies on servers with rules of their own: `house(NAME="value")`.

    Every connection is a new user there.
    """
    async with AsyncExitStack() as stack:

        def make(**settings: str) -> Company:
            company = Company(fleet.server(preset, **({"NODE_ENV": "development"} | settings)))
            stack.push_async_exit(company)
            return company

        yield make
