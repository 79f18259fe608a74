"""An upgrade takes no longer with a store that has grown for years."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fortepiano.store import DATABASE
from support.large_store import fill_redis, fill_sqlite
from support.redis import run_redis
from support.server import Server
from support.websocket_clients import Clients, new_address

pytestmark = [pytest.mark.ops, pytest.mark.timeout(420)]

PEOPLE, ACTS = 300_000, 75_000
UPGRADES = 5
PAUSE_MS = 150.0


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that has had 300 000 users."""
    if request.param == "sqlite":
        server = Server()
        fill_sqlite(server.folder / "data", people=PEOPLE, acts=ACTS, bans=1000)
        yield from started(server)
        return
    with run_redis("--appendfsync", "no") as redis:
        with redis.client() as client:
            fill_redis(client, "fortepiano", people=PEOPLE, acts=ACTS)
        yield from started(Server(FORTEPIANO_STORE__URL=redis.url))


def started(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.close()


async def test_the_pause_does_not_grow_with_the_store(server: Server) -> None:
    async with Clients(server) as clients:
        client = await clients.enter("room", address=new_address())
        pauses: list[float] = []
        # Other work on the machine adds to the pause: retry until a quiet moment.
        while len(pauses) < 3 * UPGRADES and not (
            len(pauses) >= UPGRADES and statistics.median(pauses[-UPGRADES:]) <= PAUSE_MS
        ):
            name = f"Name {len(pauses)}"
            await client.send({"m": "userset", "set": {"name": name}})
            pauses.append(await asyncio.to_thread(server.upgrade))
        print(f"{PEOPLE} users, ms: {pauses}")
        assert statistics.median(pauses[-UPGRADES:]) <= PAUSE_MS
        await client.received()
        await asyncio.to_thread(server.restart)
        again = await clients.enter("room", address=client.address)
        ch = next(one for one in again.log if one["m"] == "ch")
        assert name in [one["name"] for one in ch["ppl"]]


FAILS_LATE = """
import sys
if '--take-over' in sys.argv:
    import fortepiano.upgrade
    def restore(*_):
        raise LookupError("nothing fits")
    fortepiano.upgrade.restore = restore
"""


def content(server: Server) -> list[str]:
    with closing(sqlite3.connect(server.folder / "data" / DATABASE)) as database:
        return list(database.iterdump())


def test_an_upgrade_that_fails_has_written_nothing(tmp_path: Path) -> None:
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    server = Server(PYTHONPATH=path, NODE_ENV="development")
    with closing(server):
        server.start()
        with closing(sqlite3.connect(server.folder / "data" / DATABASE)) as database, database:
            # The new process would bring this name into form.
            database.execute("INSERT INTO user VALUES ('ann', ' Ann ', '#112233', 1, 1)")
        before = content(server)
        (tmp_path / "sitecustomize.py").write_text(FAILS_LATE)
        with pytest.raises(RuntimeError, match="nothing fits"):
            server.upgrade()
        server.excuse()
        assert content(server) == before
        (tmp_path / "sitecustomize.py").unlink()
        server.upgrade()
        server.stop()
        assert content(server) != before
