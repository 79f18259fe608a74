"""Fixtures for tests of single modules: stores, Redis, the environment, logging."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from fortepiano.config import sources
from fortepiano.store import DATABASE, Store
from fortepiano.store.memory import MemoryStore
from fortepiano.store.redis import RedisStore
from fortepiano.store.salts import SALTS
from fortepiano.store.sqlite import SQLiteStore
from support.redis import RedisServer, run_redis


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo `logs.configure`, which commands call: restore the handlers of pytest."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    if structlog.is_configured():
        root.handlers, root.level = handlers, level
        logging.captureWarnings(False)
        structlog.reset_defaults()


@pytest.fixture
def bare_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and none of our variables in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(sources.PREFIX) or name in sources.SEED_NAMES:
            monkeypatch.delenv(name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a database that does not exist yet."""
    return tmp_path / "data" / DATABASE


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    """A Redis server that the tests of a file share."""
    with run_redis() as running:
        yield running


REDIS = pytest.param("redis", marks=pytest.mark.needs("redis-server"))


@pytest.fixture(params=["memory", "sqlite", REDIS])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of the store under test."""
    return str(request.param)


@pytest.fixture
def store(request: pytest.FixtureRequest, kind: str, path: Path) -> Iterator[Store]:
    """Each store in turn, empty and open."""
    made: Store
    if kind == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        with server.client() as client:
            client.flushall()
        made = RedisStore(server.url, "test", path.parent / SALTS)
    else:
        made = MemoryStore() if kind == "memory" else SQLiteStore(path)
    made.open()
    yield made
    made.close()
