"""A subscriber to all channels of a cluster, and the broker's count of publications."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from support.redis import RedisServer

__all__ = ["Spy", "publications", "spying"]


class Spy:
    """The messages that nodes publish.

    Attributes:
        messages: Channels and messages, in order.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []

    def streams(self) -> list[bytes]:
        """Return the messages of rooms' streams."""
        return [message for channel, message in self.messages if "}:r:" in channel]

    def size(self) -> int:
        """Return the bytes of messages and of their channels' names.

        Without those to all nodes, as the list of rooms, which is collected where much changes.
        """
        counted = [one for one in self.messages if not one[0].endswith("}:a")]
        return sum(len(channel) + len(message) for channel, message in counted)


@contextmanager
def spying(redis: RedisServer, prefix: str) -> Iterator[Spy]:
    """Listen to all channels of a prefix while the block runs."""
    spy, over = Spy(), threading.Event()
    with redis.client() as client, client.pubsub() as pubsub:
        # The messages are bytes, unlike what other tests ask for.
        client.connection_pool.connection_kwargs["decode_responses"] = False
        pubsub.psubscribe(f"{{{prefix}}}:*")

        def listen() -> None:
            while not over.is_set():
                message = pubsub.get_message(timeout=0.05)
                if message is not None and message["type"] == "pmessage":
                    spy.messages.append((message["channel"].decode(), message["data"]))

        assert pubsub.get_message(timeout=5) is not None
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield spy
            time.sleep(0.1)
        finally:
            over.set()
            thread.join()


def publications(redis: RedisServer) -> int:
    """Return how many publications the broker has had, those of scripts included."""
    with redis.client() as client:
        statistics = client.info("commandstats")
    return int(statistics.get("cmdstat_publish", {}).get("calls", 0))
