"""A server whose log goes to a pipe: readers that stop, die or come back."""

from __future__ import annotations

import contextlib
import json
import os
import select
from collections.abc import Iterator
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from support.server import Server

__all__ = ["LoggingServer", "numbers"]

_SECONDS = 30.0

_LONG = "x" * 4000
"""A message of the day that makes the line about it this long."""


class LoggingServer:
    """A running server, and the pipe that it logs to.

    Attributes:
        server: The server.
        reader: The end of the pipe that nobody reads yet; -1 once closed.
    """

    def __init__(self, server: Server, reader: int, token: str) -> None:
        """Wrap a running server; see `running`."""
        self.server = server
        self.reader = reader
        self._numbers = 0
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(headers=headers, trust_env=False, timeout=_SECONDS)

    @classmethod
    @contextlib.contextmanager
    def running(cls, **settings: str) -> Iterator[LoggingServer]:
        """Run a server whose log nobody reads."""
        reader, writer = os.pipe()
        server = Server(stdout=writer, **settings)
        with contextlib.closing(server), contextlib.ExitStack() as stack:
            token = server.make_token("admin")
            server.start()
            os.close(writer)
            made = cls(server, reader, token)
            stack.callback(made.close_reader)
            with made._client:
                yield made

    def close_reader(self) -> None:
        """Let the reader die."""
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1

    def log_lines(self, count: int) -> None:
        """Reload so often, each time with a line of 4 kB; their texts are numbered."""
        file = self.server.folder / "fortepiano.toml"
        for _ in range(count):
            self._numbers += 1
            file.write_text(f'motd = "{self._numbers} {_LONG}"\n')
            self.reload()

    def reload(self) -> None:
        """Reload by the admin API."""
        port = self.server.internal_port
        url = f"http://127.0.0.1:{port}/api/v1/configuration/reload"
        self._client.post(url).raise_for_status()

    def dropped(self) -> int:
        """Return how many lines were dropped, according to the metrics."""
        text = self._client.get(f"http://127.0.0.1:{self.server.internal_port}/metrics").text
        (family,) = (
            one
            for one in text_string_to_metric_families(text)
            if one.name == "fortepiano_log_lines_dropped"
        )
        return int(family.samples[0].value)

    def read_until(self, event: str) -> list[dict[str, Any]]:
        """Read lines up to one with this event; skip those that an upgrade has cut."""
        lines: list[dict[str, Any]] = []
        rest = b""
        poll = select.poll()
        poll.register(self.reader, select.POLLIN)
        while not any(line["event"] == event for line in lines):
            assert poll.poll(_SECONDS * 1000), (event, lines[-3:], rest)
            data = os.read(self.reader, 65_536)
            assert data, (event, lines[-3:], rest)
            *whole, rest = (rest + data).split(b"\n")
            lines += [json.loads(line) for line in whole if _is_whole(line)]
        return lines


def _is_whole(line: bytes) -> bool:
    return line.startswith(b"{") and line.endswith(b"}")


def numbers(lines: list[dict[str, Any]]) -> list[int]:
    """Return the numbers of those lines that `log_lines` made."""
    return [
        int(line["changed"]["motd"].split()[0])
        for line in lines
        if line["event"] == "reloaded" and "motd" in line["changed"]
    ]
