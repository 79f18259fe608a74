"""Servers under a supervisor: sockets that are passed on, and what the supervisor is told."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.server import Server, environment

__all__ = ["Ear", "activated", "patched", "run_to_its_end", "sockets_passed"]

LONGEST = 15.0
"""Seconds in which a failing start must have ended: ten, and more where tests share a machine."""


_CREDENTIALS = struct.Struct("3i")


class Ear:
    """The supervisor's end of sd_notify(3); close it when done.

    Attributes:
        variables: The environment variables of a process that shall be heard.
        last_pid: The process that has sent the last message.
    """

    def __init__(self, folder: Path) -> None:
        """Listen in a folder."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(30)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.last_pid = 0
        self.variables = {"NOTIFY_SOCKET": str(folder / "notify")}

    def until(self, last: str) -> list[str]:
        """Return all messages to the first one that is `last`."""
        heard: list[str] = []
        while last not in heard[-1:]:
            data, ((_, _, credentials), *_), _, _ = self._socket.recvmsg(4096, 256)
            self.last_pid, _, _ = _CREDENTIALS.unpack(credentials)
            heard.append(data.decode())
        return heard

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def patched(folder: Path, code: str) -> dict[str, str]:
    """Return variables that make each Python process run some code first.

    Args:
        folder: An empty folder.
        code: The code.
    """
    (folder / "sitecustomize.py").write_text(code)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run_to_its_end(
    server: Server,
    *flags: str,
    variables: dict[str, str] | None = None,
    before_exec: Callable[[], None] | None = None,
) -> tuple[str, str]:
    """Start a server that must refuse to run.

    Args:
        server: The server, not started.
        flags: More arguments.
        variables: Environment variables.
        before_exec: Runs in the child before the server does.

    Returns:
        The one line on stderr, and all of stdout.
    """
    began = time.monotonic()
    done = subprocess.run(
        [*server.command, *flags],
        cwd=server.folder,
        env=environment(**(variables or {})),
        capture_output=True,
        text=True,
        timeout=3 * LONGEST,
        check=False,
        preexec_fn=before_exec,
    )
    assert time.monotonic() - began < LONGEST
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line, done.stdout


@contextmanager
def sockets_passed(
    server: Server, listeners: Sequence[socket.socket], **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server with listening sockets, as systemd does, and kill it at the end.

    Args:
        server: The server, not started.
        listeners: The sockets, which become the descriptors from 3 on.
        variables: Environment variables.
    """
    program = (
        "import os, sys\n"
        f"for at, fd in enumerate({[one.fileno() for one in listeners]}, 100): os.dup2(fd, at)\n"
        f"for at in range({len(listeners)}): os.dup2(100 + at, 3 + at)\n"
        "os.environ['LISTEN_PID'] = str(os.getpid())\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n"
    )
    with (server.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *server.command[1:]],
            cwd=server.folder,
            env=environment(LISTEN_FDS=str(len(listeners)), **variables),
            pass_fds=[one.fileno() for one in listeners],
            stdout=log,
            stderr=log,
        )
    server.process = process
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


@contextmanager
def activated(
    server: Server, addresses: Sequence[str], names: str = "", **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `systemd-socket-activate`, which becomes the server at the first connection.

    Args:
        server: The server, not started.
        addresses: The addresses to listen on.
        names: Names of the sockets, with colons between; empty for none.
        variables: Environment variables.
    """
    passed = variables | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    command = [
        "systemd-socket-activate",
        *(f"--listen={address}" for address in addresses),
        *([f"--fdname={names}"] if names else []),
        *(f"--setenv={name}={text}" for name, text in passed.items()),
        *server.command,
    ]
    with (server.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=server.folder, env=environment(), stdout=log, stderr=log
        )
    server.process = process
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
