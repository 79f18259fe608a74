"""A Redis of the tests' own, which can be killed, frozen and brought back."""

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
        folder: Where it keeps its data.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        """Prepare, but do not start.

        Args:
            folder: Where it keeps its data.
            options: More options, after those that make it keep each write.
        """
        self.port = free_port()
        self.folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        """Return a client to look inside with; to be closed."""
        return redis.Redis(port=self.port, decode_responses=True)

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._run(
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.folder), "--save", "", "--daemonize", "no"),
            *("--appendonly", "yes", "--appendfsync", "always", *self._options),
        )

    def start_sentinel(self, config: Path) -> None:
        """Start it as a sentinel instead."""
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
        """Have it accept connections, but say nothing any more (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a warning (SIGKILL); harmless if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Remove its data; it must not be running."""
        assert self._process is None
        for file in sorted(self.folder.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def run_redis(*options: str) -> Iterator[RedisServer]:
    """Run a Redis with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="fortepiano-redis-") as folder:
        server = RedisServer(Path(folder), *options)
        try:
            server.start()
            yield server
        finally:
            server.kill()
