"""Servers, rooms and people for all tests, and what to do where a program is missing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import cache

import pytest

from support.presets import PRESETS, Preset
from support.server import Fleet, Server, run_server
from support.websocket_clients import Company, House, new_room

PACKAGES = {
    "node": "nodejs",
    "npm": "npm",
    "chromium": "chromium",
    "promtool": "prometheus",
    "nginx": "nginx",
    "systemd-analyze": "systemd",
}
"""Programs that `@pytest.mark.needs` may name, and the Debian packages they come from."""

FLAGS = {"nginx": "-v", "caddy": "version", "openssl": "version"}
"""How to ask those for their version that do not know `--version`."""


@pytest.fixture(scope="session", params=PRESETS)
def preset(request: pytest.FixtureRequest) -> Preset:
    """The rules under test."""
    return PRESETS[request.param]


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """All servers that tests share by what is set there."""
    fleet = Fleet()
    yield fleet
    fleet.close()


@pytest.fixture
async def house(fleet: Fleet, preset: Preset) -> AsyncIterator[House]:
    """Make companies on servers with rules of their own: `house(NAME="value")`.

    Every connection is a new user there, unless NODE_ENV says otherwise.
    """
    async with AsyncExitStack() as stack:

        def make(**settings: str) -> Company:
            company = Company(fleet.server(preset, **({"NODE_ENV": "development"} | settings)))
            stack.push_async_exit(company)
            return company

        yield make


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that takes every connection for a new user (NODE_ENV=development)."""
    with run_server(NODE_ENV="development") as running:
        yield running


@pytest.fixture(scope="session")
def home() -> Iterator[Server]:
    """A server as it is by default: the address is the user."""
    with run_server() as running:
        yield running


@pytest.fixture
async def guests(server: Server) -> AsyncIterator[Company]:
    """People whom nobody has seen before, on `server`."""
    async with Company(server) as company:
        yield company


@pytest.fixture
async def family(home: Server) -> AsyncIterator[Company]:
    """People with addresses and tabs, on `home`."""
    async with Company(home) as company:
        yield company


@pytest.fixture
def room() -> str:
    """A room name that no other test uses."""
    return new_room()


@pytest.fixture(autouse=True)
def no_faults_in_the_logs() -> Iterator[None]:
    """Fail a test in which a server logged an error or a traceback."""
    yield
    for used in list(Server.used):
        faults = used.new_faults()
        assert not faults, faults


@cache
def present(program: str) -> bool:
    """Tell whether `program --version` runs: a name in PATH alone may be a dead link."""
    flag = FLAGS.get(program, "--version")
    try:
        done = subprocess.run([program, flag], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def how_to_get(program: str) -> str:
    """Return one line that says that `program` is missing and how to install it."""
    return f"{program} is missing: apt-get install {PACKAGES.get(program, program)}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is missing; where CI=true fail it, so that nothing goes unseen."""
    for mark in item.iter_markers("needs"):
        (program,) = mark.args
        if present(program):
            continue
        if os.environ.get("CI") == "true":
            pytest.fail(how_to_get(program), pytrace=False)
        pytest.skip(how_to_get(program))
