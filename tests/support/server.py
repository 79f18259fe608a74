"""The real `fortepiano serve` as a child process, on ports and a data directory of its own."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from fortepiano.model.tokens import mint
from fortepiano.model.user_ids import new_user_id
from fortepiano.store import DATABASE
from fortepiano.store.records import TokenScope
from fortepiano.store.sqlite import SQLiteStore
from fortepiano.wall_clock import now_ms
from support.orphan_process import OrphanProcess, adopt_orphans
from support.presets import PRESETS, Preset

READY_SECONDS = 30.0
"""Seconds for a server to answer /readyz; generous, because test machines are shared."""

STOP_SECONDS = 15.0
"""Seconds for a server to exit after SIGTERM: the ten seconds of the drain and some more."""

NOBODY_IS_EXEMPT = {"FORTEPIANO_LIMITS__EXEMPT": "[]"}
"""Settings of a server on which all limits are as by default, and hold for this machine too."""

FAULT = re.compile(
    r"Traceback \(most recent call last\)|panicked at"
    r"|\blevel\W+(?:error|critical)\b|\[\s*(?:error|critical)\s*\]|^\s*(?:ERROR|CRITICAL)\b",
    re.IGNORECASE | re.MULTILINE,
)
"""Texts that must not appear in the log of a healthy server."""

# The settings of the person who runs the tests must not leak into the servers under test.
_OURS = re.compile(r"FORTEPIANO_|(?:WS_PORT|NODE_ENV|SALT1|SALT2)$")


_given: set[int] = set()
"""Ports that this process has given to tests; a server may not listen on its own yet."""


def _ports() -> range:
    """Return the ports of this process: those of workers that run side by side are disjoint."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return range(20_000 + worker, 32_000, workers)


def free_port() -> int:
    """Return a TCP port on which no process listens.

    The port is below the ephemeral range, so no client socket can take it while a server restarts.
    """
    left = [port for port in _ports() if port not in _given]
    if not left:
        _given.clear()
        left = list(_ports())
    for port in random.sample(left, min(200, len(left))):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise RuntimeError("no free port between 20000 and 32000")


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment without fortepiano's variables, and with `settings`."""
    return {k: v for k, v in os.environ.items() if not _OURS.match(k)} | settings


