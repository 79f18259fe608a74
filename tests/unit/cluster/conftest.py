"""Clusters of two or three nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.nodes import Fabric


@pytest.fixture
def clusters() -> Iterator[Callable[..., Fabric]]:
    """Make clusters, which are closed after the test."""
    made: list[Fabric] = []

    def make(count: int = 2, **rules: Any) -> Fabric:
        made.append(Fabric(count, **rules))
        return made[-1]

    yield make
    for fabric in made:
        fabric.close()


@pytest.fixture(params=[2, 3])
def fabric(request: pytest.FixtureRequest, clusters: Callable[..., Fabric]) -> Fabric:
    """A cluster of two nodes, and one of three."""
    return clusters(request.param)
