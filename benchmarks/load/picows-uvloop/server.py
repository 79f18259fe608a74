"""Multiplayer Piano on picows and uvloop: `server.py PORT`."""

import sys
from collections.abc import Iterable
from pathlib import Path

import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_create_server,
)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from piano import Client, Piano


def broadcast(wires: Iterable[WSTransport], text: bytes) -> None:
    """Send a text to each connection; picows writes directly to the socket."""
    for wire in wires:
        wire.send(WSMsgType.TEXT, text)


piano = Piano(broadcast)


class Talk(WSListener):  # type: ignore[misc]  # compiled, without types
    """One connection."""

    client: Client

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.client = piano.open(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            piano.receive(self.client, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        piano.close(self.client)


def listen(request: WSUpgradeRequest) -> Talk:
    """Accept any path."""
    return Talk()


async def main() -> None:
    """Serve until the process is ended."""
    server = await ws_create_server(listen, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
