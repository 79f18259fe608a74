"""Players who connect without a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.sync.client import ClientConnection, connect

from support.server import Server


class Player:
    """A connected client that plays."""

    def __init__(self, connection: ClientConnection, name: str, room: str, token: str) -> None:
        self._socket = connection
        hello = {"m": "hi", "token": token} if token else {"m": "hi"}
        self.send(hello, {"m": "userset", "set": {"name": name}}, {"m": "ch", "_id": room})
        self.id = str(self.receive("hi")["u"]["_id"])
        self.receive("ch")

    def send(self, *messages: dict[str, object]) -> None:
        self._socket.send(json.dumps(messages))

    def receive(self, kind: str) -> dict[str, object]:
        """Return the next message of a kind."""
        while True:
            for message in json.loads(self._socket.recv(timeout=10)):
                if message["m"] == kind:
                    return message


@contextmanager
def connected(
    server: Server, address: str, name: str, room: str, token: str = ""
) -> Iterator[Player]:
    """Connect a player from an address, with a name and in a room, until the block ends."""
    with connect(
        f"{server.next_node().ws_url}/ws",
        source_address=(address, 0),
        compression=None,
        proxy=None,
        max_queue=None,  # otherwise unread messages would hold the close frame back
    ) as connection:
        yield Player(connection, name, room, token)
