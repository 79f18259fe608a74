"""Servers, rooms and clients for all tests; tests whose program is missing are skipped."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import cache

import pytest

from support.fleet import Fleet
from support.presets import PRESETS, Preset
from support.server import Server, run_server
from support.websocket_clients import Clients, ClientsFactory, new_room

PACKAGES = {
    "node": "nodejs",
    "npm": "npm",
    "chromium": "chromium",
    "promtool": "prometheus",
    "nginx": "nginx",
    "haproxy": "haproxy",
    "systemd-analyze": "systemd",
    "ip": "iproute2",
}
"""Programs that `@pytest.mark.needs` may name, and the Debian packages they come from."""

FLAGS = {"nginx": "-v", "caddy": "version", "openssl": "version", "ip": "-V", "haproxy": "-v"}
"""Options that print the version, of programs that do not know `--version`."""

MANY_FILES = 256
"""Open files beyond which unreachable hubs, each with two, are collected at once."""


@pytest.fixture(scope="session", params=PRESETS)
def preset(request: pytest.FixtureRequest) -> Preset:
    """The rules under test."""
    return PRESETS[request.param]


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """The servers that tests share, by their settings."""
    fleet = Fleet()
    yield fleet
    fleet.close()


@pytest.fixture
async def clients_with(fleet: Fleet, preset: Preset) -> AsyncIterator[ClientsFactory]:
    """Make clients on a server with these settings: `clients_with(NAME="value")`.

    Every connection is a new user there, unless NODE_ENV is set otherwise.
    """
    async with AsyncExitStack() as stack:

        def make(**settings: str) -> Clients:
            clients = Clients(fleet.server(preset, **({"NODE_ENV": "development"} | settings)))
            stack.push_async_exit(clients)
            return clients

        yield make


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server on which every connection is a new user (NODE_ENV=development)."""
    with run_server(NODE_ENV="development") as running:
        yield running


@pytest.fixture(scope="session")
def server_by_address() -> Iterator[Server]:
    """A server with default settings: each address is one user."""
    with run_server() as running:
        yield running


@pytest.fixture
async def clients(server: Server) -> AsyncIterator[Clients]:
    """New users on `server`."""
    async with Clients(server) as clients:
        yield clients


@pytest.fixture
async def clients_by_address(server_by_address: Server) -> AsyncIterator[Clients]:
    """Users with addresses and several tabs, on `server_by_address`."""
    async with Clients(server_by_address) as clients:
        yield clients


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
def runs(program: str) -> bool:
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
    """Skip a test whose program is missing; where CI=true fail it, so that no gap goes unseen."""
    for mark in item.iter_markers("needs"):
        (program,) = mark.args
        if runs(program):
            continue
        if os.environ.get("CI") == "true":
            pytest.fail(how_to_get(program), pytrace=False)
        pytest.skip(how_to_get(program))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Collect the garbage of a process with many open files: select(2) knows 1024 at most."""
    if len(os.listdir("/proc/self/fd")) > MANY_FILES:
        gc.collect()
