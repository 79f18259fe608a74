"""A bot that plays a chord when somebody in its room writes `!chord`."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def main(url: str = "ws://localhost:8080", room: str = "my-room") -> None:
    """Join `room`, and answer until the server closes the connection."""
    async with connect(url) as socket:
        await socket.send(json.dumps([{"m": "hi"}, {"m": "ch", "_id": room}]))
        async for frame in socket:
            for message in json.loads(frame):
                if message["m"] == "a" and message["a"] == "!chord":
                    chord = [{"n": note, "v": 0.5} for note in ("c3", "e3", "g3")]
                    await socket.send(json.dumps([{"m": "n", "t": message["t"], "n": chord}]))


asyncio.run(main(*sys.argv[1:]))
