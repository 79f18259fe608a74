"""The interface of a node's connection to the broker; `fortepiano.net.bus` implements it."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

__all__ = ["Bus", "Event", "OnDown", "OnEvent", "OnUp"]

Event: TypeAlias = tuple[Any, ...]
"""A thing that the hub leaves to Python, as `Hub.receive_publication` returns it."""

OnEvent: TypeAlias = Callable[[Event], object]
"""Called with each event, in the order in which one sender's publications came."""

OnUp: TypeAlias = Callable[[], object]
"""Called when the connection is up: all channels are subscribed to, and a beat came back.

Whatever was published before is lost, in both directions.
"""

OnDown: TypeAlias = Callable[[str], object]
"""Called with the reason when the connection is lost, or when the first attempt has failed."""


class Bus(Protocol):
    """A node's connection to the broker.

    What the hub publishes leaves in the order in which the hub made it. While the connection is
    down, publications are dropped.
    """

    @property
    def is_up(self) -> bool:
        """Whether publications arrive: a beat of this node came back lately."""
        ...

    def subscribe(self, channel: bytes) -> None:
        """Receive what is published on a channel from now on, after each reconnect too.

        The request takes its place behind all that the hub has published before.

        Args:
            channel: The name of the channel.
        """
        ...

    def unsubscribe(self, channel: bytes) -> None:
        """Receive nothing more of a channel; nothing happens if there is no subscription.

        Args:
            channel: The name of the channel.
        """
        ...
