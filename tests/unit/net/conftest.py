"""The loop of the tests of the bus: uvloop, since links are no protocols of asyncio itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the loop of a test."""
    is_of_bus = item.path.name.startswith("test_bus")
    return {"loop": uvloop.new_event_loop if is_of_bus else asyncio.new_event_loop}
