"""Brokers that a node cannot use, and what the operator is told."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    NoPermissionError,
    ReadOnlyError,
    TimeoutError,
)

from fortepiano.net.bus_errors import BusError
from fortepiano.server.broker_check import check, trouble

GOOD = {"redis_version": "7.0.15", "redis_mode": "standalone", "role": "master"}


class Broker:
    """A broker that answers `INFO` with some facts, or refuses commands."""

    def __init__(self, info: dict[str, Any], refuses: tuple[str, ...] = ()) -> None:
        self._info = info
        self._refuses = refuses
        self.heard: list[tuple[Any, ...]] = []

    async def execute(self, *words: Any) -> Any:
        self.heard.append(words)
        if words[0] in self._refuses:
            raise NoPermissionError(f"this user has no permissions to run {words[0]!r}")
        return self._info if words[0] == "INFO" else 0


async def test_a_good_one() -> None:
    broker = Broker(GOOD)
    await check(broker.execute, "{p}:n:0")
    assert broker.heard == [("INFO",), ("PUBLISH", "{p}:n:0", b"")]


async def test_one_that_does_not_let_this_user_ask() -> None:
    await check(Broker(GOOD, ("INFO",)).execute, "{p}:n:0")


@pytest.mark.parametrize(
    ("facts", "told", "is_mistake"),
    [
        ({"redis_version": "6.2.14"}, "is too old: Redis 7 or Valkey 7.2 is needed", True),
        ({"redis_version": "x"}, "is too old", True),
        ({"redis_mode": "cluster"}, "belongs to a Redis Cluster", True),
        ({"redis_mode": "sentinel"}, "is a sentinel", True),
        ({"role": "slave"}, "is a replica: the URL must name the master", False),
    ],
)
async def test_bad_ones(facts: dict[str, Any], told: str, is_mistake: bool) -> None:
    with pytest.raises(BusError) as error:
        await check(Broker(GOOD | facts).execute, "{p}:n:0")
    found = trouble(error.value)
    assert found.text.startswith(told)
    assert found.is_mistake is is_mistake


async def test_one_on_which_this_user_may_not_publish() -> None:
    with pytest.raises(NoPermissionError) as error:
        await check(Broker(GOOD, ("PUBLISH",)).execute, "{p}:n:0")
    assert trouble(error.value).is_mistake


@pytest.mark.parametrize(
    ("error", "told", "is_mistake"),
    [
        (AuthenticationError("invalid username-password pair"), "has another user or pass", True),
        (AuthenticationError("Authentication required."), "wants a password", True),
        (
            AuthenticationError("AUTH <password> called without any password configured for"),
            "has no password, but the URL has one",
            True,
        ),
        (NoPermissionError("no permissions to access a channel"), "lets this user use no", True),
        (NoPermissionError("no permissions to run 'eval'"), "gives this user too few", True),
        (ReadOnlyError("You can't write against a read only replica."), "is a replica", False),
        (BusyLoadingError("loading the dataset"), "cannot be reached: loading", False),
        (ConnectionError("Connection refused"), "cannot be reached: Connection refused", False),
        (TimeoutError("Timeout reading"), "cannot be reached: Timeout reading", False),
        (OSError(113, "No route to host"), "cannot be reached: No route to host", False),
    ],
)
def test_failures(error: Exception, told: str, is_mistake: bool) -> None:
    found = trouble(error)
    assert found.text.startswith(told)
    assert found.is_mistake is is_mistake
    assert "\n" not in found.text
