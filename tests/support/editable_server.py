"""A server that runs from a copy of the package, whose handlers a test may change."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fortepiano
from support.server import Server

__all__ = ["PATIENCE", "EditableServer", "editable_server"]

PATIENCE = 20.0
"""Seconds to wait for a reload; only a failing test ever waits that long."""

_PACKAGE = Path(fortepiano.__file__).parent


class EditableServer:
    """A server with a copy of the package of its own.

    Attributes:
        server: The server; its settings file `fortepiano.toml` does not exist at first.
        package: The copy of the package.
    """

    def __init__(self, server: Server) -> None:
        """Copy the package into the folder where this server imports it from."""
        self.server = server
        self.package = server.folder / "fortepiano"
        ignored = shutil.ignore_patterns("__pycache__", "samples", "libraries")
        shutil.copytree(_PACKAGE, self.package, ignore=ignored)

    def configure(self, text: str) -> None:
        """Write the settings file."""
        (self.server.folder / "fortepiano.toml").write_text(text)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace `old`, which must occur once, in a file of the package."""
        path = self.package / file
        text = path.read_text()
        assert text.count(old) == 1, (file, old)
        path.write_text(text.replace(old, new))

    def reload(self) -> str:
        """Send SIGHUP, and return the line of the log with the outcome."""
        assert self.server.process is not None
        seen = len(self.reload_lines())
        self.server.process.send_signal(signal.SIGHUP)
        return self.next_reload_line(seen)

    def reload_lines(self) -> list[str]:
        """Return the lines of the log about reloads so far."""
        return [line for line in self.server.log.splitlines() if "fortepiano.server.reload" in line]

    def next_reload_line(self, seen: int) -> str:
        """Wait for the line about a reload that follows the first `seen` ones, and return it."""
        deadline = time.monotonic() + PATIENCE
        while len(lines := self.reload_lines()) <= seen:
            assert time.monotonic() < deadline, self.server.log
            time.sleep(0.01)
        return lines[seen]


def _ours() -> list[str]:
    """Return where this process looks for packages first."""
    return [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]


@contextmanager
def editable_server(*arguments: str, **settings: str) -> Iterator[EditableServer]:
    """Run an editable server during a `with` block; the arguments are those of `Server`."""
    server = Server(*arguments, **settings)
    try:
        made = EditableServer(server)
        server.configure(PYTHONPATH=os.pathsep.join([str(server.folder), *_ours()]))
        server.tokens["admin"] = server.make_token(
            "admin"
        )  # a running server takes a moment to see a new token
        server.start()
        yield made
    finally:
        server.close()
