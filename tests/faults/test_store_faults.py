"""Servers whose store is on a locked or full disk, or cut off in the middle of a write."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fortepiano.store import DATABASE
from fortepiano.store.sqlite import SQLiteStore
from support.recovery import assert_untroubled, delays, loop_lags, ready_again
from support.server import Server, run_server
from support.websocket_clients import Client, Clients

AGAIN_SECONDS = 10.0
"""How long after the trouble the store may take to be well: its attempts grow rare meanwhile."""

CYCLES = int(os.environ.get("FORTEPIANO_KILLS", "50"))
"""How often a writer is killed; docs/design/reliability.md tells of 200."""

WRITER = """
import itertools, sys
from pathlib import Path
from fortepiano.store import BanRecord, UserRecord
from fortepiano.store.sqlite import SQLiteStore

store = SQLiteStore(Path(sys.argv[1]))
store.open()
for number in itertools.count(int(sys.argv[2])):
    store.save_user(UserRecord(f"{number % 50:024x}", str(number), "#000000"))
    store.save_ban(BanRecord("room", f"{number:024x}", None, "", str(number), 0))
    store.when_saved(lambda is_safe: is_safe and print(number, flush=True))
"""


@pytest.mark.slow
@pytest.mark.timeout(12 * CYCLES)
def test_kills_in_the_middle_of_writes(tmp_path: Path) -> None:
    path = tmp_path / DATABASE
    acknowledged = -1
    for cycle in range(CYCLES):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(acknowledged + 1)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline().strip().isdigit()
            # Not always at the same point of a group.
            killer = threading.Timer(0.007 * (cycle % 17), process.send_signal, [signal.SIGKILL])
            killer.start()
            told = process.stdout.read().split()
            killer.join()
        acknowledged = max(acknowledged + 1, *map(int, told or ["-1"]))
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        store = SQLiteStore(path)
        store.open()
        with closing(store):
            reasons = {int(ban.reason) for ban in store.bans()}
        assert reasons >= set(range(acknowledged + 1)), f"cycle {cycle}"
    assert acknowledged >= CYCLES - 1


# SQLite waits for five seconds for a lock.
@pytest.mark.parametrize(
    ("lock", "seconds"),
    [
        ("BEGIN IMMEDIATE", 6.0),
        ("BEGIN EXCLUSIVE", 6.0),
        pytest.param("BEGIN IMMEDIATE", 30.0, marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(180)
async def test_database_locked_by_another_process(lock: str, seconds: float) -> None:
    with run_server() as server:
        async with Clients(server) as clients:
            ann, bea = await clients.pair()
            path = server.folder / "data" / DATABASE
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute(lock)
                locked = asyncio.create_task(asyncio.sleep(seconds))
                await ann.send({"m": "userset", "set": {"name": "Ann"}})
                began = time.monotonic()
                await ann.send({"m": "kickban", "_id": bea.id, "ms": 3_600_000})
                told = await ann.expect("notification")
                assert "not saved yet" in told["text"]
                assert time.monotonic() - began < 3
                assert_untroubled(await delays(ann, locked.done))
                assert not await asyncio.to_thread(server.is_ready)
                other.execute("ROLLBACK")
            await ready_again(server, AGAIN_SECONDS)
            assert kept_bans(path) == [(bea.id,)]
            lags = await loop_lags(server)
            assert max(lags) <= 0.25, lags
            print(f"locked for {seconds} s, lags of the loop: {lags}")
        server.excuse()  # the log says that the store could not be written


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 2 MB; skipped where this user may not make one."""
    with tempfile.TemporaryDirectory(prefix="fortepiano-disk-") as folder:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder],
            capture_output=True,
            check=False,
        )
        if made.returncode != 0:
            pytest.skip("file systems can be mounted by root only")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def fill(disk: Path) -> Path:
    """Fill a file system to the last byte; return the file that does it."""
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb") as file:
        while True:
            file.write(bytes(1024))
            file.flush()
    return ballast


@pytest.mark.timeout(120)
async def test_full_disk(small_disk: Path) -> None:
    with run_server("--data-dir", str(small_disk / "data")) as server:
        async with Clients(server) as clients:
            ann, bea = await clients.pair()
            ballast = fill(small_disk)
            over = asyncio.Event()
            watching = asyncio.create_task(delays(ann, over.is_set))
            await rename_until_unready(server, bea)
            over.set()
            assert_untroubled(await watching)
            ballast.unlink()
            await ready_again(server, AGAIN_SECONDS)
        with closing(sqlite3.connect(small_disk / "data" / DATABASE)) as database:
            assert database.execute("SELECT count(*) FROM user").fetchone() == (1,)
        assert shutil.disk_usage(small_disk).free > 0
        server.excuse()


@pytest.mark.timeout(120)
async def test_stopped_while_the_disk_is_full(small_disk: Path, tmp_path: Path) -> None:
    """A ban that was not stored is in a file elsewhere, and in force after the next start."""
    server = Server("--data-dir", str(small_disk / "data"), TMPDIR=str(tmp_path))
    with closing(server):
        await asyncio.to_thread(server.start)
        async with Clients(server) as clients:
            ann, bea = await clients.pair()
            ballast = fill(small_disk)
            await rename_until_unready(server, bea)
            await ann.send({"m": "kickban", "_id": bea.id, "ms": 3_600_000})
            assert "not saved yet" in (await ann.expect("notification"))["text"]
        assert await asyncio.to_thread(server.stop) == 2
        told = server.log.splitlines()[-1]
        assert "the last changes are not stored: database or disk is full; " in told
        (file,) = unsaved_files(tmp_path)
        assert re.search(rf"1 ban.* are in {file}, and the next start takes them in", told)
        assert file.stat().st_mode & 0o777 == 0o600
        server.excuse()
        ballast.unlink()
        await asyncio.to_thread(server.start)
        assert kept_bans(small_disk / "data" / DATABASE) == [(bea.id,)]
        assert server.log.count("changes of the last stop are taken in") == 1
        assert unsaved_files(tmp_path) == []


def unsaved_files(folder: Path) -> list[Path]:
    """Return the files of changes that were not stored."""
    return list(folder.glob("fortepiano-unsaved-*"))


async def rename_until_unready(server: Server, client: Client) -> None:
    """Change a name until the write-ahead log needs place that there is not."""
    async with asyncio.timeout(60):
        number = 0
        while await asyncio.to_thread(server.is_ready):
            number += 1
            await client.send({"m": "userset", "set": {"name": f"{number:040}"}})
            await asyncio.sleep(0.5)  # a group, as nobody waits for a name


def kept_bans(path: Path) -> list[tuple[str]]:
    """Return who is banned according to a database."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT subject FROM ban").fetchall()
