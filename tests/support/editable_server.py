"""A server that runs from a copy of the package, whose handlers a test may change."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fortepiano
from support.server import Server

__all__ = ["PATIENCE", "Workshop", "workshop"]

PATIENCE = 20.0
"""Seconds to wait for a reload; only a failing test ever waits that long."""

_PACKAGE = Path(fortepiano.__file__).parent


class Workshop:
    """A server, and its own copy of all that it is made of.

    Attributes:
        server: The server; its settings file is `fortepiano.toml`, which is not there at first.
    """

    def __init__(self, server: Server) -> None:
        """Copy the package to where `python -m fortepiano` of this server looks first."""
        self.server = server
        self.package = server.folder / "fortepiano"
        ignored = shutil.ignore_patterns("__pycache__", "samples")
        shutil.copytree(_PACKAGE, self.package, ignore=ignored)

    def configure(self, text: str) -> None:
        """Write the settings file."""
        (self.server.folder / "fortepiano.toml").write_text(text)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a piece of a file of the package that stands there once."""
        path = self.package / file
        text = path.read_text()
        assert text.count(old) == 1, (file, old)
        path.write_text(text.replace(old, new))

    def reload(self) -> str:
        """Send SIGHUP, and return the line of the log that tells what came of it."""
        assert self.server.process is not None
        seen = len(self.told())
        self.server.process.send_signal(signal.SIGHUP)
        return self.next_told(seen)

    def told(self) -> list[str]:
        """Return the lines of the log about reloads."""
        return [line for line in self.server.log.splitlines() if "fortepiano.server.reload" in line]

    def next_told(self, seen: int) -> str:
        """Return the line about a reload that follows so many others."""
        deadline = time.monotonic() + PATIENCE
        while len(lines := self.told()) <= seen:
            assert time.monotonic() < deadline, self.server.log
            time.sleep(0.01)
        return lines[seen]


@contextmanager
def workshop(*arguments: str, **settings: str) -> Iterator[Workshop]:
    """Run such a server for the length of a `with` block; the arguments are those of `Server`."""
    server = Server(*arguments, **settings)
    try:
        made = Workshop(server)
        server.tokens["admin"] = server.make_token("admin")  # a running one takes a moment
        server.start()
        yield made
    finally:
        server.close()
