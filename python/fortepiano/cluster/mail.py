"""The messages of this node to others: encoded, and handed to the hub in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.cluster.messages import encode

if TYPE_CHECKING:
    from fortepiano.cluster.messages import Message
    from fortepiano.native import Hub

__all__ = ["Mail"]


class Mail:
    """Posts messages to other nodes.

    Args:
        hub: The hub, whose publications are in the same order.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def post(self, nid: int, message: Message, room: int | None = None) -> None:
        """Post a message to a node.

        Args:
            nid: The number of the node.
            message: The message.
            room: The number in the hub of the room that it is about: what happened there before
                goes first. None for a message that is about no room.
        """
        self._hub.post(nid, encode(message), room)

    def post_all(self, message: Message) -> None:
        """Post a message to all other nodes."""
        self._hub.post_all(encode(message))
