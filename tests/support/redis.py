"""A Redis server for tests, which they can kill, freeze and start again."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from support.server import free_port

__all__ = ["RedisServer", "run_redis"]

_READY_SECONDS = 20.0


class RedisServer:
    """A `redis-server` as a child process, on a port and in a folder of its own.

    Attributes:
        port: Its TCP port.
        folder: The folder of its data.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        """Prepare, but do not start.

        Args:
            folder: The folder of its data.
            options: More options, after those that write each change to disk.
        """
        self.port = free_port()
        self.folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def content(self, *, without: str) -> dict[str, bytes | None]:
        """Return all keys and their values, packed, except one key."""
        with redis.Redis(port=self.port) as client:
            keys = sorted(key.decode() for key in client.keys())
            return {key: client.dump(key) for key in keys if key != without}

    def client(self) -> redis.Redis:
        """Return a Redis client for tests, which the caller must close."""
        return redis.Redis(port=self.port, decode_responses=True)

    @property
    def is_running(self) -> bool:
        """Whether the server was started, and has not been killed."""
        return self._process is not None

    def start(self) -> None:
        """Start the server, and return when it answers."""
        self._run(
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.folder), "--save", "", "--daemonize", "no"),
            *("--appendonly", "yes", "--appendfsync", "always", *self._options),
        )

    def start_sentinel(self, config: Path) -> None:
        """Start the server as a sentinel instead."""
        self._run("redis-server", str(config), "--sentinel", "--port", str(self.port))

    def _run(self, *command: str) -> None:
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + _READY_SECONDS
        with self.client() as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    assert self._process.poll() is None, (self.folder / "redis.log").read_text()
                    assert time.monotonic() < deadline, "redis-server does not answer"
                    time.sleep(0.02)
                else:
                    return

    def freeze(self) -> None:
        """Stop the process (SIGSTOP): connections are accepted, but never answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue the process (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process (SIGKILL), if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Remove all data; the server must not be running."""
        assert self._process is None
        for file in sorted(self.folder.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def run_redis(*options: str) -> Iterator[RedisServer]:
    """Run an empty Redis server during a `with` block."""
    with tempfile.TemporaryDirectory(prefix="fortepiano-redis-") as folder:
        server = RedisServer(Path(folder), *options)
        try:
            server.start()
            yield server
        finally:
            server.kill()
