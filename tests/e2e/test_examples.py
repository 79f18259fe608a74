"""The bots of examples/, run as their README says, against a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from support import bot
from support.server import environment, run_server

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PATIENCE = 30.0
"""Seconds to wait for a message that must come."""


@contextmanager
def running(*command: str, **variables: str) -> Iterator[None]:
    """Run a bot for the length of a `with` block."""
    with subprocess.Popen(command, env=environment(NO_PROXY="127.0.0.1", **variables)) as process:
        try:
            yield
            assert process.poll() is None, "the bot ended by itself"
        finally:
            process.kill()


async def receive(connection: ClientConnection, kind: str) -> dict[str, Any]:
    """Return the next message of this kind, passing over others."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for message in json.loads(await connection.recv()):
                if message["m"] == kind:
                    return message


async def plays_a_chord(command: Sequence[str], **variables: str) -> None:
    """Start the bot in a room with one listener, which asks for the chord and receives it."""
    with run_server(NODE_ENV="development") as server:
        async with connect(server.ws_url, proxy=None) as listener:
            await listener.send(json.dumps([{"m": "hi"}, {"m": "ch", "_id": "chords"}]))
            await receive(listener, "ch")
            with running(*command, server.ws_url, "chords", **variables):
                entered = await receive(listener, "p")
                await listener.send(json.dumps([{"m": "a", "message": "!chord"}]))
                notes = await receive(listener, "n")
    assert notes["p"] == entered["id"]
    assert [note["n"] for note in notes["n"]] == ["c3", "e3", "g3"]


async def test_the_bot_in_python_plays() -> None:
    await plays_a_chord([sys.executable, str(EXAMPLES / "bot.py")])


@pytest.mark.needs("node")
@pytest.mark.needs("npm")
@pytest.mark.timeout(240)
async def test_the_bot_in_node_plays() -> None:
    bot.install()
    packages = str(bot.FOLDER / "node_modules")
    await plays_a_chord(["node", str(EXAMPLES / "bot.js")], NODE_PATH=packages)


def test_the_readme_shows_the_bot_as_it_is() -> None:
    source = (EXAMPLES / "bot.py").read_text("utf-8")
    assert f"```python\n{source}```\n" in (ROOT / "README.md").read_text("utf-8")