class Server:
    """A `fortepiano serve` of its own; start it with `run_server`, or by hand for restarts.

    Attributes:
        port: The public port.
        internal_port: The internal port.
        folder: Working directory of the process; its data directory is `folder / "data"`.
        process: The child process, `None` before the first start.
        preset: The preset of its rules; its settings may differ from that.
        tokens: Staff tokens by scope, where `run_server` or a `Fleet` made them.
        custom_notes: Whether its rules pass notes with names that no key has.
    """

    used: ClassVar[set[Server]] = set()
    """Servers whose logs are searched for errors after each test (see conftest.py)."""

    def __init__(
        self,
        *arguments: str,
        before_exec: Callable[[], None] | None = None,
        over: Path | None = None,
        first: bytes = b"",
        stdout: int | None = None,
        **settings: str,
    ) -> None:
        """Prepare, but do not start.

        Args:
            arguments: More arguments of `fortepiano serve`, after the two ports.
            before_exec: Runs in the child before the server does, e.g. to set resource limits.
            over: The Unix socket that it listens on, if the arguments say so.
            first: Bytes that each connection from 127.0.0.1 must begin with.
            stdout: The descriptor that it logs to; then `log` has only what it writes to stderr.
            settings: Environment variables, e.g. NODE_ENV="development".
        """
        self.port = free_port()
        self.internal_port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="fortepiano-test-")
        self.folder = Path(self._folder.name)
        self.process: subprocess.Popen[bytes] | OrphanProcess | None = None
        self._arguments = arguments
        self._before_exec = before_exec
        self._over = over
        self._first = first
        self._stdout = stdout
        self._settings = settings
        self._looked_at = 0
        self.preset: Preset = PRESETS[settings.get("FORTEPIANO_RULES__PRESET", "quick")]
        self.tokens: dict[str, str] = {}
        self.custom_notes = settings.get("FORTEPIANO_RULES__CUSTOM_NOTES") == "true"

    def next_node(self) -> Server:
        """Return the server that the next connection goes to; a server alone is always that."""
        return self

    async def barrier(self, *, for_lists: bool = False) -> bool:
        """Wait until all nodes have what any node was sent; return whether there are several.

        Args:
            for_lists: Whether the lists of rooms are to be complete too.
        """
        del for_lists  # nothing is collected here
        return False

    @property
    def url(self) -> str:
        """The public port, for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def internal_url(self) -> str:
        """The internal port, for HTTP."""
        return f"http://127.0.0.1:{self.internal_port}"

    @property
    def ws_url(self) -> str:
        """The public port, for WebSockets; add a path."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self.process is not None, "the server was never started"
        return self.process.pid

    @property
    def log(self) -> str:
        """Everything that the server wrote to stdout and stderr, over all its starts."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def moment(self, event: str) -> datetime:
        """Return when the server logged this event for the last time; its line may be due yet."""
        deadline = time.monotonic() + READY_SECONDS
        while not (times := self._times(event)):
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)
        return datetime.fromisoformat(times[-1])

    def _times(self, event: str) -> list[str]:
        lines = [
            json.loads(line)
            for line in self.log.splitlines()
            if line.startswith("{") and line.endswith("}")
        ]
        return [line["timestamp"] for line in lines if line.get("event") == event]

    @property
    def resident_bytes(self) -> int:
        """The process's resident set size."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    @property
    def command(self) -> Sequence[str]:
        """The command line."""
        ports = ["--port", str(self.port), "--internal-port", str(self.internal_port)]
        return [sys.executable, "-m", "fortepiano", "serve", *ports, *self._arguments]

    def start(self) -> None:
        """Start the process and return when /readyz answers 200.

        Raises:
            RuntimeError: The process exited, or did not get ready; the message contains its log.
        """
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=environment(**self._settings),
                stdin=subprocess.DEVNULL,
                stdout=log if self._stdout is None else self._stdout,
                stderr=log,
                preexec_fn=self._before_exec,
            )
        Server.used.add(self)
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"exit status {self.process.returncode}:\n{self.log}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"not ready after {READY_SECONDS} s:\n{self.log}")
            time.sleep(0.02)

    def configure(self, **settings: str) -> None:
        """Add environment variables; for the processes that start from now on."""
        self._settings |= settings

    def refusal(self) -> str:
        """Start the process, which must refuse to serve; return what it says on stderr."""
        done = subprocess.run(
            self.command,
            cwd=self.folder,
            env=environment(**self._settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=READY_SECONDS,
            check=False,
        )
        assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
        return done.stderr

    def make_token(self, scope: TokenScope) -> str:
        """Create a staff token of this scope, and return it.

        Before the first start the token goes straight into the store; the command needs a second.
        """
        data = self.folder / "data"
        if self.process is None and "FORTEPIANO_STORE__URL" not in self._settings:
            user = new_user_id() if scope in ("bot", "user") else ""
            token, record = mint(scope, "", now_ms(), None, user)
            store = SQLiteStore(data / DATABASE)
            store.open()
            store.save_token(record)
            store.close()
            return token
        made = subprocess.run(
            [
                *(sys.executable, "-m", "fortepiano", "token", "create"),
                *("--scope", scope, "--data-dir", str(data)),
            ],
            cwd=self.folder,
            env=environment(**self._settings),
            capture_output=True,
            text=True,
            timeout=READY_SECONDS,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        return made.stdout.split()[-1]

    def is_ready(self) -> bool:
        """Tell whether /readyz answers 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.sock = self._connected()
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _connected(self) -> socket.socket:
        """Connect to the public port, or to the Unix socket in its place."""
        if self._over is None:
            connection = socket.create_connection(("127.0.0.1", self.port), timeout=2)
        else:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(2)
            try:
                connection.connect(str(self._over))
            except OSError:
                connection.close()
                raise
        connection.sendall(self._first)
        return connection

    def begin_stop(self) -> None:
        """Send SIGTERM if the process runs, and do not wait for its exit."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Send `with_signal` to the process, wait for its end and return its exit status."""
        assert self.process is not None, "the server was never started"
        self.process.send_signal(with_signal)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        assert self.process is not None, "the server was never started"
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Stop with SIGTERM, then start again on the same ports and data."""
        self.stop()
        self.start()

    def command_of(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `fortepiano …` in the server's folder, with its settings."""
        return subprocess.Popen(
            [sys.executable, "-m", "fortepiano", *arguments],
            cwd=self.folder,
            env=environment(**self._settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def upgrade(self) -> float:
        """Upgrade to a new process; return the pause that the command reports (ms).

        Raises:
            RuntimeError: The upgrade failed; the message is the output of the command.
        """
        with self.upgrading() as pauses:
            pass
        return pauses[0]

    @contextmanager
    def upgrading(self) -> Iterator[list[float]]:
        """Run `upgrade` while the block runs; the list gets the pause at the end."""
        assert self.process is not None, "the server was never started"
        adopt_orphans()
        pauses: list[float] = []
        with self.command_of("upgrade") as command:
            yield pauses
            output, _ = command.communicate(timeout=60)
        if command.returncode:
            raise RuntimeError(output)
        found = re.search(r"as process (\d+), after a pause of (\d+) ms", output)
        assert found, output
        assert self.process.wait(STOP_SECONDS) == 0
        self.process = OrphanProcess(int(found[1]))
        pauses.append(float(found[2]))

    def close(self) -> None:
        """Stop the server if it runs, check its log, and remove its files."""
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop()
            faults = self.new_faults()
        finally:
            Server.used.discard(self)
            self._folder.cleanup()
        assert not faults, faults

    def new_faults(self) -> str:
        """Return the log since the last call if it contains an error, else an empty text."""
        path = self.folder / "log"
        if not path.exists() or path.stat().st_size == self._looked_at:
            return ""
        with path.open("rb") as log:
            log.seek(self._looked_at)
            new = log.read()
        self._looked_at += len(new)
        text = new.decode(errors="replace")
        return text if FAULT.search(text) else ""

    def excuse(self) -> None:
        """Ignore the errors logged until now, because the test provoked them on purpose."""
        self.new_faults()


@contextmanager
def run_server(
    *arguments: str,
    before_exec: Callable[[], None] | None = None,
    over: Path | None = None,
    first: bytes = b"",
    stdout: int | None = None,
    scopes: Sequence[TokenScope] = (),
    **settings: str,
) -> Iterator[Server]:
    """Run a server during a `with` block; the other arguments are those of `Server`.

    Args:
        arguments: More arguments of `fortepiano serve`.
        before_exec: Runs in the child before the server does.
        over: The Unix socket that it listens on.
        first: Bytes that each connection begins with.
        stdout: The descriptor that it logs to.
        scopes: Scopes of its `tokens`, which are made before the start: a running server takes a
            moment to see a new one.
        settings: Environment variables.
    """
    server = Server(
        *arguments, before_exec=before_exec, over=over, first=first, stdout=stdout, **settings
    )
    try:
        server.tokens = {scope: server.make_token(scope) for scope in scopes}
        server.start()
        yield server
    finally:
        server.close()
