"""Clusters that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.cluster import Cluster, run_cluster
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each test of this folder need a Redis server."""
    for item in items:
        if "tests/cluster/" in item.nodeid:
            item.add_marker(pytest.mark.needs("redis-server"))
