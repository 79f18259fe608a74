"""Bots as people run them: client libraries from npm in node, controlled by JSON lines."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from types import TracebackType
from typing import Any

from support.public_clients import FOLDER as CLIENTS
from support.server import environment

FOLDER = CLIENTS / "npm"
"""Where package.json, its lock and bot.js are, and node_modules will be."""

Event = dict[str, Any]


def install() -> None:
    """Install the libraries as the lock file has them, unless that was done before."""
    lock = FOLDER / "package-lock.json"
    done = FOLDER / "node_modules" / ".package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=FOLDER, check=True, timeout=150)
    done.touch()


class Bot:
    """One bot; its events are read when a test asks for them, like the messages of a `Client`.

    Attributes:
        log: All events so far, in order.
        me: The id of its participant.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Wrap a running node process; see `start`."""
        self.process = process
        self.log: list[Event] = []
        self.me = ""
        self._next = 0

    @classmethod
    async def start(cls, library: str, uri: str, room: str, address: str | None = None) -> Bot:
        """Start `library` and return when it is in `room`; `address` is where it comes from."""
        process = await asyncio.create_subprocess_exec(
            "node",
            str(FOLDER / "bot.js"),
            library,
            uri,
            room,
            *([address] if address else []),
            cwd=FOLDER,
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        bot = cls(process)
        bot.me = (await bot.expect("ch", where=lambda ch: ch["room"] == room))["me"]
        return bot

    async def __aenter__(self) -> Bot:
        """Return the bot, which runs already."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close its stdin and wait for it to exit."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.communicate()

    async def do(self, command: str, **fields: Any) -> None:
        """Send a command of bot.js."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": command, **fields}).encode() + b"\n")
        await self.process.stdin.drain()

    async def ended(self, within: float = 20) -> int:
        """Wait until the process exits by itself, and return its exit status."""
        async with asyncio.timeout(within):
            return await self.process.wait()

    async def expect(
        self,
        event: str,
        *,
        where: Callable[[Event], bool] | None = None,
        within: float = 20,
    ) -> Event:
        """Return the next such event, skipping others; wait at most `within` seconds."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within):
            while True:
                while self._next == len(self.log):
                    line = await self.process.stdout.readline()
                    assert line, f"the bot exited; its last events: {self.log[-5:]}"
                    self.log.append(json.loads(line))
                found = self.log[self._next]
                self._next += 1
                if found["event"] == event and (where is None or where(found)):
                    return found

    def events(self, event: str) -> list[Event]:
        """Return all events of this kind that were read so far."""
        return [found for found in self.log if found["event"] == event]
