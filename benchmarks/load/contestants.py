"""The servers that are compared, with their installation and start."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CONTESTANTS", "BenchError", "Contestant", "Running", "pinned"]

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "bench-load"

SERVER_CORE = 0
LOAD_CORE = 1

READY_SECONDS = 20.0
"""How long a server may take until it listens."""


class BenchError(Exception):
    """A problem that the user can solve."""


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """Return a command that runs on one core only, so that servers and load do not share one."""
    return ["taskset", "--cpu-list", str(core), *command]


@dataclass(frozen=True, slots=True)
class Running:
    """A running server.

    Attributes:
        port: Its TCP port on 127.0.0.1.
        pid: Its process id.
    """

    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server to compare.

    Attributes:
        name: Its name in tables and plots.
        folder: The folder of its source and its lock file; None for ours.
    """

    name: str
    folder: Path | None = None

    @property
    def is_node(self) -> bool:
        """Whether the server is a program for Node."""
        return self.folder is not None and (self.folder / "package.json").exists()

    @property
    def _python(self) -> Path:
        name = self.folder.name if self.folder else ""
        return BUILD / name / "bin" / "python"

    def versions(self) -> str:
        """Return the versions of the server's parts, for the page; empty for ours."""
        if self.folder is None:
            return ""
        if self.is_node:
            lock = json.loads((self.folder / "package-lock.json").read_bytes())
            node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
            version = lock["packages"]["node_modules/ws"]["version"]
            return f"ws {version}, Node {node.stdout.strip().removeprefix('v')}"
        wanted = (self.folder / "requirements.in").read_text().split()
        locked = (self.folder / "requirements.txt").read_text()
        pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", locked, re.MULTILINE))
        return ", ".join(f"{name} {pins[name]}" for name in wanted)

    def prepare(self) -> None:
        """Install the packages of the lock file, unless that has been done.

        Raises:
            BenchError: A program is missing, or the installation failed.
        """
        if self.folder is None:
            return
        lock = self.folder / ("package-lock.json" if self.is_node else "requirements.txt")
        stamp = BUILD / f"{self.folder.name}.lock"
        if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
            return
        print(f"installing {self.name}", flush=True)
        if self.is_node:
            if shutil.which("npm") is None:
                raise BenchError("npm is missing: apt-get install npm")
            install = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        else:
            environment = BUILD / self.folder.name
            subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
            quiet = ["--quiet", "--disable-pip-version-check", "--require-hashes"]
            install = [str(self._python), "-m", "pip", "install", *quiet, "-r", str(lock)]
        if subprocess.run(install, cwd=self.folder, check=False).returncode:
            raise BenchError(f"{self.name} cannot be installed; see above")
        BUILD.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(lock, stamp)

    def _command(self, port: int, scratch: Path) -> list[str]:
        if self.folder is None:
            ours = [sys.executable, "-m", "fortepiano", "serve", "--port", str(port)]
            return [*ours, "--internal-port", "0", "--data-dir", str(scratch / "data")]
        if self.is_node:
            return ["node", "server.js", str(port)]
        return [str(self._python), "server.py", str(port)]

    @contextmanager
    def run(self) -> Generator[Running, None, None]:
        """Run the server on its core for the length of a `with` block.

        Raises:
            BenchError: The server does not start.
        """
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        scratch = BUILD / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        # The user's own settings must not apply to the servers.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FORTEPIANO_")}
        with (scratch / "log").open("wb") as log:
            process = subprocess.Popen(
                pinned(SERVER_CORE, self._command(port, scratch)),
                cwd=self.folder or scratch,
                env=environment | {"NODE_ENV": "production"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait(process, port, scratch)
            yield Running(port, process.pid)
        finally:
            process.kill()
            process.wait()

    def _wait(self, process: subprocess.Popen[bytes], port: int, scratch: Path) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    log = (scratch / "log").read_text(errors="replace")
                    raise BenchError(f"{self.name} does not start:\n{log}") from None
                time.sleep(0.02)


CONTESTANTS = (
    Contestant("fortepiano"),
    Contestant("Node, ws", HERE / "node-ws"),
    Contestant("websockets", HERE / "websockets-uvloop"),
    Contestant("picows", HERE / "picows-uvloop"),
)
