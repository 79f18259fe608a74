"""Both rule presets for every test of this folder, and the table of the conformance cases.

`pytest tests/conformance --conformance-table` prints the table; other folders can be added. With
`--nodes 3` each server is three nodes, and each client connects to the next one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from support import cases
from support.fleet import Fleet
from support.presets import PRESETS, Preset
from support.server import Server

_tally = pytest.StashKey[cases.Tally]()


@pytest.fixture(scope="session")
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """The servers that tests share, by their settings; each of as many nodes as `--nodes` says."""
    fleet = Fleet(request.config.getoption("--nodes", default=1))
    yield fleet
    fleet.close()


@pytest.fixture
def server(fleet: Fleet, preset: Preset) -> Server:
    """A server on which every connection is a new user (NODE_ENV=development)."""
    return fleet.server(preset, NODE_ENV="development")


@pytest.fixture
def server_by_address(fleet: Fleet, preset: Preset) -> Server:
    """A server on which each address is one user."""
    return fleet.server(preset)


@pytest.fixture
def restartable_server(fleet: Fleet, preset: Preset) -> Server:
    """A server like `server_by_address`, for tests that restart it."""
    return fleet.server(preset, FORTEPIANO_MOTD="It ends, and begins again.")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that print the table and set the number of nodes."""
    parser.addoption(
        "--conformance-table",
        action="store_true",
        help="print which case of docs/conformance.md passes with which preset",
    )
    parser.addoption("--nodes", type=int, default=1, help="how many nodes each server is")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what one node does by itself, where there are several."""
    if config.getoption("--nodes", default=1) > 1:
        left_out = [item for item in items if item.get_closest_marker("one_node")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


class Counting:
    """Counts the tests of each case, also those of other folders in the same run."""

    def __init__(self, tally: cases.Tally) -> None:
        """Count into `tally`."""
        self.tally = tally

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Count each call of a test, and each failure of its setup or teardown."""
        report = yield
        if report.failed or (report.when == "call" and report.passed):
            # A test without the fixture `preset` is about a server with default settings.
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            preset = parameters.get("preset", cases.DEFAULT_PRESET)
            for mark in item.iter_markers("case"):
                for case in mark.args:
                    self.tally.count(case, preset, passed=report.passed)
        return report


def pytest_configure(config: pytest.Config) -> None:
    """Register the counting."""
    config.stash[_tally] = cases.Tally(list(PRESETS))
    config.pluginmanager.register(Counting(config.stash[_tally]))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table."""
    if config.getoption("--conformance-table", default=False):
        terminalreporter.section("conformance")
        for line in config.stash[_tally].lines():
            terminalreporter.write_line(line)
