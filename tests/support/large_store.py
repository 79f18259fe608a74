"""Stores as they are after years: many users, acts and bans, written without a server."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import orjson
import redis

from fortepiano.store import DATABASE
from fortepiano.store.records import AuditRecord, BanRecord, UserRecord
from fortepiano.store.redis import VERSION
from fortepiano.store.sqlite import SQLiteStore
from fortepiano.wall_clock import now_ms

__all__ = ["fill_redis", "fill_sqlite", "users"]

_PIECE = 5000
"""Records that are written at once."""

_random = random.Random(18)


def _id() -> str:
    return f"{_random.getrandbits(96):024x}"


def users(count: int) -> Iterator[UserRecord]:
    """Yield users who have changed their names."""
    now = now_ms()
    for number in range(count):
        yield UserRecord(_id(), f"Player {number}", f"#{_random.getrandbits(24):06x}", now, now)


def _acts(count: int) -> Iterator[AuditRecord]:
    now = now_ms() - count
    for number in range(count):
        at = now + number
        act_id = f"{at:012x}{number:08x}{_random.getrandbits(32):08x}"
        yield AuditRecord(act_id, at, _id(), "kickban", f"room {number % 50}", _id(), "noise", {})


def _bans(count: int) -> Iterator[BanRecord]:
    now = now_ms()
    for number in range(count):
        yield BanRecord(f"room {number % 50}", _id(), None, "cli", "noise", now)


def fill_sqlite(data: Path, *, people: int, acts: int = 0, bans: int = 0) -> None:
    """Write records into the file of a data folder, which is made if there is none."""
    path = data / DATABASE
    store = SQLiteStore(path)
    store.open()
    store.close()
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            "INSERT INTO user (id, name, color, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)",
            ((one.id, one.name, one.color, one.first_seen, one.last_seen) for one in users(people)),
        )
        database.executemany(
            "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, '{}')",
            (
                (one.id, one.at, one.actor, one.action, one.room, one.subject, one.reason)
                for one in _acts(acts)
            ),
        )
        database.executemany(
            'INSERT INTO ban (room, subject, until, "by", reason, at) VALUES (?, ?, ?, ?, ?, ?)',
            ((one.room, one.subject, None, one.by, one.reason, one.at) for one in _bans(bans)),
        )


def fill_redis(client: redis.Redis, prefix: str, *, people: int, acts: int = 0) -> None:
    """Write records as a server with this prefix would; its first start makes the rest."""
    client.set(f"{{{prefix}}}:version", VERSION)
    made, done = users(people), _acts(acts)
    while some := list(islice(made, _PIECE)):
        pairs = {orjson.dumps([one.id]): orjson.dumps(one) for one in some}
        client.hset(f"{{{prefix}}}:user", mapping=pairs)  # type: ignore[misc]
    while more := list(islice(done, _PIECE)):
        times = {orjson.dumps(one): one.at for one in more}
        client.zadd(f"{{{prefix}}}:audit_of_rooms", times)  # type: ignore[misc]
