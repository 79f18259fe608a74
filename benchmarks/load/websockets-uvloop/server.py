"""Multiplayer Piano on `websockets` with `broadcast()`, and uvloop: `server.py PORT`."""

import sys
from pathlib import Path

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from piano import Piano

piano = Piano(lambda wires, text: broadcast(wires, text, text=True))


async def talk(connection: ServerConnection) -> None:
    """Serve one connection."""
    client = piano.open(connection)
    try:
        while True:
            piano.receive(client, await connection.recv(decode=False))
    except ConnectionClosed:
        pass
    finally:
        piano.close(client)


async def main() -> None:
    """Serve until the process is ended."""
    port = int(sys.argv[1])
    async with serve(talk, "127.0.0.1", port, compression=None, backlog=4096) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
