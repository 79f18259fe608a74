"""Stores that do not answer when they are opened, and look-ups that hang."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fortepiano.config import Settings, StoreSettings
from fortepiano.errors import StoreError
from fortepiano.store import DATABASE, open_store
from fortepiano.store.daemon_executor import DaemonExecutor
from support.redis import RedisServer, run_redis
from support.server import free_port

LONGEST = 9.0
"""Seconds in which a start must fail: less than ten, with the start of the process."""


@pytest.fixture
def frozen() -> Iterator[RedisServer]:
    """A Redis that takes connections and answers nothing."""
    with run_redis() as server:
        server.freeze()
        yield server
        server.thaw()


def refusal(folder: Path, url: str) -> str:
    """Return why the store cannot be opened, which must be said in time."""
    began = time.monotonic()
    with pytest.raises(StoreError) as caught:
        open_store(Settings(data_dir=folder, store=StoreSettings(url=url)))
    assert time.monotonic() - began < LONGEST
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.needs("redis-server")
def test_a_frozen_redis(tmp_path: Path, frozen: RedisServer) -> None:
    assert "store.url" in refusal(tmp_path, frozen.url)


@pytest.mark.needs("redis-server")
def test_frozen_sentinels(tmp_path: Path, frozen: RedisServer) -> None:
    hosts = ",".join([f"127.0.0.1:{frozen.port}"] * 20)
    assert "store.url" in refusal(tmp_path, f"redis+sentinel://{hosts}/main")


def test_nobody_there(tmp_path: Path) -> None:
    url = f"redis://ann:secret@127.0.0.1:{free_port()}/0"
    line = refusal(tmp_path, url)
    assert "store.url" in line
    assert "secret" not in line


def test_tls_that_is_never_spoken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "store.url" in refusal(tmp_path, f"rediss://127.0.0.1:{silent.getsockname()[1]}")


def test_a_locked_file(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("CREATE TABLE lock (a)")
        assert "locked" in refusal(tmp_path, "")


def test_a_process_ends_while_a_name_server_is_silent() -> None:
    program = (
        "import asyncio, socket, threading\n"
        "from fortepiano.store import redis\n"
        "socket.getaddrinfo = lambda *a, **o: threading.Event().wait()\n"
        "async def look():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    await asyncio.wait_for(loop.getaddrinfo('nowhere', 1), 0.1)\n"
        "with asyncio.Runner(loop_factory=redis._new_loop) as runner:\n"
        "    try: runner.run(look())\n"
        "    except TimeoutError: print('no answer')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "no answer\n", "")


def test_the_executor_gives_results_and_errors() -> None:
    executor = DaemonExecutor()
    assert executor.submit(int, "7").result(10) == 7
    with pytest.raises(ValueError, match="invalid literal"):
        executor.submit(int, "seven").result(10)
    executor.shutdown()
