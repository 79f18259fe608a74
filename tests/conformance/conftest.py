"""Both rule presets for every test of this folder, and the table of the conformance cases.

`pytest tests/conformance --conformance-table` prints the table.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from support import cases
from support.people import Company, House
from support.presets import PRESETS, Preset
from support.server import Fleet, Server

_tally = pytest.StashKey[cases.Tally]()


@pytest.fixture(scope="session", params=PRESETS)
def preset(request: pytest.FixtureRequest) -> Preset:
    """The rules under test."""
    return PRESETS[request.param]


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """All servers of this folder."""
    fleet = Fleet()
    yield fleet
    fleet.close()


@pytest.fixture(scope="session")
def server(fleet: Fleet, preset: Preset) -> Server:
    """A server that takes every connection for a new user (NODE_ENV=development)."""
    return fleet.server(preset, NODE_ENV="development")


@pytest.fixture(scope="session")
def home(fleet: Fleet, preset: Preset) -> Server:
    """A server on which the address is the user."""
    return fleet.server(preset)


@pytest.fixture(scope="session")
def mortal(fleet: Fleet, preset: Preset) -> Server:
    """A server like `home`, for tests that restart it."""
    return fleet.server(preset, FORTEPIANO_MOTD="It ends, and begins again.")


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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know the option that asks for the table."""
    parser.addoption(
        "--conformance-table",
        action="store_true",
        help="print which case of docs/protocol.md passes with which preset",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing counted."""
    config.stash[_tally] = cases.Tally(list(PRESETS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None] | pytest.TestReport:
    """Count each test of a case when it was called, and once more where it failed around that."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed or (report.when == "call" and report.passed):
        # A test that is not run over the presets is about a server as it is by default.
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        preset = parameters.get("preset", "quick")
        for case in cases.numbers(item.name):
            item.config.stash[_tally].count(case, preset, passed=report.passed)
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table."""
    if config.getoption("--conformance-table"):
        terminalreporter.section("conformance")
        for line in config.stash[_tally].lines():
            terminalreporter.write_line(line)
