"""Clusters that the tests of this folder share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from support.cluster import Cluster, run_cluster
from support.fallible import Fallible, fallible_cluster
from support.presets import LOUD, UNHURRIED


@pytest.fixture(scope="session")
def pair() -> Iterator[Cluster]:
    """A cluster of two nodes, with loose rules."""
    with run_cluster(2, **UNHURRIED, **LOUD) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def trio() -> Iterator[Cluster]:
    """A cluster of three nodes, with loose rules."""
    with run_cluster(3, **UNHURRIED, **LOUD) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def running() -> Iterator[Fallible]:
    """A cluster whose nodes and broker may die and freeze; for all tests of a file."""
    with fallible_cluster() as made:
        yield made


@pytest.fixture
async def three(running: Fallible) -> Fallible:
    """That cluster, of which a test before left nothing dead or frozen."""
    await asyncio.to_thread(running.ready)
    return running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each test of this folder need a Redis server."""
    for item in items:
        if "tests/cluster/" in item.nodeid:
            item.add_marker(pytest.mark.needs("redis-server"))
