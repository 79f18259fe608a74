"""A client in a process of its own, which a test can stop or kill.

Usage: python -m support.client_process URL ROOM
"""

from __future__ import annotations

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def stay(url: str, room: str) -> None:
    """Join `room`, print the own participant id, and stay until the connection ends."""
    async with connect(url, compression=None, proxy=None) as connection:
        await connection.send(json.dumps([{"m": "hi"}, {"m": "ch", "_id": room}]))
        async for frame in connection:
            for message in json.loads(frame):
                if message["m"] == "ch":
                    print(message["p"], flush=True)


if __name__ == "__main__":
    asyncio.run(stay(sys.argv[1], sys.argv[2]))
