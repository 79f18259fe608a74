"""Starts: a server that says that it listens does so, and one that cannot says why, once."""

from __future__ import annotations

import json
import resource
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from fortepiano.store import DATABASE
from support.redis import run_redis
from support.server import Server, environment, run_server
from support.supervised import Ear, patched, run_to_its_end, sockets_passed

PATIENCE = 30.0


@pytest.fixture
def stopped() -> Iterator[Server]:
    """A server that has not been started."""
    with closing(Server()) as server:
        yield server


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    """The supervisor's end of sd_notify(3)."""
    with closing(Ear(tmp_path)) as made:
        yield made


# Ports


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost", "::"])
def test_equal_ports(stopped: Server, host: str) -> None:
    port = str(stopped.port)
    line, output = run_to_its_end(stopped, "--host", host, "--internal-port", port)
    assert line.startswith("fortepiano: internal_port: ")
    assert port in line
    assert "listening" not in output


def test_a_second_server_while_the_first_waits_for_its_store(stopped: Server) -> None:
    """The first one has the port from its beginning on; its store stays locked."""
    data = stopped.folder / "data"
    data.mkdir(mode=0o700)
    with closing(sqlite3.connect(data / DATABASE)) as lock, closing(Server()) as second:
        lock.execute("PRAGMA locking_mode = EXCLUSIVE")
        lock.execute("CREATE TABLE lock (a)")
        first = subprocess.Popen(
            stopped.command, cwd=stopped.folder, env=environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            wait_for_port(stopped.port)
            began = time.monotonic()
            second.port = stopped.port
            line, _ = run_to_its_end(second)
            assert line.startswith("fortepiano: port: cannot listen on ")
            assert first.poll() is None, "the first one still waits"
            output, errors = first.communicate(timeout=PATIENCE)
        finally:
            first.kill()
            first.wait()
        assert time.monotonic() - began < 10
    assert first.returncode == 2
    assert "listening" not in output
    (line,) = errors.splitlines()
    assert DATABASE in line
    assert "locked" in line


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return


def test_a_listener_that_goes_later_ends_the_server(stopped: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as public:
        stopped.port = public.getsockname()[1]
        with sockets_passed(stopped, [public]) as process:
            assert httpx.get(f"{stopped.url}/readyz", timeout=PATIENCE).status_code == 200
            public.shutdown(socket.SHUT_RDWR)
            assert process.wait(PATIENCE) == 1
    events = {line["event"]: line for line in map(json.loads, stopped.log.splitlines()[:4])}
    assert events["a part of the server has ended: it stops"]["part"] == "public port"
    stopped.excuse()


# Failures


@pytest.mark.needs("redis-server")
def test_a_frozen_redis(stopped: Server) -> None:
    with run_redis() as redis:
        redis.freeze()
        try:
            line, output = run_to_its_end(stopped, variables={"FORTEPIANO_STORE__URL": redis.url})
        finally:
            redis.thaw()
    assert "store.url" in line
    assert "listening" not in output


HANGING_NAMES = """
import socket, threading
def look_up(*arguments, known=socket.getaddrinfo, **options):
    if "hangs.example" in arguments:
        threading.Event().wait()
    return known(*arguments, **options)
socket.getaddrinfo = look_up
"""


@pytest.mark.parametrize(
    ("name", "text", "setting"),
    [
        ("HOST", "hangs.example", "host"),
        ("INTERNAL_HOST", "hangs.example", "internal_host"),
        ("STORE__URL", "redis://hangs.example:6379/0", "store.url"),
    ],
)
def test_a_name_server_that_is_silent(
    stopped: Server, tmp_path: Path, name: str, text: str, setting: str
) -> None:
    variables = patched(tmp_path, HANGING_NAMES) | {f"FORTEPIANO_{name}": text}
    line, _ = run_to_its_end(stopped, variables=variables)
    assert setting in line
    assert "hangs.example" in line


@pytest.mark.parametrize("most", [16, 47])
def test_too_few_files(stopped: Server, most: int) -> None:
    """With fewer the event loop's library would abort the process."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    line, _ = run_to_its_end(stopped, before_exec=limit)
    assert "LimitNOFILE" in line


# systemd

SLOW_CHECK = """
import sqlite3, time
class Slow(sqlite3.Connection):
    def execute(self, statement, *arguments):
        if "quick_check" in statement:
            time.sleep(4)
        return super().execute(statement, *arguments)
def connect(*arguments, known=sqlite3.connect, **options):
    return known(*arguments, factory=Slow, **options)
sqlite3.connect = connect
"""


def test_a_slow_start_asks_for_more_time(ear: Ear, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    variables = patched(tmp_path / "code", SLOW_CHECK) | ear.variables
    with run_server(**variables) as server:
        assert ear.until("READY=1").count("EXTEND_TIMEOUT_USEC=10000000") >= 3
        assert server.stop() == 0
        assert not [text for text in ear.until("STOPPING=1") if text.startswith("EXTEND")]


SLOW_END = """
import sqlite3, time
class Slow(sqlite3.Connection):
    def close(self):
        time.sleep(3)
        super().close()
def connect(*arguments, known=sqlite3.connect, **options):
    return known(*arguments, factory=Slow, **options)
sqlite3.connect = connect
"""


def test_a_slow_stop_asks_for_more_time(ear: Ear, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    with run_server(**patched(tmp_path / "code", SLOW_END), **ear.variables) as server:
        ear.until("READY=1")
        server.begin_stop()
        heard = ear.until("EXTEND_TIMEOUT_USEC=10000000")
        assert "STOPPING=1" in heard
        ear.until("EXTEND_TIMEOUT_USEC=10000000")
        assert server.stop() == 0


def test_ready_means_that_everything_accepts(ear: Ear) -> None:
    """All three doors: the public port, the internal one, and that of commands."""
    with closing(Server(**ear.variables)) as server, ExitStack() as stack:
        with (server.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                server.command, cwd=server.folder, env=environment(**ear.variables),
                stdout=log, stderr=log,
            )  # fmt: skip
        server.process = process
        stack.callback(process.wait)
        stack.callback(process.kill)
        ear.until("READY=1")
        for port in (server.port, server.internal_port):
            assert httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
        with server.command_of("reload") as reload:
            output, _ = reload.communicate(timeout=PATIENCE)
        assert reload.returncode == 0, output
        assert server.stop() == 0
